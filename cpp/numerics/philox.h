// Random words: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy
// as 1, 2, 3", 2011) and the order in which its outputs are numbered.
//
// A generator has no state. Its words are a function of
//   seed    64 bits: the key, low half first
//   stream  64 bits: counter words 2 (low half) and 3; see streams.h
//   block   64 bits: counter words 0 (low half) and 1
// and each (seed, stream, block) gives four 32-bit words 0..3.
//
// Elements of a stream are numbered so that sixteen lanes, each computing one block, fill
// contiguous elements without a shuffle:
//   32-bit word e: g = e / 64, r = e % 64: block 16 g + r % 16, word r / 16
//   64-bit word e: g = e / 32, r = e % 32: block 16 g + r % 16, words 0 (low half) and 1
//                  if r < 16, else 2 (low half) and 3
// The block's upper bits hold two more coordinates:
//   block = attempt * 2^56 + section * 2^42 + (the block above, less than 2^42)
// `attempt` numbers the draws for one element where some are rejected (integers.h);
// `section` separates the parts of a permutation (integers.h). Both are 0 otherwise.
#pragma once

#include <cstdint>

#include "numerics/scalar.h"

namespace lamina::numerics {

/// Four words, or four vectors of words: a counter, or what Philox makes of it.
template <class Int>
struct PhiloxBlock {
  Int word0, word1, word2, word3;
};

template <class V>
LAMINA_INLINE typename V::Int every_lane(std::uint32_t word) {
  return V::Int::splat(static_cast<std::int32_t>(word));
}

/// Ten rounds of Philox4x32 over integer lanes of 32 bits (V::Int of a float policy V).
template <class V>
LAMINA_INLINE PhiloxBlock<typename V::Int> philox(PhiloxBlock<typename V::Int> counter, std::uint64_t seed) {
  using Int = typename V::Int;
  const Int multiplier0 = every_lane<V>(0xD2511F53u);
  const Int multiplier2 = every_lane<V>(0xCD9E8D57u);
  std::uint32_t key0 = static_cast<std::uint32_t>(seed);
  std::uint32_t key1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    Int low0, high0, low2, high2;
    mul_wide(counter.word0, multiplier0, &low0, &high0);
    mul_wide(counter.word2, multiplier2, &low2, &high2);
    counter = {high2 ^ counter.word1 ^ every_lane<V>(key0), low2, high0 ^ counter.word3 ^ every_lane<V>(key1),
               low0};
    key0 += 0x9E3779B9u;  // the golden ratio
    key1 += 0xBB67AE85u;  // sqrt(3) - 1
  }
  return counter;
}

constexpr int kAttemptShift = 56;
constexpr int kSectionShift = 42;
/// Elements per stream and section.
constexpr std::uint64_t kMaxElements = std::uint64_t{1} << 43;

/// The blocks of one group: sixteen, filling 64 32-bit words or 32 64-bit words.
constexpr int kGroupBlocks = 16;
constexpr int kGroupWords32 = 64;
constexpr int kGroupWords64 = 32;

/// The first block of group `group`.
LAMINA_HOST_DEVICE constexpr std::uint64_t group_block(std::uint64_t group, std::uint64_t section = 0,
                                                       std::uint64_t attempt = 0) {
  return (attempt << kAttemptShift) + (section << kSectionShift) + group * kGroupBlocks;
}

/// One block, by itself.
LAMINA_INLINE PhiloxBlock<std::uint32_t> philox_block(std::uint64_t seed, std::uint64_t stream,
                                                      std::uint64_t block) {
  using One = Lane<float>;
  const auto r = philox<One>({{static_cast<std::uint32_t>(block)},
                              {static_cast<std::uint32_t>(block >> 32)},
                              {static_cast<std::uint32_t>(stream)},
                              {static_cast<std::uint32_t>(stream >> 32)}},
                             seed);
  return {r.word0.value, r.word1.value, r.word2.value, r.word3.value};
}

/// 32-bit word `element`, by itself.
LAMINA_INLINE std::uint32_t random_word32(std::uint64_t seed, std::uint64_t stream, std::uint64_t element,
                                          std::uint64_t section = 0, std::uint64_t attempt = 0) {
  const std::uint64_t r = element % kGroupWords32;
  const std::uint64_t block = group_block(element / kGroupWords32, section, attempt) + r % kGroupBlocks;
  const PhiloxBlock<std::uint32_t> words = philox_block(seed, stream, block);
  const std::uint64_t word = r / kGroupBlocks;
  return word == 0 ? words.word0 : word == 1 ? words.word1 : word == 2 ? words.word2 : words.word3;
}

/// 64-bit word `element`, by itself.
LAMINA_INLINE std::uint64_t random_word64(std::uint64_t seed, std::uint64_t stream, std::uint64_t element,
                                          std::uint64_t section = 0, std::uint64_t attempt = 0) {
  const std::uint64_t r = element % kGroupWords64;
  const std::uint64_t block = group_block(element / kGroupWords64, section, attempt) + r % kGroupBlocks;
  const PhiloxBlock<std::uint32_t> words = philox_block(seed, stream, block);
  return r < kGroupBlocks ? (static_cast<std::uint64_t>(words.word1) << 32) | words.word0
                          : (static_cast<std::uint64_t>(words.word3) << 32) | words.word2;
}

}  // namespace lamina::numerics
