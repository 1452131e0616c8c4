#include "nn/layers/dropout.h"

#include "core/error.h"
#include "numerics/distributions.h"
#include "numerics/streams.h"

namespace lamina::nn {

namespace {

bool is_plain_relu(const Activation& f) {
  return f.kind == ActivationKind::relu && f.a == 0.0 && f.b == kUnbounded && f.c == 0.0;
}

}  // namespace

Dropout::Dropout(Shape input, double rate, std::uint64_t seed, std::uint64_t index)
    : Layer(std::move(input)),
      rate_(rate),
      seed_(seed),
      index_(index),
      elements_(element_count(input_shape())) {
  if (!(rate >= 0.0 && rate < 1.0)) {
    throw ValueError(text("[Dropout] rate must be at least 0 and less than 1. Received: rate=", rate));
  }
}

void Dropout::apply(const Pass& pass, const void* in, void* out) const {
  DropoutArguments d;
  d.dtype = pass.dtype;
  d.key = {seed_, numerics::stream_id(numerics::Purpose::dropout, index_, pass.step)};
  d.rate = rate_;
  d.rows = pass.batch;
  d.columns = elements_;
  d.in = in;
  d.out = out;
  pass.device.dropout(d);
}

void Dropout::forward(const Pass& pass, const ForwardArguments& f, bool) const {
  if (pass.training && rate_ > 0.0) {
    apply(pass, f.x[0], f.y);
  } else {
    pass.device.copy(f.y, f.x[0], static_cast<std::size_t>(pass.batch * elements_) * size_of(pass.dtype));
  }
}

void Dropout::backward(const Pass& pass, const BackwardArguments& b) const {
  if (b.input_gradients[0] == nullptr) return;
  if (rate_ > 0.0 && b.y != nullptr && is_plain_relu(b.producers[0].activation)) {
    // What was dropped is 0 in the output, like what the function below made 0: nothing is drawn again.
    const std::int64_t n = pass.batch * elements_;
    pass.device.activate_backward(pass.dtype, b.producers[0].activation, pass.batch, elements_, b.y,
                                  b.gradient, b.input_gradients[0]);
    pass.device.vector_op({pass.dtype, VectorKind::scale, n, b.input_gradients[0], nullptr,
                           b.input_gradients[0], numerics::keep_scale<double>(rate_), 0.0});
    return;
  }
  if (rate_ > 0.0) {
    apply(pass, b.gradient, b.input_gradients[0]);
  } else {
    pass.device.copy(b.input_gradients[0], b.gradient,
                     static_cast<std::size_t>(pass.batch * elements_) * size_of(pass.dtype));
  }
  apply_producer_activation(pass, b);
}

}  // namespace lamina::nn
