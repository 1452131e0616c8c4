#include "nn/layers/activation_layer.h"

#include "core/error.h"

namespace lamina::nn {

ActivationLayer::ActivationLayer(Shape input, const Activation& activation)
    : Layer(std::move(input)), function_(activation), columns_(1), rows_a_sample_(1) {
  if (input_shape().empty()) {
    if (!is_elementwise(activation)) {
      throw ValueError(
          "[Activation] softmax needs an axis to normalise over. Received: a sample of shape ()");
    }
    return;
  }
  columns_ = input_shape().back();
  rows_a_sample_ = element_count(Shape(input_shape().begin(), input_shape().end() - 1));
}

void ActivationLayer::forward(const Pass& pass, const ForwardArguments& f, bool) const {
  pass.device.activate(pass.dtype, function_, pass.batch * rows_a_sample_, columns_, f.x[0], f.y);
}

void ActivationLayer::backward(const Pass& pass, const BackwardArguments& b) const {
  if (b.input_gradients[0] == nullptr) return;
  const void* saved = derivative_from(function_) == DerivativeFrom::output ? b.y : b.x[0];
  pass.device.activate_backward(pass.dtype, function_, pass.batch * rows_a_sample_, columns_, saved,
                                b.gradient, b.input_gradients[0]);
  apply_producer_activation(pass, b);
}

}  // namespace lamina::nn
