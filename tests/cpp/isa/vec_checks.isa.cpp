// Every operation of the logical vector against numerics::Lane, lane by lane. Compiled once
// for every instruction set, under the rules for *.isa.cpp.
#include "isa/vec_checks.h"

#include <cstddef>
#include <cstdint>

#include "cpu/vec/vec.h"
#include "numerics/scalar.h"

#define LAMINA_TEXT_OF(x) #x
#define LAMINA_TEXT(x) LAMINA_TEXT_OF(x)

namespace lamina::cpu::LAMINA_ISA {
namespace {

using numerics::builtin::bits;
using test::VecReport;

struct Generator {
  std::uint64_t state;
  std::uint64_t next() {
    state += 0x9e3779b97f4a7c15u;
    std::uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
};

template <class T>
struct Specials;
template <>
struct Specials<float> {
  static constexpr std::uint32_t bits[] = {
      0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x007fffff, 0x00800000, 0x80800000, 0x3f800000,
      0xbf800000, 0x3f7fffff, 0x40490fdb, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00000,
      0xffc00000, 0x7f800001, 0x4b000000, 0x4b400000, 0x33800000, 0x3f000000, 0xc2f00000, 0x42b17218};
};
template <>
struct Specials<double> {
  static constexpr std::uint64_t bits[] = {
      0x0000000000000000, 0x8000000000000000, 0x0000000000000001, 0x8000000000000001, 0x000fffffffffffff,
      0x0010000000000000, 0x8010000000000000, 0x3ff0000000000000, 0xbff0000000000000, 0x3fefffffffffffff,
      0x400921fb54442d18, 0x7fefffffffffffff, 0xffefffffffffffff, 0x7ff0000000000000, 0xfff0000000000000,
      0x7ff8000000000000, 0xfff8000000000000, 0x7ff0000000000001, 0x4330000000000000, 0x3ca0000000000000,
      0x36a0000000000000, 0x47efffffe0000000, 0x47efffffefffffff, 0x47effffff0000000};
};

template <class V>
struct Checks {
  using T = typename V::Scalar;
  using One = numerics::Lane<T>;
  using U = typename One::Unsigned;
  using VInt = typename V::Int;
  using OneInt = typename One::Int;
  static constexpr int lanes = V::lanes;

  const VecReport& report;
  Generator random{0x1234567u + lanes};
  T a[lanes], b[lanes], c[lanes];
  U ia[lanes], ib[lanes];

  void expect(const char* operation, bool ok) { report.check(LAMINA_TEXT(LAMINA_ISA), operation, lanes, ok); }

  static bool is_nan(T x) { return x != x; }
  /// The same bits; of a NaN only that it is one.
  static bool same(T x, T y) { return bits<U>(x) == bits<U>(y) || (is_nan(x) && is_nan(y)); }

  T draw() {
    const std::uint64_t r = random.next();
    constexpr std::size_t specials = sizeof(Specials<T>::bits) / sizeof(U);
    switch (r % 4) {
      case 0:
        return bits<T>(Specials<T>::bits[(r >> 8) % specials]);
      case 1:
        return bits<T>(static_cast<U>(random.next()));
      default:
        return static_cast<T>(static_cast<std::int32_t>(r >> 32)) / static_cast<T>(1 << 24);
    }
  }
  void fill() {
    for (int i = 0; i < lanes; ++i) {
      a[i] = draw();
      b[i] = draw();
      c[i] = draw();
      // Often equal: comparisons, and sums that cancel.
      const std::uint64_t r = random.next();
      if (r % 8 == 0) b[i] = a[i];
      if (r % 8 == 1) c[i] = -(a[i] * b[i]);
      ia[i] = r % 16 == 2 ? bits<U>(draw()) : static_cast<U>(random.next());
      ib[i] = r % 8 == 3 ? ia[i] : r % 8 == 4 ? bits<U>(draw()) : static_cast<U>(random.next());
    }
  }

