#include "nn/layers/activation_layer.h"

#include "core/error.h"

namespace lamina::nn {

ActivationLayer::ActivationLayer(Shape input, const Activation& activation)
    : Layer(std::move(input)), function_(activation), columns_(1), rows_a_sample_(1) {
  if (input_shape_.empty()) {
    if (!is_elementwise(activation)) {
      throw ValueError(
          "[Activation] softmax needs an axis to normalise over. Received: a sample of shape ()");
    }
    return;
  }
  columns_ = input_shape_.back();
  rows_a_sample_ = element_count(Shape(input_shape_.begin(), input_shape_.end() - 1));
}

void ActivationLayer::forward(const Pass& pass, const ForwardArguments& f, bool) const {
  pass.device.activate(pass.dtype, function_, pass.batch * rows_a_sample_, columns_, f.x, f.y);
}

void ActivationLayer::backward(const Pass& pass, const BackwardArguments& b) const {
  if (b.input_gradient == nullptr) return;
  const void* saved = derivative_from(function_) == DerivativeFrom::output ? b.y : b.x;
  pass.device.activate_backward(pass.dtype, function_, pass.batch * rows_a_sample_, columns_, saved,
                                b.gradient, b.input_gradient);
  apply_producer_activation(pass, b.producer, b.input_gradient);
}

}  // namespace lamina::nn
