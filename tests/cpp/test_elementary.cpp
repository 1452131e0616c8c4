// The elementary functions: errors against the C library's wider types on a sample of all
// floats and doubles, the same bits from one lane and from every instruction set's vectors, and
// the same bits as ever (a hash). tests/accuracy runs through all floats.
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include "check.h"
#include "cpu/dispatch.h"
#include "isa/elementary_hash.h"
#include "isa/elementary_maps.h"
#include "isa/elementary_reference.h"
#include "numbers.h"
#include "numerics/elementary.h"
#include "numerics/scalar.h"

namespace {

using lamina::numerics::Lane;
using lamina::test::ElementaryHash;
using lamina::test::ElementaryMap;
using lamina::test::ElementaryMaps;
using lamina::test::error_in_ulp;
using lamina::test::kReferences;
using lamina::test::same_bits;

// The hashes of all results below. They change only with numerics::kVersion.
constexpr std::uint64_t kGoldenFloat32 = 0x61ee67e263b78fef;
constexpr std::uint64_t kGoldenFloat64 = 0xa2fbe49ed55301ae;

/// In the order of ElementaryMaps, with one lane.
template <class T>
struct OneLane {
#define LAMINA_DEFINE(name) \
  static T name(T x) { return lamina::numerics::name(Lane<T>{x}).value; }
  LAMINA_ELEMENTARY_FUNCTIONS(LAMINA_DEFINE)
#undef LAMINA_DEFINE
#define LAMINA_ENTRY(name) name,
  static constexpr T (*functions[])(T) = {LAMINA_ELEMENTARY_FUNCTIONS(LAMINA_ENTRY)};
#undef LAMINA_ENTRY
};

template <class T>
T pow_one_lane(T x, T y) {
  return lamina::numerics::pow(Lane<T>{x}, Lane<T>{y}).value;
}

/// Numbers at which something changes, of both signs.
template <class T>
std::vector<T> special_numbers() {
  using Limits = std::numeric_limits<T>;
  const T steps[] = {T(0),
                     Limits::denorm_min(),
                     Limits::min(),
                     std::nextafter(Limits::min(), T(0)),
                     Limits::epsilon(),
                     T(0.25),
                     T(0.5),
                     T(1) / 3,
                     T(1),
                     std::nextafter(T(1), T(0)),
                     std::nextafter(T(1), T(2)),
                     T(1.5),
                     T(2),
                     T(2.5),
                     T(3),
                     T(88.72283),
                     T(103.97208),
                     T(709.782712893384),
                     T(745.1332191019412),
                     T(1) / Limits::epsilon() - 1,
                     T(1) / Limits::epsilon(),
                     T(1) / Limits::epsilon() + 1,
                     T(2) / Limits::epsilon() - 1,
                     T(2) / Limits::epsilon(),
                     T(4) / Limits::epsilon(),
                     T(1e30),
                     Limits::max(),
                     Limits::infinity()};
  std::vector<T> numbers;
  for (const T step : steps) {
    numbers.push_back(step);
    numbers.push_back(-step);
  }
  numbers.push_back(Limits::quiet_NaN());
  while (numbers.size() % 16 != 0) numbers.push_back(T(1));
  return numbers;
}

/// Every 9973rd float in the order of their bits.
std::vector<float> sample_float32() {
  std::vector<float> x = special_numbers<float>();
  for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32); bits += 9973) {
    x.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
  }
  while (x.size() % 16 != 0) x.push_back(1);
  return x;
}

/// Any bits, and dense samples where the functions are neither 0, 1 nor infinite.
std::vector<double> sample_float64() {
  std::vector<double> x = special_numbers<double>();
  lamina::test::Numbers numbers(20);
  const double widths[] = {0.5, 2, 40, 800, 1e6};
  for (int i = 0; i < 8000; ++i) x.push_back(std::bit_cast<double>(numbers.bits()));
  for (const double width : widths) {
    for (int i = 0; i < 4000; ++i) {
      x.push_back(static_cast<double>(static_cast<std::int64_t>(numbers.bits())) * 0x1p-63 * width);
    }
  }
  while (x.size() % 16 != 0) x.push_back(1);
  return x;
}

template <class T>
struct PairSample {
  std::vector<T> x, y;
};

/// All pairs of special numbers; pairs whose power is in range; small integer powers.
template <class T>
PairSample<T> sample_pairs() {
  PairSample<T> pairs;
  const std::vector<T> special = special_numbers<T>();
  for (const T x : special) {
    for (const T y : special) {
      pairs.x.push_back(x);
      pairs.y.push_back(y);
    }
  }
  lamina::test::Numbers numbers(21);
  const int exponents = sizeof(T) == 4 ? 120 : 1000;
  for (int i = 0; i < 20000; ++i) {
    const double unit = static_cast<double>(numbers.bits() >> 11) * 0x1p-53;
    const int exponent = static_cast<int>(numbers.below(2 * exponents)) - exponents;
    const T x = static_cast<T>(std::ldexp(1 + unit, exponent));
    const double part = static_cast<double>(static_cast<std::int64_t>(numbers.bits())) * 0x1p-63;
    const bool integer = i % 3 == 0;
    pairs.x.push_back(integer ? static_cast<T>(part * 3) : x);
    pairs.y.push_back(integer ? static_cast<T>(numbers.below(64) - 32)
                              : static_cast<T>(part * exponents * 1.3 / (std::abs(exponent) + 0.5)));
  }
  while (pairs.x.size() % 16 != 0) {
    pairs.x.push_back(1);
    pairs.y.push_back(1);
  }
  return pairs;
}

