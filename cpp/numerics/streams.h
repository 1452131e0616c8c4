// Streams: which random numbers belong to what. One seed gives 2^64 streams, and each use
// of random numbers takes a stream of its own, so that no two ever share a word.
#pragma once

#include <cstdint>

#include "numerics/policy.h"

namespace lamina::numerics {

/// What random numbers are for. The values are part of the numerics contract.
enum class Purpose : std::uint8_t {
  initializer = 1,  ///< index: which initializer of a seed; step: 0
  dropout = 2,      ///< index: the layer; step: the training step
  shuffle = 3,      ///< index: 0; step: the epoch
  user = 4,         ///< numbers that a user asked for by name
  noise = 5,        ///< index: the layer; step: the training step
};

constexpr int kStreamIndexBits = 16;
constexpr int kStreamStepBits = 40;

/// purpose * 2^56 + index * 2^40 + step. `index` counts modulo 2^16 and `step` modulo 2^40:
/// they never reach into another purpose.
LAMINA_HOST_DEVICE constexpr std::uint64_t stream_id(Purpose purpose, std::uint64_t index,
                                                     std::uint64_t step) {
  return (static_cast<std::uint64_t>(purpose) << (kStreamIndexBits + kStreamStepBits)) |
         ((index & ((std::uint64_t{1} << kStreamIndexBits) - 1)) << kStreamStepBits) |
         (step & ((std::uint64_t{1} << kStreamStepBits) - 1));
}

}  // namespace lamina::numerics
