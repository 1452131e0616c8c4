// Inverted dropout: in training an element is zeroed with probability `rate` and
// otherwise scaled by 1 / (1 - rate). The mask is a function of (seed, layer, training
// step, element), so the backward pass recomputes it, unless the output tells what it was.
#pragma once

#include "nn/layers/layer.h"

namespace lamina::nn {

class Dropout final : public Layer {
 public:
  /// 0 <= rate < 1 (ValueError; Keras' rate of 1 would divide by zero). `index` tells the
  /// layers of one network apart.
  Dropout(Shape input, double rate, std::uint64_t seed, std::uint64_t index);

  void forward(const Pass&, const ForwardArguments&, bool skip_fused_activation) const override;
  void backward(const Pass&, const BackwardArguments&) const override;
  bool reads_inputs() const override { return false; }
  bool training_only() const override { return true; }

 private:
  void apply(const Pass&, const void* in, void* out) const;

  double rate_;
  std::uint64_t seed_;
  std::uint64_t index_;
  std::int64_t elements_;
};

}  // namespace lamina::nn
