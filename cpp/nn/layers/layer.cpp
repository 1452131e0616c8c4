#include "nn/layers/layer.h"

namespace lamina::nn {

void Layer::apply_producer_activation(const Pass& pass, const ProducerActivation& below,
                                      void* input_gradient) const {
  if (below.activation.kind == ActivationKind::linear) return;
  const std::int64_t columns = input_shape_.empty() ? 1 : input_shape_.back();
  const std::int64_t rows = columns == 0 ? 0 : pass.batch * element_count(input_shape_) / columns;
  pass.device.activate_backward(pass.dtype, below.activation, rows, columns, below.saved, input_gradient,
                                input_gradient);
}

}  // namespace lamina::nn
