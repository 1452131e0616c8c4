// Integers and permutations: unbiased, as their rules say, whatever the number of threads.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <map>
#include <numeric>
#include <utility>
#include <vector>

#include "check.h"
#include "core/error.h"
#include "core/threads.h"
#include "cpu/random/random.h"
#include "fingerprint.h"
#include "numerics/integers.h"

using namespace lamina;

namespace {

constexpr RandomKey key = {0x5eed5eed12345678, 0x0400010000000002};
const std::vector<std::int64_t> sizes = {0, 1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 1000};

// Bits of numerics version 1.
constexpr std::uint64_t kGoldenOrder = 0x9e887feaafe1ebd8;

double chi_square(const std::vector<std::int64_t>& counts) {
  const double total = static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::int64_t{0}));
  const double expected = total / static_cast<double>(counts.size());
  double sum = 0.0;
  for (const std::int64_t c : counts)
    sum += (static_cast<double>(c) - expected) * (static_cast<double>(c) - expected);
  return sum / expected;
}
/// Above this with a chance of about 1e-5 (Wilson and Hilferty's approximation).
double chi_square_limit(double degrees) {
  const double a = 2.0 / (9.0 * degrees);
  return degrees * std::pow(1.0 - a + 4.27 * std::sqrt(a), 3.0);
}

