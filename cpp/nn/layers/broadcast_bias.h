// y = x + b, the bias repeated along the axes in which its extent is 1.
#pragma once

#include "nn/layers/layer.h"

namespace lamina::nn {

/// The gradient of the bias is the sum over the batch as down a column, then over the repeated axes likewise.
class BroadcastBias final : public Layer {
 public:
  /// `bias` has at most the input's axes and stands at its last ones; ValueError for extents that are neither
  /// 1 nor the input's.
  BroadcastBias(Shape input, Shape bias);

  void forward(const Pass&, const ForwardArguments&, bool skip_fused_activation) const override;
  void backward(const Pass&, const BackwardArguments&) const override;
  bool reads_inputs() const override { return false; }
  bool reads_output() const override { return false; }
  std::int64_t workspace(std::int64_t) const override { return 2 * elements_; }
  std::int64_t inference_workspace(std::int64_t) const override { return elements_; }

 private:
  std::int64_t elements_, kept_ = 1;  ///< of a sample, and of the bias
  TransposeArguments spread_;         ///< a bias to a sample
  TransposeArguments gathered_;       ///< a sample to [repeats, bias]
};

}  // namespace lamina::nn
