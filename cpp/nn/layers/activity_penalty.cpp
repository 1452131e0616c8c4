#include "nn/layers/activity_penalty.h"

namespace lamina::nn {

ActivityPenalty::ActivityPenalty(Shape input, double l1, double l2)
    : Layer(std::move(input)), l1_(l1), l2_(l2), elements_(element_count(input_shape())) {}

PenaltyArguments ActivityPenalty::arguments(const Pass& pass, const void* x) const {
  PenaltyArguments p;
  p.dtype = pass.dtype;
  p.n = pass.batch * elements_;
  p.l1 = l1_;
  p.l2 = l2_;
  p.scale = 1.0 / static_cast<double>(pass.batch);
  p.values = x;
  return p;
}

void ActivityPenalty::forward(const Pass& pass, const ForwardArguments& f, bool) const {
  pass.device.copy(f.y, f.x[0], static_cast<std::size_t>(pass.batch * elements_) * size_of(pass.dtype));
  if (pass.penalty != nullptr) *pass.penalty += pass.device.penalty(arguments(pass, f.x[0]));
}

void ActivityPenalty::backward(const Pass& pass, const BackwardArguments& b) const {
  if (b.input_gradients[0] == nullptr) return;
  PenaltyArguments p = arguments(pass, b.x[0]);
  p.scale *= pass.loss_scale;
  p.gradient_in = b.gradient;
  p.gradient = b.input_gradients[0];
  pass.device.penalty(p);
  apply_producer_activation(pass, b);
}

}  // namespace lamina::nn