/// The instruction sets that this machine runs.
std::vector<const ElementaryMaps*> all_maps() {
  std::vector<const ElementaryMaps*> all;
  for (const std::string& isa : lamina::cpu::available_isas()) {
    if (isa == "scalar") all.push_back(&lamina::cpu::scalar::elementary_maps);
#if LAMINA_HAS_AVX2
    if (isa == "avx2") all.push_back(&lamina::cpu::avx2::elementary_maps);
#endif
#if LAMINA_HAS_AVX512
    if (isa == "avx512") all.push_back(&lamina::cpu::avx512::elementary_maps);
#endif
#if LAMINA_HAS_NEON
    if (isa == "neon") all.push_back(&lamina::cpu::neon::elementary_maps);
#endif
  }
  return all;
}

/// The number of results that differ; the first is printed.
template <class T>
long differences(const char* what, const std::vector<T>& x, const std::vector<T>& y,
                 const std::vector<T>& expected) {
  long count = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (same_bits(y[i], expected[i])) continue;
    if (count++ == 0) {
      std::fprintf(stderr, "%s at %a: %a, one lane gives %a\n", what, static_cast<double>(x[i]),
                   static_cast<double>(y[i]), static_cast<double>(expected[i]));
    }
  }
  return count;
}

template <class T, class Wide>
void check_unary(const std::vector<T>& x, double bound, ElementaryHash& hash) {
  const std::vector<const ElementaryMaps*> all = all_maps();
  std::vector<T> y(x.size()), from_vectors(x.size());
  for (std::size_t function = 0; function < all.front()->count; ++function) {
    double worst = 0;
    T worst_x = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      y[i] = OneLane<T>::functions[function](x[i]);
      const double ulp = error_in_ulp(y[i], kReferences<Wide>[function](static_cast<Wide>(x[i])));
      if (ulp > worst) {
        worst = ulp;
        worst_x = x[i];
      }
    }
    hash.add(y.data(), y.size());
    std::printf("%-10s float%d %.3f ulp at %a\n", all.front()->float32[function].name,
                static_cast<int>(8 * sizeof(T)), worst, static_cast<double>(worst_x));
    CHECK(worst <= bound);
    for (const ElementaryMaps* maps : all) {
      const ElementaryMap<T>* map;
      if constexpr (sizeof(T) == 4) {
        map = &maps->float32[function];
      } else {
        map = &maps->float64[function];
      }
      map->apply(x.data(), from_vectors.data(), x.size());
      CHECK(differences((std::string(maps->isa) + " " + map->name).c_str(), x, from_vectors, y) == 0);
    }
  }
}

template <class T, class Wide>
void check_pow(const PairSample<T>& pairs, double bound, ElementaryHash& hash) {
  const std::size_t n = pairs.x.size();
  std::vector<T> z(n), from_vectors(n);
  double worst = 0;
  std::size_t at = 0;
  for (std::size_t i = 0; i < n; ++i) {
    z[i] = pow_one_lane(pairs.x[i], pairs.y[i]);
    const double ulp =
        error_in_ulp(z[i], std::pow(static_cast<Wide>(pairs.x[i]), static_cast<Wide>(pairs.y[i])));
    if (ulp > worst) {
      worst = ulp;
      at = i;
    }
  }
  hash.add(z.data(), n);
  std::printf("pow        float%d %.3f ulp at %a, %a\n", static_cast<int>(8 * sizeof(T)), worst,
              static_cast<double>(pairs.x[at]), static_cast<double>(pairs.y[at]));
  CHECK(worst <= bound);
  for (const ElementaryMaps* maps : all_maps()) {
    if constexpr (sizeof(T) == 4) {
      maps->pow32(pairs.x.data(), pairs.y.data(), from_vectors.data(), n);
    } else {
      maps->pow64(pairs.x.data(), pairs.y.data(), from_vectors.data(), n);
    }
    CHECK(differences((std::string(maps->isa) + " pow").c_str(), pairs.x, from_vectors, z) == 0);
  }
}

void check_golden(const char* dtype, std::uint64_t hash, std::uint64_t golden) {
  std::printf("%s: hash %016llx\n", dtype, static_cast<unsigned long long>(hash));
  CHECK(hash == golden);
}

}  // namespace

int main() {
  ElementaryHash float32, float64;
  check_unary<float, double>(sample_float32(), 1.0, float32);
  check_pow<float, double>(sample_pairs<float>(), 1.0, float32);
  check_golden("float32", float32.value(), kGoldenFloat32);
  check_unary<double, long double>(sample_float64(), 2.0, float64);
  check_pow<double, long double>(sample_pairs<double>(), 2.0, float64);
  check_golden("float64", float64.value(), kGoldenFloat64);
  return lamina::test::result();
}
