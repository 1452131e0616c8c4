// The permutation of numerics/integers.h.
#include <algorithm>
#include <utility>
#include <vector>

#include "core/threads.h"
#include "cpu/dispatch.h"
#include "cpu/random/random.h"
#include "numerics/integers.h"

namespace lamina::cpu {

namespace {

/// Calls body(i, word) for i in [first, last), in order, with the 32-bit words of a section.
/// `first` is a multiple of a group.
template <class Body>
void for_each_word(RandomKey key, std::uint64_t section, std::int64_t first, std::int64_t last, Body body) {
  const auto words32 = kernels().random->words32;
  constexpr std::int64_t kWords = 16 * numerics::kGroupWords32;
  std::uint32_t words[kWords];
  for (std::int64_t at = first; at < last; at += kWords) {
    const std::int64_t here = std::min(kWords, last - at);
    const std::uint64_t group = static_cast<std::uint64_t>(at) / numerics::kGroupWords32;
    words32({key.seed, key.stream, numerics::group_block(group, section)}, here, words);
    for (std::int64_t i = 0; i < here; ++i) body(at + i, words[i]);
  }
}

/// The shuffle of values[0..n) with `section`.
void shuffle(std::int64_t* values, std::int64_t n, RandomKey key, std::uint64_t section) {
  for_each_word(key, section, 0, n, [&](std::int64_t i, std::uint32_t word) {
    const std::uint32_t j =
        numerics::shuffle_partner(word, static_cast<std::uint32_t>(i), key.seed, key.stream, section);
    std::swap(values[i], values[j]);
  });
}

/// Puts 0..n-1 into buckets: counts, then sums, then scatters, each thread over ranges of
/// indices that depend on n alone. Returns where each bucket starts, and n.
std::vector<std::int64_t> scatter(std::int64_t n, RandomKey key, int bucket_log, std::int64_t* out) {
  constexpr std::int64_t kMostPieces = 64;
  const std::int64_t buckets = std::int64_t{1} << bucket_log;
  const std::int64_t groups = (n + numerics::kGroupWords32 - 1) / numerics::kGroupWords32;
  const std::int64_t piece = (groups + kMostPieces - 1) / kMostPieces * numerics::kGroupWords32;
  const std::int64_t pieces = (n + piece - 1) / piece;
  const int threads = threads::worthwhile(4.0 * static_cast<double>(n), pieces);
  const auto each_bucket = [&](std::int64_t p, auto body) {
    for_each_word(key, 0, p * piece, std::min(n, (p + 1) * piece),
                  [&](std::int64_t i, std::uint32_t word) { body(i, word >> (32 - bucket_log)); });
  };

  // places[p][b]: how many of bucket b piece p has; then where its next one goes.
  std::vector<std::int64_t> places(static_cast<std::size_t>(pieces * buckets), 0);
  const auto row = [&](std::int64_t p) { return places.data() + p * buckets; };
  threads::parallel_for(
      pieces,
      [&](std::int64_t p) {
        std::int64_t* const counts = row(p);
        each_bucket(p, [counts](std::int64_t, std::uint32_t b) { ++counts[b]; });
      },
      threads);
  std::vector<std::int64_t> starts(static_cast<std::size_t>(buckets) + 1, n);
  std::int64_t place = 0;
  for (std::int64_t b = 0; b < buckets; ++b) {
    starts[static_cast<std::size_t>(b)] = place;
    for (std::int64_t p = 0; p < pieces; ++p) place += std::exchange(row(p)[b], place);
  }
  threads::parallel_for(
      pieces,
      [&](std::int64_t p) {
        std::int64_t* const next = row(p);
        each_bucket(p, [next, out](std::int64_t i, std::uint32_t b) { out[next[b]++] = i; });
      },
      threads);
  return starts;
}

}  // namespace

void permutation(std::int64_t n, RandomKey key, std::int64_t* out) {
  if (static_cast<std::uint64_t>(n) <= numerics::kDirectShuffle) {
    for (std::int64_t i = 0; i < n; ++i) out[i] = i;
    shuffle(out, n, key, 0);
    return;
  }
  const int bucket_log = numerics::bucket_log(static_cast<std::uint64_t>(n));
  const std::vector<std::int64_t> starts = scatter(n, key, bucket_log, out);
  const std::int64_t buckets = std::int64_t{1} << bucket_log;
  threads::parallel_for(
      buckets,
      [&](std::int64_t b) {
        const auto k = static_cast<std::size_t>(b);
        shuffle(out + starts[k], starts[k + 1] - starts[k], key, static_cast<std::uint64_t>(b) + 1);
      },
      threads::worthwhile(4.0 * static_cast<double>(n), buckets));
}

}  // namespace lamina::cpu