  template <class Wide, class Narrow>
  void arithmetic(const char* name, Wide wide, Narrow one) {
    T out[lanes];
    wide(V::load(a), V::load(b), V::load(c)).store(out);
    bool ok = true;
    for (int i = 0; i < lanes; ++i) ok = ok && same(out[i], one(One{a[i]}, One{b[i]}, One{c[i]}).value);
    expect(name, ok);
  }
  template <class Wide, class Narrow>
  void exact(const char* name, Wide wide, Narrow one) {
    U out[lanes];
    as_int(wide(V::load(a), V::load(b))).store(out);
    bool ok = true;
    for (int i = 0; i < lanes; ++i) ok = ok && out[i] == as_int(one(One{a[i]}, One{b[i]})).value;
    expect(name, ok);
  }
  void mask(const char* name, typename V::Mask got, const bool (&wanted)[lanes]) {
    U out[lanes];
    select(got, VInt::splat(1), VInt::splat(0)).store(out);
    bool ok = true, some = false, every = true;
    for (int i = 0; i < lanes; ++i) {
      ok = ok && out[i] == static_cast<U>(wanted[i]);
      some = some || wanted[i];
      every = every && wanted[i];
    }
    select(got, V::load(a), V::load(b)).store(reinterpret_cast<T*>(c));
    for (int i = 0; i < lanes; ++i) ok = ok && bits<U>(c[i]) == bits<U>(wanted[i] ? a[i] : b[i]);
    expect(name, ok && any(got) == some && all(got) == every);
  }
  template <class Wide, class Narrow>
  void comparison(const char* name, Wide wide, Narrow one) {
    bool wanted[lanes];
    for (int i = 0; i < lanes; ++i) wanted[i] = one(One{a[i]}, One{b[i]}).set;
    mask(name, wide(V::load(a), V::load(b)), wanted);
  }
  template <class Wide, class Narrow>
  void integer(const char* name, Wide wide, Narrow one) {
    U out[lanes];
    wide(VInt::load(ia), VInt::load(ib)).store(out);
    bool ok = true;
    for (int i = 0; i < lanes; ++i) ok = ok && out[i] == one(OneInt{ia[i]}, OneInt{ib[i]}).value;
    expect(name, ok);
  }
  template <class Wide, class Narrow>
  void integer_comparison(const char* name, Wide wide, Narrow one) {
    bool wanted[lanes];
    for (int i = 0; i < lanes; ++i) wanted[i] = one(OneInt{ia[i]}, OneInt{ib[i]}).set;
    mask(name, wide(VInt::load(ia), VInt::load(ib)), wanted);
  }
  template <int N>
  void shifts() {
    integer(
        "shift_left", [](auto x, auto) { return shift_left<N>(x); },
        [](auto x, auto) { return shift_left<N>(x); });
    integer(
        "shift_right", [](auto x, auto) { return shift_right<N>(x); },
        [](auto x, auto) { return shift_right<N>(x); });
  }

  void operations() {
#define LAMINA_BOTH(test, name, parameters, expression) \
  test(name, [] parameters { return expression; }, [] parameters { return expression; })
    LAMINA_BOTH(arithmetic, "+", (auto x, auto y, auto), x + y);
    LAMINA_BOTH(arithmetic, "-", (auto x, auto y, auto), x - y);
    LAMINA_BOTH(arithmetic, "*", (auto x, auto y, auto), x * y);
    LAMINA_BOTH(arithmetic, "/", (auto x, auto y, auto), x / y);
    LAMINA_BOTH(arithmetic, "fma", (auto x, auto y, auto z), fma(x, y, z));
    LAMINA_BOTH(arithmetic, "sqrt", (auto x, auto, auto), sqrt(x));
    LAMINA_BOTH(exact, "unary -", (auto x, auto), -x);
    LAMINA_BOTH(exact, "abs", (auto x, auto), abs(x));
    LAMINA_BOTH(exact, "copysign", (auto x, auto y), copysign(x, y));
    LAMINA_BOTH(exact, "lane_min", (auto x, auto y), numerics::lane_min(x, y));
    LAMINA_BOTH(exact, "lane_max", (auto x, auto y), numerics::lane_max(x, y));
    LAMINA_BOTH(comparison, "<", (auto x, auto y), x < y);
    LAMINA_BOTH(comparison, "<=", (auto x, auto y), x <= y);
    LAMINA_BOTH(comparison, ">", (auto x, auto y), x > y);
    LAMINA_BOTH(comparison, ">=", (auto x, auto y), x >= y);
    LAMINA_BOTH(comparison, "==", (auto x, auto y), x == y);
    LAMINA_BOTH(comparison, "!=", (auto x, auto y), x != y);
    LAMINA_BOTH(comparison, "mask &", (auto x, auto y), (x < y) & (x != y));
    LAMINA_BOTH(comparison, "mask |", (auto x, auto y), (x < y) | (x == y));
    LAMINA_BOTH(comparison, "mask !", (auto x, auto y), !(x < y));
    LAMINA_BOTH(integer, "int +", (auto x, auto y), x + y);
    LAMINA_BOTH(integer, "int -", (auto x, auto y), x - y);
    LAMINA_BOTH(integer, "int &", (auto x, auto y), x & y);
    LAMINA_BOTH(integer, "int |", (auto x, auto y), x | y);
    LAMINA_BOTH(integer, "int ^", (auto x, auto y), x ^ y);
    LAMINA_BOTH(integer, "int ~", (auto x, auto), ~x);
    LAMINA_BOTH(integer, "as_int(as_float)", (auto x, auto), as_int(as_float(x)));
    LAMINA_BOTH(integer_comparison, "int ==", (auto x, auto y), x == y);
    LAMINA_BOTH(integer_comparison, "int <", (auto x, auto y), x < y);
    LAMINA_BOTH(integer_comparison, "int >", (auto x, auto y), x > y);
    LAMINA_BOTH(integer, "int select", (auto x, auto y), select(x < y, x, y));
#undef LAMINA_BOTH
    shifts<1>();
    shifts<3>();
    shifts<13>();
    shifts<sizeof(T) == 4 ? 23 : 52>();
    shifts<8 * sizeof(T) - 1>();
    constants();
    trees();
  }

