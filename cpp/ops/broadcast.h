// Broadcasting, and the memory of results.
#pragma once

#include <optional>
#include <string_view>

#include "core/tensor.h"
#include "device/array.h"

namespace lamina::ops {

/// The device that new tensors are on.
Device& current_device();

/// Row-major and uninitialised.
inline Tensor empty(ElementType type, const ArrayShape& shape) {
  return Tensor(type, shape, &current_device());
}

/// The shape that both broadcast to: aligned at the last axis, extents are equal or 1. ValueError
/// names `where` and both shapes.
ArrayShape broadcast_shapes(std::string_view where, const ArrayShape& a, const ArrayShape& b);
/// The strides with which `x` is read as an array of `shape` (to which it can be broadcast).
ArrayShape broadcast_strides(const Tensor& x, const ArrayShape& shape);
/// x as the device reads it; `strides` must live as long.
inline ArrayOperand operand(const Tensor& x, const ArrayShape& strides) { return {x.raw(), strides.begin()}; }

/// Axes of a function; none given means all.
using Axes = std::optional<ArrayShape>;

/// An axis that there is not (Python: numpy.exceptions.AxisError, a ValueError and an IndexError).
struct AxisError : ValueError {
  using ValueError::ValueError;
};

/// `axis` counted from 0; AxisError names `where` and the rank.
int normalized_axis(std::string_view where, std::int64_t axis, int rank);

}  // namespace lamina::ops
