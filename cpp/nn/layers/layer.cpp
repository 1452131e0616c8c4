#include "nn/layers/layer.h"

namespace lamina::nn {

void Layer::apply_producer_activation(const Pass& pass, const BackwardArguments& b, std::size_t input) const {
  const ProducerActivation& producer = b.producers[input];
  if (producer.activation.kind == ActivationKind::linear) return;
  const Shape& shape = input_shape(input);
  const std::int64_t columns = shape.empty() ? 1 : shape.back();
  const std::int64_t rows = columns == 0 ? 0 : pass.batch * element_count(shape) / columns;
  void* const gradient = b.input_gradients[input];
  pass.device.activate_backward(pass.dtype, producer.activation, rows, columns, producer.saved, gradient,
                                gradient);
}

}  // namespace lamina::nn
