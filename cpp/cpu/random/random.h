// Random numbers, dropout and permutations on the CPU. What each element is, as a function
// of the key and its index alone: numerics/{philox,distributions,integers}.h.
#pragma once

#include <cstdint>

#include "device/arguments.h"
#include "device/streams.h"

namespace lamina::cpu {

/// out[i] = the distribution's function of word i. float32: `a` and `b` are rounded first.
/// uniform: [a, b), a where a == b; b - a must not overflow. normal and truncated_normal:
/// a + b z.
void random(const RandomArguments&);

/// out = kept ? in * s : +0, where s = 1 / (1 - rate) in double, rounded to the dtype. So
/// +0 also replaces infinities and NaN. Rate 0 keeps everything.
void dropout(const DropoutArguments&);

/// out[i] uniform in [low, high), without bias; 64-bit word i.
/// ValueError unless low < high.
void integers(std::int64_t n, std::int64_t low, std::int64_t high, RandomKey key, std::int64_t* out);

/// A uniformly random order of 0..n-1, n >= 0.
void permutation(std::int64_t n, RandomKey key, std::int64_t* out);

}  // namespace lamina::cpu
