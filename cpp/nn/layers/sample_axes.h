// Samples as strided operands, and reductions over some of their axes.
#pragma once

#include <vector>

#include "nn/layers/layer.h"

namespace lamina::nn {

/// Of a row-major array, in elements.
std::vector<std::int64_t> row_major_strides(const Shape& shape);
/// The strides with which an array of `shape` is read as one of `to`, aligned at the last axis: 0 where an
/// extent of 1 is repeated.
std::vector<std::int64_t> broadcast_strides(const Shape& shape, const Shape& to);
/// The shape that both broadcast to; ValueError names `where`.
Shape broadcast_shape(const char* where, const Shape& a, const Shape& b);

/// Sums and extremes over axes of samples, in the order of docs/numerics.md, section 7, for tensors: along a
/// row where the last axis is among the reduced ones, which then count as one axis; else down a column.
class SampleReduction {
 public:
  SampleReduction() = default;
  SampleReduction(const Shape& sample, const std::vector<bool>& reduced);
  /// Elements of one sample that run() copies to bring the axes into order.
  std::int64_t scratch() const { return in_order_ ? 0 : outer_ * reduced_ * inner_; }
  std::int64_t count() const { return reduced_; }
  void run(const Pass&, ReduceKind, const void* x, void* out, void* scratch) const;

 private:
  Shape extents_;  ///< in the order of the reduction
  std::vector<std::int64_t> strides_;
  std::int64_t outer_ = 1, reduced_ = 1, inner_ = 1, elements_ = 1;
  bool row_ = true, in_order_ = true;
};

}  // namespace lamina::nn