void test_integers() {
  // Every value of a small word against exact counting: each is drawn equally often.
  for (const std::uint32_t range : {1u, 2u, 3u, 7u, 10u, 48u, 64u, 100u, 200u, 255u}) {
    std::map<std::uint32_t, int> accepted;
    for (std::uint32_t top = 0; top < 256; ++top) {
      // With words that are multiples of 2^24 the draw is that of eight-bit words.
      const std::uint64_t product = static_cast<std::uint64_t>(top) * range;
      if ((product & 0xff) >= 256 % range) ++accepted[static_cast<std::uint32_t>(product >> 8)];
    }
    CHECK(accepted.size() == range);
    for (const auto& entry : accepted) CHECK(entry.second == static_cast<int>(256 / range));
  }
  std::uint64_t low;
  CHECK(numerics::multiply_high(~0ull, ~0ull, &low) == ~0ull - 1 && low == 1);
  CHECK(numerics::multiply_high(0x123456789abcdef0, 0xfedcba9876543210, &low) == 0x121fa00ad77d7422 &&
        low == 0x236d88fe5618cf00);

  const auto draw_integers = [](std::int64_t n, std::int64_t a, std::int64_t b, std::uint64_t seed) {
    std::vector<std::int64_t> out(static_cast<std::size_t>(n));
    cpu::integers(n, a, b, {seed, 0}, out.data());
    return out;
  };
  CHECK_THROWS((draw_integers(1, 3, 3, 0), 0), ValueError);
  constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  for (const auto& [a, b] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {0, 1}, {-5, 7}, {0, 3ll << 30}, {kMin, kMax}, {kMax - 1, kMax}, {kMin / 4 * 3, kMax / 4 * 3}}) {
    const auto values = draw_integers(3000, a, b, 9);
    const std::uint64_t range = static_cast<std::uint64_t>(b) - static_cast<std::uint64_t>(a);
    bool inside = true, by_rule = true;
    for (std::size_t i = 0; i < values.size(); ++i) {
      inside = inside && values[i] >= a && values[i] < b;
      const std::uint64_t word = numerics::random_word64(9, 0, i);
      by_rule = by_rule && static_cast<std::uint64_t>(values[i]) - static_cast<std::uint64_t>(a) ==
                               numerics::integer_below(word, range, 9, 0, i);
    }
    CHECK(inside);
    CHECK(by_rule);
  }
  // A range of 3 * 2^62: a quarter of the words is rejected, and thirds stay equal.
  const auto wide = draw_integers(300'000, kMin / 4 * 3, kMax / 4 * 3, 4);
  std::vector<std::int64_t> thirds(3, 0);
  for (const std::int64_t v : wide) ++thirds[v < kMin / 4 ? 0 : v < kMax / 4 ? 1 : 2];
  CHECK(chi_square(thirds) < chi_square_limit(2));
  const auto awkward = draw_integers(300'000, 0, 3ll << 30, 5);
  std::vector<std::int64_t> bins(3 * 64, 0);
  for (const std::int64_t v : awkward) ++bins[static_cast<std::size_t>(v >> 24)];
  CHECK(chi_square(bins) < chi_square_limit(191));
  // 32-bit bounded draws with much rejection (the shuffle's), through step 3 * 2^30 - 1.
  std::vector<std::int64_t> parts(3, 0);
  for (std::uint32_t seed = 0; seed < 30'000; ++seed) {
    const std::uint32_t i = (3u << 30) - 1;
    ++parts[numerics::shuffle_partner(numerics::random_word32(seed, 0, i), i, seed, 0, 0) >> 30];
  }
  CHECK(chi_square(parts) < chi_square_limit(2));
  threads::set_count(1);
  const auto alone = draw_integers(100'003, -3, 1000, 1);
  threads::set_count(3);
  CHECK(draw_integers(100'003, -3, 1000, 1) == alone);
}

std::vector<std::int64_t> permuted(std::int64_t n, RandomKey k = key) {
  std::vector<std::int64_t> out(static_cast<std::size_t>(n));
  cpu::permutation(n, k, out.data());
  return out;
}

bool is_permutation_of_all(std::vector<std::int64_t> order) {
  std::sort(order.begin(), order.end());
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (order[i] != static_cast<std::int64_t>(i)) return false;
  }
  return true;
}

void test_permutation() {
  std::vector<std::int64_t> lengths = sizes;
  const auto direct = static_cast<std::int64_t>(numerics::kDirectShuffle);
  lengths.insert(lengths.end(), {60'000, direct, direct + 1, 3 * direct + 5});
  for (const std::int64_t n : lengths) {
    threads::set_count(1);
    const auto order = permuted(n);
    CHECK(is_permutation_of_all(order));
    for (const int t : {2, 5}) {
      threads::set_count(t);
      CHECK(permuted(n) == order);
    }
    if (n >= 63) {
      CHECK(order != permuted(n, {key.seed, key.stream + 1}));
      CHECK(order != permuted(n, {key.seed + 1, key.stream}));
    }
  }
  // The rule, written out.
  const auto draw_partner = [](std::int64_t i, std::uint64_t section) {
    const auto e = static_cast<std::uint32_t>(i);
    return numerics::shuffle_partner(numerics::random_word32(key.seed, key.stream, e, section), e, key.seed,
                                     key.stream, section);
  };
  std::vector<std::int64_t> expected(1000);
  std::iota(expected.begin(), expected.end(), 0);
  for (std::int64_t i = 1; i < 1000; ++i)
    std::swap(expected[static_cast<std::size_t>(i)], expected[draw_partner(i, 0)]);
  CHECK(permuted(1000) == expected);
  const std::int64_t n = direct + 1;  // two bits' worth of buckets
  CHECK(numerics::bucket_log(static_cast<std::uint64_t>(n)) == 2);
  std::vector<std::vector<std::int64_t>> buckets(4);
  for (std::int64_t i = 0; i < n; ++i) {
    buckets[numerics::random_word32(key.seed, key.stream, static_cast<std::uint64_t>(i)) >> 30].push_back(i);
  }
  expected.clear();
  for (std::size_t b = 0; b < 4; ++b) {
    auto& bucket = buckets[b];
    for (std::size_t i = 1; i < bucket.size(); ++i) {
      std::swap(bucket[i], bucket[draw_partner(static_cast<std::int64_t>(i), b + 1)]);
    }
    expected.insert(expected.end(), bucket.begin(), bucket.end());
  }
  CHECK(permuted(n) == expected);
  CHECK(numerics::bucket_log(1 << 18) == 2);
  CHECK(numerics::bucket_log((1 << 18) + 1) == 3);
  CHECK(numerics::bucket_log(100'000'000) == 11);
  CHECK(numerics::bucket_log(1ull << 40) == 12);

  // All 120 orders of five are equally likely.
  std::map<std::vector<std::int64_t>, std::int64_t> seen;
  for (std::uint64_t seed = 0; seed < 60'000; ++seed) ++seen[permuted(5, {seed, 0})];
  std::vector<std::int64_t> counts;
  for (const auto& entry : seen) counts.push_back(entry.second);
  CHECK(counts.size() == 120);
  CHECK(chi_square(counts) < chi_square_limit(119));
  // Where each sixteenth of the indices lands, with buckets.
  std::vector<std::int64_t> cells(256, 0);
  const auto large = permuted(1 << 18);
  for (std::size_t i = 0; i < large.size(); ++i)
    ++cells[(i >> 14) * 16 + static_cast<std::size_t>(large[i] >> 14)];
  CHECK(chi_square(cells) < chi_square_limit(225));
}

void test_golden_bits() {
  test::Fingerprint order;
  for (const std::int64_t n : {10, 1000, 200'000}) order.add(permuted(n));
  std::vector<std::int64_t> whole(10'000);
  cpu::integers(10'000, -5'000'000'000'000'000'000, 4'000'000'000'000'000'000, key, whole.data());
  order.add(whole);
  CHECK(order.hash() == kGoldenOrder);
  if (order.hash() != kGoldenOrder) std::printf("0x%016llx\n", static_cast<unsigned long long>(order.hash()));
}

}  // namespace

int main() {
  test_integers();
  test_permutation();
  test_golden_bits();
  return test::result();
}
