// Random tensors: functions of (seed, stream, element), as docs/numerics.md, section 10, says.
#pragma once

#include "core/tensor.h"
#include "device/arguments.h"

namespace lamina::ops {

/// ValueError unless the distribution is one: finite bounds in order, whose distance is finite too; a
/// finite mean and a standard deviation that is finite and not negative.
void check_distribution(Distribution distribution, DType dtype, double a, double b);
/// Uniform in [a, b), normal or truncated normal with mean a and standard deviation b.
Tensor random(Distribution distribution, ElementType type, const ArrayShape& shape, double a, double b,
              RandomKey key);
/// Integers in [low, high), int64.
Tensor random_integers(const ArrayShape& shape, std::int64_t low, std::int64_t high, RandomKey key);
/// A random order of 0 .. n - 1, int64.
Tensor permutation(std::int64_t n, RandomKey key);
/// x with each element dropped with probability `rate`, the others multiplied by 1 / (1 - rate). The
/// same key gives the same mask: a gradient is dropped by the same call.
Tensor dropout(const Tensor& x, double rate, RandomKey key);

}  // namespace lamina::ops
