#include "nn/layers/rearrange.h"

#include "core/error.h"

namespace lamina::nn {

namespace {

/// out = in, [batch, shape] with the axes of a sample in another order.
void permute(const Pass& pass, const Shape& shape, const std::vector<std::int64_t>& order, const void* in,
             void* out) {
  std::vector<std::int64_t> strides(shape.size());
  std::int64_t stride = 1;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  TransposeArguments r;
  r.dtype = pass.dtype;
  r.extents = {pass.batch};
  r.strides = {stride};
  for (const std::int64_t axis : order) {
    r.extents.push_back(shape[static_cast<std::size_t>(axis)]);
    r.strides.push_back(strides[static_cast<std::size_t>(axis)]);
  }
  r.in = in;
  r.out = out;
  pass.device.transpose(r);
}

}  // namespace

Permute::Permute(Shape input, std::vector<std::int64_t> order)
    : Layer(std::move(input)), order_(std::move(order)), inverse_(order_.size(), -1) {
  bool fits = order_.size() == input_shape().size();
  for (std::size_t i = 0; fits && i < order_.size(); ++i) {
    const auto axis = static_cast<std::size_t>(order_[i]);
    fits = order_[i] >= 0 && axis < order_.size() && inverse_[axis] == -1;
    if (fits) inverse_[axis] = static_cast<std::int64_t>(i);
  }
  if (!fits) {
    throw ValueError(text("[Permute] each axis of a sample must be named once. Received: samples of shape ",
                          to_string(input_shape())));
  }
  for (std::size_t i = 0; i < order_.size(); ++i) {
    output_shape_[i] = input_shape()[static_cast<std::size_t>(order_[i])];
  }
}

void Permute::forward(const Pass& pass, const ForwardArguments& f, bool) const {
  permute(pass, input_shape(), order_, f.x[0], f.y);
}

void Permute::backward(const Pass& pass, const BackwardArguments& b) const {
  if (b.input_gradients[0] == nullptr) return;
  permute(pass, output_shape_, inverse_, b.gradient, b.input_gradients[0]);
  apply_producer_activation(pass, b);
}

Repeat::Repeat(Shape input, std::int64_t n) : Layer(std::move(input)), n_(n) {
  if (input_shape().size() != 1) {
    throw ValueError(text("[RepeatVector] a sample must have one axis. Received: samples of shape ",
                          to_string(input_shape())));
  }
  if (n < 1) throw ValueError(text("[RepeatVector] n must be positive. Received: n=", n));
  features_ = input_shape()[0];
  output_shape_ = {n, features_};
  element_count(output_shape_);
}

void Repeat::forward(const Pass& pass, const ForwardArguments& f, bool) const {
  TransposeArguments r;
  r.dtype = pass.dtype;
  r.extents = {pass.batch, n_, features_};
  r.strides = {features_, 0, 1};
  r.in = f.x[0];
  r.out = f.y;
  pass.device.transpose(r);
}

void Repeat::backward(const Pass& pass, const BackwardArguments& b) const {
  if (b.input_gradients[0] == nullptr) return;
  const auto item = static_cast<std::int64_t>(size_of(pass.dtype));
  for (std::int64_t i = 0; i < pass.batch; ++i) {
    pass.device.column_sums(pass.dtype, n_, features_,
                            static_cast<const char*>(b.gradient) + i * n_ * features_ * item,
                            static_cast<char*>(b.input_gradients[0]) + i * features_ * item);
  }
  apply_producer_activation(pass, b);
}

}  // namespace lamina::nn
