// One product for each group: y[., g, :] = f(x[., g, :] W[g] + b[g]), what an einsum of an input with a
// kernel comes down to once its axes are in order.
#pragma once

#include "nn/layers/layer.h"

namespace lamina::nn {

/// How a product over groups is laid out. x is [rows, groups, depth] for each sample, y is [rows, groups,
/// columns].
struct BatchedDenseSettings {
  std::int64_t rows = 1, groups = 1, depth = 1, columns = 1;
  Shape kernel;  ///< the kernel's extents, its axes in any order
  /// The kernel's axes in the order groups, depth, columns; `group_axes` and `depth_axes` of them are the
  /// first.
  std::vector<std::size_t> order;
  std::size_t group_axes = 0, depth_axes = 0;
  Shape bias;                ///< empty for none
  bool bias_groups = false;  ///< whether the bias holds [groups, columns] rather than [columns]
};

class BatchedDense final : public Layer {
 public:
  /// `output` has rows * groups * columns elements, `input` rows * groups * depth.
  BatchedDense(Shape input, Shape output, BatchedDenseSettings settings);

  bool try_fuse(const Activation&) override;
  void forward(const Pass&, const ForwardArguments&, bool skip_fused_activation) const override;
  void backward(const Pass&, const BackwardArguments&) const override;
  bool reads_output() const override { return false; }
  std::int64_t workspace(std::int64_t batch) const override;
  std::int64_t inference_workspace(std::int64_t) const override { return direct_ ? 0 : elements(); }

 private:
  /// A kernel's memory, and the distance of its groups, of the rows and of the columns of their matrices.
  struct Kernel {
    const char* data;
    std::int64_t group, depth, column;
  };
  /// The kernel as products take it: as it lies, or, where its axes are interleaved, copied to `copy`.
  Kernel kernel(const Pass&, const ParameterPointers&, void* copy) const;
  void rearrange_kernel(const Pass&, const void* from, void* to, bool back) const;
  void weight_gradient(const Pass&, const BackwardArguments&) const;
  void bias_gradient(const Pass&, const BackwardArguments&) const;
  std::int64_t elements() const { return s_.groups * s_.depth * s_.columns; }

  BatchedDenseSettings s_;
  bool direct_ = false;  ///< the kernel can be read and its gradient be written as it lies
  std::int64_t group_stride_ = 0, depth_stride_ = 0, column_stride_ = 0;
};

}  // namespace lamina::nn