  void constants() {
    T out[lanes];
    V::splat(a[0]).store(out);
    bool ok = true;
    for (int i = 0; i < lanes; ++i) ok = ok && bits<U>(out[i]) == bits<U>(a[0]);
    expect("splat", ok);
    mask_constants();
  }
  void mask_constants() {
    bool wanted[lanes];
    for (bool& w : wanted) w = true;
    mask("all true", VInt::load(ia) == VInt::load(ia), wanted);
    for (bool& w : wanted) w = false;
    mask("all false", VInt::load(ia) < VInt::load(ia), wanted);
  }

  void trees() {
    T sum[lanes], largest[lanes];
    for (int i = 0; i < lanes; ++i) sum[i] = largest[i] = a[i];
    for (int n = lanes; n > 1; n /= 2) {
      for (int i = 0; i < n / 2; ++i) {
        sum[i] = sum[i] + sum[i + n / 2];
        largest[i] = numerics::lane_max(One{largest[i]}, One{largest[i + n / 2]}).value;
      }
    }
    expect("reduce_add", same(reduce_add(V::load(a)), sum[0]));
    expect("reduce_max", bits<U>(reduce_max(V::load(a))) == bits<U>(largest[0]));
  }

#if LAMINA_ISA_AVX512
  /// Every root of two binades, hence of all: the scaling by powers of four is exact. The estimates are off
  /// by as much as they may be, whatever this processor's are.
  void roots() {
    if constexpr (sizeof(T) == 4) {
      constexpr float largest = 0x1p-14f;
      constexpr float by_lane = 2.0f;  // for each lane by lot
      constexpr float errors[] = {0.0f, largest, -largest, 0x1.8p-15f, -0x1p-16f, by_lane, by_lane, by_lane};
      for (const float off : errors) {
        bool ok = true;
        for (std::uint32_t word = 0x3f800000; word < 0x40800000; word += lanes) {
          U words[lanes];
          for (std::uint32_t i = 0; i < lanes; ++i) words[i] = word + i;
          const V x = as_float(VInt::load(words)), root = {_mm512_sqrt_ps(x.v)};
          float factors[lanes];
          for (float& factor : factors) {
            const auto lot = static_cast<float>(static_cast<std::int32_t>(random.next())) * 0x1p-31f;
            factor = 1.0f + (off == by_lane ? lot * largest : off);
          }
          const V estimate = V::load(factors) / root;
          ok = ok && all(V::sqrt_from(x, estimate) == root) && all(sqrt(x) == root);
        }
        expect("every root", ok);
      }
    }
  }
#endif

