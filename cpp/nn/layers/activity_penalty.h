// y = x, and the loss grows by (l1 * sum |x| + l2 * sum x^2) / batch.
#pragma once

#include "nn/layers/layer.h"

namespace lamina::nn {

class ActivityPenalty final : public Layer {
 public:
  ActivityPenalty(Shape input, double l1, double l2);

  void forward(const Pass&, const ForwardArguments&, bool skip_fused_activation) const override;
  void backward(const Pass&, const BackwardArguments&) const override;
  bool reads_output() const override { return false; }
  bool training_only() const override { return true; }
  bool adds_loss() const override { return true; }

 private:
  PenaltyArguments arguments(const Pass&, const void* x) const;

  double l1_, l2_;
  std::int64_t elements_;
};

}  // namespace lamina::nn
