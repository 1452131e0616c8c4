#include "nn/layers/rescale.h"

#include "core/error.h"

namespace lamina::nn {

namespace {

Device::Memory copied(const std::vector<double>& values, DType dtype, Device& device) {
  const std::size_t bytes = values.size() * size_of(dtype);
  Device::Memory memory = device.make(bytes);
  if (dtype == DType::float64) {
    device.copy_from_host(memory.get(), values.data(), bytes);
  } else {
    std::vector<float> rounded;
    for (const double value : values) rounded.push_back(static_cast<float>(value));
    device.copy_from_host(memory.get(), rounded.data(), bytes);
  }
  return memory;
}

}  // namespace

Rescale::Rescale(Shape input, RescaleKind kind, const std::vector<double>& a, const std::vector<double>& b,
                 DType dtype, Device& device)
    : Layer(std::move(input)), kind_(kind), elements_(element_count(input_shape())) {
  if (static_cast<std::int64_t>(a.size()) != elements_ || static_cast<std::int64_t>(b.size()) != elements_) {
    throw ValueError(text("[Rescale] samples of shape ", to_string(input_shape()), " need ", elements_,
                          " numbers. Received: ", a.size(), " and ", b.size()));
  }
  a_ = copied(a, dtype, device);
  b_ = copied(b, dtype, device);
}

void Rescale::apply(const Pass& pass, RescaleKind kind, const void* x, void* y) const {
  pass.device.rescale({pass.dtype, kind, pass.batch, elements_, x, a_.get(), b_.get(), y});
}

void Rescale::forward(const Pass& pass, const ForwardArguments& f, bool) const {
  apply(pass, kind_, f.x[0], f.y);
}

void Rescale::backward(const Pass& pass, const BackwardArguments& b) const {
  if (b.input_gradients[0] == nullptr) return;
  apply(pass, kind_ == RescaleKind::multiply_add ? RescaleKind::times : RescaleKind::over, b.gradient,
        b.input_gradients[0]);
  apply_producer_activation(pass, b);
}

}  // namespace lamina::nn
