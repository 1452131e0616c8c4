// Sums, means and extremes over axes of a sample (SampleReduction says in which order).
#pragma once

#include "nn/layers/sample_axes.h"

namespace lamina::nn {

enum class ReductionKind : std::uint8_t { sum, mean, max, min };
ReductionKind reduction_kind_from_name(const std::string& name);

/// mean = sum / count. Gradients: sum dy; mean dy / count; max and min (x == y ? 1 : 0) * (dy / how many are
/// equal).
class Reduce final : public Layer {
 public:
  /// `axes` count from 0, over the axes of a sample; ValueError for others, and for one named twice.
  Reduce(ReductionKind kind, const Shape& input, const std::vector<std::int64_t>& axes, bool keep_axes);

  void forward(const Pass&, const ForwardArguments&, bool skip_fused_activation) const override;
  void backward(const Pass&, const BackwardArguments&) const override;
  bool reads_inputs() const override { return kind_ >= ReductionKind::max; }
  bool reads_output() const override { return kind_ >= ReductionKind::max; }
  std::int64_t workspace(std::int64_t batch) const override;
  std::int64_t inference_workspace(std::int64_t batch) const override { return batch * reduction_.scratch(); }

 private:
  /// to = f(x, y or the gradient repeated, or both).
  void spread(const Pass&, StridedKind, const void* x, const void* kept, void* to) const;

  ReductionKind kind_;
  std::int64_t inputs_, outputs_;
  std::vector<std::int64_t> strides_;  ///< of the output, repeated along what was reduced
  SampleReduction reduction_;
};

}  // namespace lamina::nn
