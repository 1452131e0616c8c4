// Random integers without bias, and permutations.
#pragma once

#include <cstdint>

#include "numerics/philox.h"

namespace lamina::numerics {

/// The upper 64 bits of a * b; `low` receives the others.
LAMINA_INLINE std::uint64_t multiply_high(std::uint64_t a, std::uint64_t b, std::uint64_t* low) {
  constexpr std::uint64_t kLower = 0xffffffffu;
  const std::uint64_t bottom = (a & kLower) * (b & kLower);
  const std::uint64_t left = (a >> 32) * (b & kLower) + (bottom >> 32);
  const std::uint64_t right = (a & kLower) * (b >> 32) + (left & kLower);
  *low = (right << 32) | (bottom & kLower);
  return (a >> 32) * (b >> 32) + (left >> 32) + (right >> 32);
}

// A draw in [0, range) from a word w of B bits is floor(w * range / 2^B) (Lemire: "Fast random
// integer generation in an interval", 2019). It is rejected, for exact uniformity, when
// (w * range) mod 2^B < 2^B mod range; then the same element is drawn with the next attempt's
// word. After attempt 255, which has a probability below 2^-255, the draw stands.

constexpr std::uint64_t kAttempts = 256;

/// One attempt: whether `word` gives a value, which *value receives. range >= 1.
LAMINA_INLINE bool try_below(std::uint64_t word, std::uint64_t range, std::uint64_t* value) {
  std::uint64_t low;
  *value = multiply_high(word, range, &low);
  return low >= range || low >= (std::uint64_t{0} - range) % range;
}
LAMINA_INLINE bool try_below(std::uint32_t word, std::uint32_t range, std::uint32_t* value) {
  const std::uint64_t product = static_cast<std::uint64_t>(word) * range;
  const std::uint32_t low = static_cast<std::uint32_t>(product);
  *value = static_cast<std::uint32_t>(product >> 32);
  return low >= range || low >= (std::uint32_t{0} - range) % range;
}

/// Element `element` of the integers in [0, range), given its word of attempt 0: 64-bit words.
LAMINA_INLINE std::uint64_t integer_below(std::uint64_t word, std::uint64_t range, std::uint64_t seed,
                                          std::uint64_t stream, std::uint64_t element) {
  std::uint64_t value;
  for (std::uint64_t attempt = 1; !try_below(word, range, &value) && attempt < kAttempts; ++attempt) {
    word = random_word64(seed, stream, element, 0, attempt);
  }
  return value;
}

// A permutation of 0..n-1, n < 2^32 * 2^12.
//
// A shuffle of a range with section s: for i = 1, 2, ... the element at i is exchanged with
// the one at j, where j in [0, i] is the bounded draw from 32-bit word i of section s.
//
//   n <= kDirectShuffle: the shuffle of 0..n-1 with section 0.
//   More: 2^b buckets, where b is the least with n <= 2^(b + 16), at most 12. Index i goes to
//   bucket floor(word i of section 0 / 2^(32 - b)), behind the smaller indices there; then
//   bucket k is shuffled with section k + 1; the result is the buckets one after another.
//   (Rao 1961, Sandelius 1962: exactly uniform, and each part stays in a cache.)

constexpr std::uint64_t kDirectShuffle = std::uint64_t{1} << 17;
constexpr int kBucketBits = 16;
constexpr int kMaxBucketLog = 12;

/// b, for n > kDirectShuffle.
LAMINA_HOST_DEVICE constexpr int bucket_log(std::uint64_t n) {
  int b = 1;
  while (b < kMaxBucketLog && n > (std::uint64_t{1} << (b + kBucketBits))) ++b;
  return b;
}

/// j of a shuffle's step i < 2^32 - 1, given word i of its section.
LAMINA_INLINE std::uint32_t shuffle_partner(std::uint32_t word, std::uint32_t i, std::uint64_t seed,
                                            std::uint64_t stream, std::uint64_t section) {
  std::uint32_t value;
  for (std::uint64_t attempt = 1; !try_below(word, i + 1, &value) && attempt < kAttempts; ++attempt) {
    word = random_word32(seed, stream, i, section, attempt);
  }
  return value;
}

}  // namespace lamina::numerics
