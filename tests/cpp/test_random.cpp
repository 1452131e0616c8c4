// Distributions and dropout: the same bits for every instruction set, number of threads and
// way of cutting; exact rules; and the right statistics.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numbers>
#include <string>
#include <type_traits>
#include <vector>

#include "check.h"
#include "core/error.h"
#include "core/threads.h"
#include "cpu/dispatch.h"
#include "cpu/random/random.h"
#include "fingerprint.h"
#include "numerics/distributions.h"

using namespace lamina;
using numerics::Lane;

namespace {

// Bits of numerics version 1.
constexpr std::uint64_t kGoldenUniform = 0xfcde671c103b1ff1;
constexpr std::uint64_t kGoldenNormal = 0x3cd79c597b70a790;  // also of numerics::log
constexpr std::uint64_t kGoldenMask = 0xd9c1187c08275ef9;

constexpr RandomKey key = {0x5eed5eed12345678, 0x0400010000000002};
const std::vector<std::int64_t> sizes = {0, 1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 1000};

template <class T>
std::vector<T> canonical(std::vector<T> values) {
  for (T& v : values) {
    if (std::isnan(v)) v = std::numeric_limits<T>::quiet_NaN();
  }
  return values;
}
template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

template <class T>
constexpr DType kDType = std::is_same_v<T, float> ? DType::float32 : DType::float64;

template <class T>
std::vector<T> draw(Distribution distribution, std::int64_t n, double a, double b, RandomKey k = key) {
  std::vector<T> out(static_cast<std::size_t>(n));
  RandomArguments r;
  r.dtype = kDType<T>;
  r.distribution = distribution;
  r.key = k;
  r.n = n;
  r.a = a;
  r.b = b;
  r.out = out.data();
  cpu::random(r);
  return out;
}

/// One element from its own word, with one lane.
template <class T>
T one(Distribution distribution, std::uint64_t element, double a, double b) {
  using V = Lane<T>;
  typename V::Int word;
  if constexpr (sizeof(T) == 4) {
    word.value = numerics::random_word32(key.seed, key.stream, element);
  } else {
    word.value = numerics::random_word64(key.seed, key.stream, element);
  }
  if (distribution == Distribution::uniform) {
    return numerics::uniform<V>(word, numerics::uniform_range<T>(a, b)).value;
  }
  const V z = distribution == Distribution::normal ? numerics::standard_normal<V>(word)
                                                   : numerics::truncated_normal<V>(word);
  return numerics::shifted(z, static_cast<T>(a), static_cast<T>(b)).value;
}

template <class T>
void call_kernel(const cpu::RandomKernels& table, Distribution distribution, std::int64_t n, double a,
                 double b, T* out) {
  const cpu::RandomSource source = {key.seed, key.stream, 0};
  const T x = static_cast<T>(a), y = static_cast<T>(b);
  if constexpr (sizeof(T) == 4) {
    if (distribution == Distribution::uniform) {
      table.uniform_f32(source, n, numerics::uniform_range<T>(a, b), out);
    } else if (distribution == Distribution::normal) {
      table.normal_f32(source, n, x, y, out);
    } else {
      table.truncated_normal_f32(source, n, x, y, out);
    }
  } else {
    if (distribution == Distribution::uniform) {
      table.uniform_f64(source, n, numerics::uniform_range<T>(a, b), out);
    } else if (distribution == Distribution::normal) {
      table.normal_f64(source, n, x, y, out);
    } else {
      table.truncated_normal_f64(source, n, x, y, out);
    }
  }
}

constexpr Distribution all_distributions[] = {Distribution::uniform, Distribution::normal,
                                              Distribution::truncated_normal};

template <class T>
void test_distribution_bits() {
  for (const Distribution distribution : all_distributions) {
    const double a = -0.3, b = 1.7;
    std::vector<T> expected;
    for (std::uint64_t i = 0; i < 5000; ++i) expected.push_back(one<T>(distribution, i, a, b));
    const auto head = [&](std::int64_t n) { return std::vector<T>(expected.begin(), expected.begin() + n); };
    for (const std::string& isa : cpu::available_isas()) {
      std::vector<std::int64_t> lengths = sizes;
      lengths.push_back(5000);
      for (const std::int64_t n : lengths) {
        std::vector<T> out(static_cast<std::size_t>(n) + 1, T(-77));
        call_kernel<T>(*cpu::kernels_of(isa).random, distribution, n, a, b, out.data());
        CHECK(out.back() == T(-77));
        out.pop_back();
        CHECK(same_bits(out, head(n)));
      }
    }
    for (const std::int64_t n : sizes) CHECK(same_bits(draw<T>(distribution, n, a, b), head(n)));
    threads::set_count(1);
    const std::vector<T> alone = draw<T>(distribution, 200'001, a, b);
    CHECK(same_bits(std::vector<T>(alone.begin(), alone.begin() + 5000), expected));
    for (const int n : {2, 3, 5}) {
      threads::set_count(n);
      CHECK(same_bits(draw<T>(distribution, 200'001, a, b), alone));
    }
  }
}

template <class T>
void test_uniform_rules() {
  using V = Lane<T>;
  using Unsigned = typename V::Unsigned;
  constexpr Unsigned kLast = ~Unsigned{0};
  const auto u = [](Unsigned word) { return numerics::unit_uniform<V>({word}).value; };
  const int kept = sizeof(T) == 4 ? 24 : 53, bits = 8 * static_cast<int>(sizeof(T));
  CHECK(u(0) == T(0));
  CHECK(u(kLast) == T(1) - std::ldexp(T(1), -kept));
  CHECK(u(Unsigned{1} << (bits - 1)) == T(0.5));
  CHECK(u(Unsigned{1} << (bits - kept)) == std::ldexp(T(1), -kept));
  for (Unsigned i = 0; i < 1000; ++i) {
    const Unsigned word = static_cast<Unsigned>(i * 0x9e3779b97f4a7c15u);
    CHECK(u(word) == std::ldexp(static_cast<T>(word >> (bits - kept)), -kept));
  }
  // Never high, never below low, whatever the rounding.
  struct Ends {
    double low, high;
  };
  const double tiny = std::numeric_limits<T>::denorm_min(), top = std::numeric_limits<T>::max();
  const double after_one = 1.0 + static_cast<double>(std::numeric_limits<T>::epsilon());
  for (const Ends e :
       {Ends{0, 1}, Ends{-1, 1}, Ends{1, after_one}, Ends{-tiny, tiny}, Ends{0, tiny}, Ends{-tiny, 0},
        Ends{0, top}, Ends{-top / 2, top / 2}, Ends{1e6, 1e6 + 1}, Ends{-3, -2}, Ends{-1, 0}}) {
    const T low = static_cast<T>(e.low), high = static_cast<T>(e.high);
    const auto range = numerics::uniform_range<T>(e.low, e.high);
    for (const Unsigned word : {Unsigned{0}, Unsigned{1}, kLast / 2, kLast - 1, kLast}) {
      const T v = numerics::uniform<V>({word}, range).value;
      CHECK(v >= low && v < high);
    }
    CHECK(range.largest == std::nextafter(high, -std::numeric_limits<T>::infinity()));
  }
  CHECK(numerics::uniform<V>({kLast}, numerics::uniform_range<T>(2.5, 2.5)).value == T(2.5));
}

/// The chance that a standard normal lies below z.
double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); }

template <class T>
void test_normal_rules() {
  using V = Lane<T>;
  using Unsigned = typename V::Unsigned;
  const int bits = 8 * static_cast<int>(sizeof(T));
  const auto z = [](Unsigned w) { return static_cast<double>(numerics::standard_normal<V>({w}).value); };
  const auto cut = [](Unsigned w) { return static_cast<double>(numerics::truncated_normal<V>({w}).value); };
  CHECK(z(0) < -6.33);
  CHECK(sizeof(T) == 4 || z(0) < -9.14);
  CHECK(cut(0) >= -2.0 && cut(0) < -1.999999);
  const double tolerance = sizeof(T) == 4 ? 3e-5 : 2e-13;  // of q, which is steep in z
  std::vector<Unsigned> words;
  for (int shift = 0; shift < bits - 1; ++shift) words.push_back(Unsigned{1} << shift);
  for (Unsigned i = 0; i < 4000; ++i) words.push_back(static_cast<Unsigned>(i * 0x9e3779b97f4a7c15u));
  const double whole = std::ldexp(1.0, bits), kept = std::erf(std::sqrt(2.0));
  for (const Unsigned word : words) {
    CHECK(z(word) == -z(~word));
    CHECK(cut(word) == -cut(~word));
    CHECK(std::fabs(cut(word)) <= 2.0);
    const Unsigned below = std::min(word, static_cast<Unsigned>(~word));
    const double q = (static_cast<double>(below) + 0.5) / whole;
    CHECK(std::fabs(normal_cdf(-std::fabs(z(word))) / q - 1.0) < tolerance);
    CHECK(std::fabs(normal_cdf(-std::fabs(cut(word))) / (0.5 - kept * (0.5 - q)) - 1.0) < tolerance);
  }
  // Increasing but for rounding, also where the formula changes (q = 0.0016875...).
  for (const double q : {1e-9, 1e-5, 0.0016873, 0.0016875, 0.0016877, 0.1, 0.3, 0.4999}) {
    const auto start = static_cast<Unsigned>(q * whole);
    const Unsigned step = static_cast<Unsigned>(std::ldexp(q, bits - (sizeof(T) == 4 ? 17 : 45)) + 1.0);
    bool increasing = true;
    for (Unsigned i = 0; i < 2000; ++i)
      increasing = increasing && z(start + i * step) <= z(start + (i + 1) * step);
    CHECK(increasing);
  }
}

/// The largest distance between the samples' distribution and `cdf`, times sqrt(n):
/// above 1.95 with a chance of 0.1 %.
template <class T, class Cdf>
double kolmogorov(std::vector<T> samples, Cdf cdf) {
  std::sort(samples.begin(), samples.end());
  const double n = static_cast<double>(samples.size());
  double distance = 0.0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const double p = cdf(static_cast<double>(samples[i]));
    distance = std::max({distance, p - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - p});
  }
  return distance * std::sqrt(n);
}

template <class T>
void test_statistics() {
  constexpr std::int64_t n = 1 << 18;
  const double root = std::sqrt(static_cast<double>(n));
  const double inside = std::erf(std::sqrt(2.0));
  const double cut_variance = 1.0 - 4.0 * std::exp(-2.0) / std::sqrt(2.0 * std::numbers::pi) / inside;
  for (const std::uint64_t seed : {1, 2, 3}) {
    const RandomKey k = {seed, 0};
    const auto moments = [&](const std::vector<T>& x, double mean, double variance, double fourth) {
      double m = 0.0, v = 0.0;
      for (const T value : x) m += static_cast<double>(value);
      m /= n;
      for (const T value : x) v += (static_cast<double>(value) - mean) * (static_cast<double>(value) - mean);
      v /= n;
      CHECK(std::fabs(m - mean) * root < 4.0 * std::sqrt(variance));
      CHECK(std::fabs(v - variance) * root < 4.0 * std::sqrt(fourth - variance * variance));
    };
    const auto u = draw<T>(Distribution::uniform, n, 0, 1, k);
    moments(u, 0.5, 1.0 / 12.0, 1.0 / 80.0);
    CHECK(kolmogorov(u, [](double x) { return x; }) < 1.95);
    const auto z = draw<T>(Distribution::normal, n, 0, 1, k);
    moments(z, 0.0, 1.0, 3.0);
    CHECK(kolmogorov(z, normal_cdf) < 1.95);
    const auto c = draw<T>(Distribution::truncated_normal, n, 0, 1, k);
    moments(c, 0.0, cut_variance, 3.0 * cut_variance);
    CHECK(kolmogorov(c, [&](double x) { return (normal_cdf(x) - normal_cdf(-2.0)) / inside; }) < 1.95);
    // Neighbours, and elements 16 and 64 apart (lanes, words), are uncorrelated.
    for (const std::size_t apart : {1, 16, 32, 64}) {
      double sum = 0.0;
      for (std::size_t i = 0; i + apart < z.size(); ++i) sum += static_cast<double>(z[i]) * z[i + apart];
      CHECK(std::fabs(sum) / root < 4.0);
    }
  }
  const auto shifted = draw<T>(Distribution::normal, 1000, 5.0, 0.25);
  const auto plain = draw<T>(Distribution::normal, 1000, 0.0, 1.0);
  for (std::size_t i = 0; i < plain.size(); ++i) CHECK(shifted[i] == std::fma(plain[i], T(0.25), T(5)));
}

template <class T>
std::vector<T> dropped(double rate, std::int64_t rows, std::int64_t columns, const std::vector<T>& in,
                       std::int64_t first_row = 0) {
  std::vector<T> out(in.size());
  DropoutArguments d;
  d.dtype = kDType<T>;
  d.key = key;
  d.rate = rate;
  d.rows = rows;
  d.columns = columns;
  d.first_row = first_row;
  d.in = in.data();
  d.out = out.data();
  cpu::dropout(d);
  return out;
}

bool is_kept(double rate, std::int64_t row, std::int64_t column, std::int64_t columns) {
  const std::int64_t element = row * ((columns + 63) / 64 * 64) + column;
  return numerics::random_word32(key.seed, key.stream, static_cast<std::uint64_t>(element)) >=
         static_cast<std::uint64_t>(std::floor(std::ldexp(rate, 32)));
}

template <class T>
void test_dropout() {
  for (const std::int64_t columns : sizes) {
    for (const std::int64_t rows : {0, 1, 2, 7}) {
      for (const double rate : {0.0, 0.1, 0.5, 0.999}) {
        std::vector<T> in(static_cast<std::size_t>(rows * columns));
        for (std::size_t i = 0; i < in.size(); ++i) in[i] = static_cast<T>(i) - T(20.5);
        const T scale = static_cast<T>(1.0 / (1.0 - rate));
        std::vector<T> expected(in.size());
        for (std::int64_t r = 0; r < rows; ++r) {
          for (std::int64_t c = 0; c < columns; ++c) {
            const auto i = static_cast<std::size_t>(r * columns + c);
            expected[i] = is_kept(rate, r + 3, c, columns) ? in[i] * scale : T(0);
          }
        }
        CHECK(same_bits(dropped(rate, rows, columns, in, 3), expected));
        for (const std::string& isa : cpu::available_isas()) {
          const cpu::RandomKernels& table = *cpu::kernels_of(isa).random;
          std::vector<T> out = in;  // in place, with a guard behind
          out.push_back(T(-77));
          const std::uint64_t groups = numerics::row_groups(static_cast<std::uint64_t>(columns));
          const cpu::DropoutBlock<T> block = {key.seed, key.stream, 3 * groups, groups,
                                              rows,     columns,    columns,    numerics::drop_below(rate),
                                              scale,    out.data(), out.data()};
          if constexpr (sizeof(T) == 4) {
            table.dropout_f32(block);
          } else {
            table.dropout_f64(block);
          }
          CHECK(out.back() == T(-77));
          out.pop_back();
          CHECK(same_bits(out, expected));
        }
      }
    }
  }
  // Infinities and NaN: dropped ones are +0, kept ones stay; -0 keeps its sign.
  const T inf = std::numeric_limits<T>::infinity();
  std::vector<T> odd;
  for (int i = 0; i < 100; ++i) {
    for (const T v :
         {inf, -inf, std::numeric_limits<T>::quiet_NaN(), T(-0.0), std::numeric_limits<T>::denorm_min()}) {
      odd.push_back(v);
    }
  }
  const std::vector<T> out = dropped(0.5, 1, 500, odd);
  std::vector<T> expected(odd.size());
  for (std::size_t i = 0; i < odd.size(); ++i) {
    expected[i] = is_kept(0.5, 0, static_cast<std::int64_t>(i), 500) ? odd[i] * T(2) : T(0);
  }
  CHECK(same_bits(canonical(out), canonical(expected)));
  // Cut by rows or by columns, by any number of threads, and row by row.
  for (const auto& [rows, columns] : {std::pair{3, 50'001}, std::pair{5000, 30}, std::pair{300, 333}}) {
    std::vector<T> in(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns), T(1));
    threads::set_count(1);
    const std::vector<T> alone = dropped(0.3, rows, columns, in);
    for (const int n : {2, 5}) {
      threads::set_count(n);
      CHECK(same_bits(dropped(0.3, rows, columns, in), alone));
    }
    std::vector<T> single(static_cast<std::size_t>(columns), T(1));
    const std::vector<T> last = dropped(0.3, 1, columns, single, rows - 1);
    CHECK(same_bits(last, std::vector<T>(alone.end() - columns, alone.end())));
    double kept = 0.0;
    for (const T v : alone) kept += v != T(0);
    const double n = static_cast<double>(alone.size());
    CHECK(std::fabs(kept / n - 0.7) < 4.0 * std::sqrt(0.21 / n));
  }
}

void test_mask_is_the_same_for_both_dtypes() {
  const std::vector<float> f = dropped(0.25, 9, 77, std::vector<float>(9 * 77, 1.0f));
  const std::vector<double> d = dropped(0.25, 9, 77, std::vector<double>(9 * 77, 1.0));
  bool same = true;
  for (std::size_t i = 0; i < f.size(); ++i) same = same && (f[i] != 0.0f) == (d[i] != 0.0);
  CHECK(same);
  CHECK(numerics::drop_below(0.0) == 0);
  CHECK(numerics::drop_below(0.5) == 0x80000000u);
  CHECK(numerics::drop_below(0.1) == 429496729u);
  CHECK(numerics::drop_below(std::nextafter(1.0, 0.0)) == 0xffffffffu);
}

void test_golden_bits() {
  const auto check = [](const char* name, const test::Fingerprint& print, std::uint64_t golden) {
    CHECK(print.hash() == golden);
    if (print.hash() != golden) {
      std::printf("%s 0x%016llx\n", name, static_cast<unsigned long long>(print.hash()));
    }
  };
  test::Fingerprint uniform, normal, mask;
  uniform.add(draw<float>(Distribution::uniform, 100'000, -0.3, 1.7));
  uniform.add(draw<double>(Distribution::uniform, 100'000, -0.3, 1.7));
  for (const Distribution distribution : {Distribution::normal, Distribution::truncated_normal}) {
    normal.add(draw<float>(distribution, 100'000, -0.3, 1.7));
    normal.add(draw<double>(distribution, 100'000, -0.3, 1.7));
  }
  mask.add(dropped(0.3, 50, 70, std::vector<float>(3500, 1.5f)));
  mask.add(dropped(0.3, 50, 70, std::vector<double>(3500, 1.5)));
  check("uniform", uniform, kGoldenUniform);
  check("normal", normal, kGoldenNormal);
  check("mask", mask, kGoldenMask);
}

}  // namespace

int main() {
  test_golden_bits();
  test_distribution_bits<float>();
  test_distribution_bits<double>();
  test_uniform_rules<float>();
  test_uniform_rules<double>();
  test_normal_rules<float>();
  test_normal_rules<double>();
  test_statistics<float>();
  test_statistics<double>();
  test_dropout<float>();
  test_dropout<double>();
  test_mask_is_the_same_for_both_dtypes();
  CHECK(stream_id("dropout", 3, 5) == 0x0200030000000005);
  CHECK_THROWS(stream_id("weather", 0, 0), ValueError);
  CHECK_THROWS(stream_id("user", 65536, 0), ValueError);
  CHECK_THROWS(stream_id("user", -1, 0), ValueError);
  CHECK_THROWS(stream_id("user", 0, std::int64_t{1} << 40), ValueError);
  return test::result();
}
