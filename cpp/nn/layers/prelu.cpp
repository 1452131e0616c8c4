#include "nn/layers/prelu.h"

#include "core/error.h"

namespace lamina::nn {

Prelu::Prelu(Shape input, std::int64_t shared) : Layer(std::move(input)) {
  const auto rank = static_cast<std::int64_t>(input_shape().size());
  if (shared < 0 || shared > rank) {
    throw ValueError(
        text("[PReLU] a sample of shape ", to_string(input_shape()), " cannot share ", shared, " axes"));
  }
  Shape alpha = input_shape();
  for (std::int64_t axis = 0; axis < shared; ++axis) alpha[static_cast<std::size_t>(axis)] = 1;
  columns_ = element_count(alpha);
  rows_ = element_count(input_shape()) / columns_;
  parameters_.push_back({"alpha", alpha});
}

void Prelu::forward(const Pass& pass, const ForwardArguments& f, bool) const {
  PreluArguments p;
  p.dtype = pass.dtype;
  p.rows = pass.batch * rows_;
  p.columns = columns_;
  p.x = f.x[0];
  p.alpha = f.parameters->front();
  p.y = f.y;
  pass.device.prelu(p);
}

void Prelu::backward(const Pass& pass, const BackwardArguments& b) const {
  PreluArguments p;
  p.dtype = pass.dtype;
  p.rows = pass.batch * rows_;
  p.columns = columns_;
  p.x = b.x[0];
  p.alpha = b.parameters->front();
  p.dy = b.gradient;
  p.dx = b.input_gradients[0];
  if (wants_parameter_gradients(b)) p.products = b.workspace;
  pass.device.prelu_backward(p);
  if (wants_parameter_gradients(b)) {
    pass.device.column_sums(pass.dtype, p.rows, p.columns, b.workspace, b.parameter_gradients->front());
  }
  if (b.input_gradients[0] != nullptr) apply_producer_activation(pass, b);
}

}  // namespace lamina::nn
