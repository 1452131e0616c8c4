#include "nn/layers/broadcast_bias.h"

#include "core/error.h"

namespace lamina::nn {

BroadcastBias::BroadcastBias(Shape input, Shape bias)
    : Layer(std::move(input)), elements_(element_count(input_shape())), kept_(element_count(bias)) {
  const std::size_t rank = input_shape().size();
  bool fits = bias.size() <= rank;
  Shape full(rank, 1);
  for (std::size_t i = 0; fits && i < bias.size(); ++i) {
    const std::size_t axis = rank - bias.size() + i;
    fits = bias[i] == 1 || bias[i] == input_shape()[axis];
    full[axis] = bias[i];
  }
  if (!fits) {
    throw ValueError(text("[EinsumDense] a bias of shape ", to_string(bias),
                          " does not broadcast to samples of shape ", to_string(input_shape())));
  }
  parameters_.push_back({"bias", std::move(bias)});
  spread_.extents = input_shape();
  spread_.strides.assign(rank, 0);
  Shape repeated, repeats, kept, strides;
  std::int64_t stride = 1, of_bias = 1;
  for (std::size_t axis = rank; axis-- > 0;) {
    if (full[axis] > 1) {
      spread_.strides[axis] = of_bias;
      of_bias *= full[axis];
      kept.insert(kept.begin(), input_shape()[axis]);
      strides.insert(strides.begin(), stride);
    } else {
      repeated.insert(repeated.begin(), input_shape()[axis]);
      repeats.insert(repeats.begin(), stride);
    }
    stride *= input_shape()[axis];
  }
  gathered_.extents = std::move(repeated);
  gathered_.strides = std::move(repeats);
  gathered_.extents.insert(gathered_.extents.end(), kept.begin(), kept.end());
  gathered_.strides.insert(gathered_.strides.end(), strides.begin(), strides.end());
}

void BroadcastBias::forward(const Pass& pass, const ForwardArguments& f, bool) const {
  void* const sample = f.workspace;
  TransposeArguments r = spread_;
  r.dtype = pass.dtype;
  r.in = f.parameters->front();
  r.out = sample;
  pass.device.transpose(r);
  ColumnNormalization sum;  // without factors and statistics: x + beta
  sum.dtype = pass.dtype;
  sum.rows = pass.batch;
  sum.columns = elements_;
  sum.x = f.x[0];
  sum.beta = sample;
  sum.y = f.y;
  pass.device.normalize_columns(sum);
}

void BroadcastBias::backward(const Pass& pass, const BackwardArguments& b) const {
  const std::size_t item = size_of(pass.dtype);
  if (wants_parameter_gradients(b)) {
    void* const sums = b.workspace;
    void* const ordered = static_cast<char*>(sums) + static_cast<std::size_t>(elements_) * item;
    pass.device.column_sums(pass.dtype, pass.batch, elements_, b.gradient, sums);
    TransposeArguments r = gathered_;
    r.dtype = pass.dtype;
    r.in = sums;
    r.out = ordered;
    pass.device.transpose(r);
    pass.device.column_sums(pass.dtype, elements_ / kept_, kept_, ordered, b.parameter_gradients->front());
  }
  if (b.input_gradients[0] == nullptr) return;
  pass.device.copy(b.input_gradients[0], b.gradient, static_cast<std::size_t>(pass.batch * elements_) * item);
  apply_producer_activation(pass, b);
}

}  // namespace lamina::nn