  /// All sizes, at the very end of readable and writable memory.
  void partial() {
    T* const end = reinterpret_cast<T*>(report.end_of_memory);
    for (int n = 0; n <= lanes; ++n) {
      for (int shift = 0; shift < 3; ++shift) {
        // The last elements of memory, and ones before, at no multiple of a vector.
        unsigned char* const raw = reinterpret_cast<unsigned char*>(end - n - (n > 0 ? shift : 0));
        T* const p = reinterpret_cast<T*>(raw);
        U* const q = reinterpret_cast<U*>(raw);
        T out[lanes];
        U iout[lanes];
        __builtin_memcpy(raw, a, static_cast<std::size_t>(n) * sizeof(T));
        V::load_partial(p, static_cast<std::size_t>(n)).store(out);
        VInt::load_partial(q, static_cast<std::size_t>(n)).store(iout);
        bool ok = true;
        for (int i = 0; i < lanes; ++i) {
          ok = ok && bits<U>(out[i]) == (i < n ? bits<U>(a[i]) : 0) && iout[i] == bits<U>(out[i]);
        }
        expect("load_partial", ok);
        V::load(b).store_partial(p, static_cast<std::size_t>(n));
        expect("store_partial", __builtin_memcmp(raw, b, static_cast<std::size_t>(n) * sizeof(T)) == 0);
        VInt::load(ia).store_partial(q, static_cast<std::size_t>(n));
        expect("int store_partial", __builtin_memcmp(raw, ia, static_cast<std::size_t>(n) * sizeof(T)) == 0);
      }
      // What lies behind the n lanes stays.
      T out[lanes];
      U iout[lanes];
      for (int i = 0; i < lanes; ++i) {
        out[i] = c[i];
        iout[i] = ib[i];
      }
      V::load(a).store_partial(out, static_cast<std::size_t>(n));
      VInt::load(ia).store_partial(iout, static_cast<std::size_t>(n));
      bool ok = true;
      for (int i = 0; i < lanes; ++i) {
        ok = ok && bits<U>(out[i]) == bits<U>(i < n ? a[i] : c[i]) && iout[i] == (i < n ? ia[i] : ib[i]);
      }
      expect("behind store_partial", ok);
    }
    V::load(end - lanes).store(a);
    V::load(a).store(end - lanes);
  }

  void transposed() {
    V rows[lanes];
    U in[lanes][lanes], out[lanes][lanes];
    for (auto& row : in) {
      for (U& x : row) x = static_cast<U>(random.next());
    }
    for (int i = 0; i < lanes; ++i) rows[i] = as_float(VInt::load(in[i]));
    transpose(rows);
    for (int i = 0; i < lanes; ++i) as_int(rows[i]).store(out[i]);
    bool ok = true;
    for (int i = 0; i < lanes; ++i) {
      for (int j = 0; j < lanes; ++j) ok = ok && out[i][j] == in[j][i];
    }
    expect("transpose", ok);
  }
};

/// What only floats have, or joins both widths.
void mixed(Checks<F32>& f, Checks<F64>& d) {
  f.fill();
  d.fill();
  double low[8], high[8];
  widen_low(F32::load(f.a)).store(low);
  widen_high(F32::load(f.a)).store(high);
  bool ok = true;
  for (int i = 0; i < 8; ++i) {
    ok =
        ok && d.same(low[i], static_cast<double>(f.a[i])) && d.same(high[i], static_cast<double>(f.a[8 + i]));
  }
  f.expect("widen", ok);

  float both[16];
  narrow(F64::load(d.a), F64::load(d.b)).store(both);
  ok = true;
  for (int i = 0; i < 8; ++i) {
    ok = ok && f.same(both[i], static_cast<float>(d.a[i])) && f.same(both[8 + i], static_cast<float>(d.b[i]));
  }
  f.expect("narrow", ok);

  F32::Int low_bits, high_bits;
  mul_wide(F32::Int::load(f.ia), F32::Int::load(f.ib), &low_bits, &high_bits);
  std::uint32_t l[16], h[16];
  low_bits.store(l);
  high_bits.store(h);
  ok = true;
  for (int i = 0; i < 16; ++i) {
    const std::uint64_t product = static_cast<std::uint64_t>(f.ia[i]) * f.ib[i];
    ok = ok && l[i] == static_cast<std::uint32_t>(product) &&
         h[i] == static_cast<std::uint32_t>(product >> 32);
  }
  f.expect("mul_wide", ok);
}

static_assert(F32::lanes == 16 && F64::lanes == 8);

}  // namespace

void check_vec(const VecReport& report) {
  Checks<Vec<float>> f{report};
  Checks<Vec<double>> d{report};
#if LAMINA_ISA_AVX512
  f.roots();
#endif
  for (int i = 0; i < 2000; ++i) {
    f.fill();
    f.operations();
    d.fill();
    d.operations();
    mixed(f, d);
  }
  for (int i = 0; i < 20; ++i) {
    f.fill();
    f.partial();
    f.transposed();
    d.fill();
    d.partial();
    d.transposed();
  }
}

}  // namespace lamina::cpu::LAMINA_ISA
