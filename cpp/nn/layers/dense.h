// y = f(x W + b) over the last axis: three matrix products and their epilogues.
#pragma once

#include "nn/layers/layer.h"

namespace lamina::nn {

class Dense final : public Layer {
 public:
  /// `input` has rank >= 1; W is [input.back(), units], b is [units]. ValueError for a
  /// rank of 0, units < 1 or more elements than memory can hold.
  Dense(Shape input, std::int64_t units, bool use_bias);

  bool try_fuse(const Activation&) override;
  void forward(const Pass&, const ForwardArguments&, bool skip_fused_activation) const override;
  void backward(const Pass&, const BackwardArguments&) const override;
  bool reads_output() const override { return false; }
  bool updates_kernel() const override { return true; }

  // The kernel in blocks of columns (see kernel_blocks.h): block after block, each [inputs, columns].
  std::int64_t column_blocks(DType dtype) const;
  std::size_t kernel_bytes(DType dtype) const;
  void copy_in_blocks(Device&, DType, const void* kernel, void* blocks) const;

 private:
  void multiply_blocks(const Pass&, const ForwardArguments&) const;
  void multiply_weight_gradient(const Pass&, const BackwardArguments&) const;
  void multiply_input_gradient(const Pass&, const BackwardArguments&) const;
  std::int64_t rows(const Pass& pass) const { return pass.batch * positions_; }

  std::int64_t inputs_;  ///< extent of the last axis
  std::int64_t units_;
  std::int64_t positions_;  ///< the other axes of a sample: each position is a row of its own
  bool use_bias_;
};

}  // namespace lamina::nn
