// Values joined along an axis of their samples, and parts cut out of one: every element is copied.
#pragma once

#include "nn/layers/sample_axes.h"

namespace lamina::nn {

/// All inputs one after the other along `axis` of a sample.
class Concatenate final : public Layer {
 public:
  /// ValueError unless all extents but those of `axis` are the same.
  Concatenate(std::vector<Shape> inputs, std::int64_t axis);
  std::int64_t axis() const { return axis_; }

  void forward(const Pass&, const ForwardArguments&, bool skip_fused_activation) const override;
  void backward(const Pass&, const BackwardArguments&) const override;
  bool reads_inputs() const override { return false; }
  bool reads_output() const override { return false; }

 private:
  /// Between the output and one input: `to_output` or back.
  void copy(const Pass&, std::size_t input, const void* from, void* to, bool to_output) const;

  std::int64_t axis_;
  std::int64_t outer_ = 1, row_ = 1;  ///< slices before the axis; elements of the output in one
  std::vector<std::int64_t> widths_;  ///< of each input
};

/// Elements begin, begin + step, ... of each axis of a sample; `step` may be negative. The gradient is +0
/// elsewhere.
class Slice final : public Layer {
 public:
  struct Axis {
    std::int64_t begin = 0, count = 0, step = 1;
  };
  /// ValueError for elements that are not there.
  Slice(const Shape& input, std::vector<Axis> axes);

  void forward(const Pass&, const ForwardArguments&, bool skip_fused_activation) const override;
  void backward(const Pass&, const BackwardArguments&) const override;
  bool reads_inputs() const override { return false; }
  bool reads_output() const override { return false; }

 private:
  std::vector<std::int64_t> strides_;  ///< of the input, step by step
  std::int64_t first_ = 0, inputs_, outputs_ = 1;
};

}  // namespace lamina::nn
