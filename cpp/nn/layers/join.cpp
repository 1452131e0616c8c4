#include "nn/layers/join.h"

#include "core/error.h"

namespace lamina::nn {

namespace {

Shape joined_shape(const std::vector<Shape>& inputs, std::int64_t axis) {
  Shape shape = inputs.front();
  const auto rank = static_cast<std::int64_t>(shape.size());
  const auto refuse = [&](const char* what) {
    std::string all;
    for (const Shape& input : inputs) all += (all.empty() ? "" : ", ") + to_string(input);
    throw ValueError(text("[Concatenate] ", what, ". Received: axis ", axis, " of samples of shapes ", all));
  };
  if (axis < 0 || axis >= rank) refuse("samples do not have the axis");
  const auto along = static_cast<std::size_t>(axis);
  for (std::size_t i = 1; i < inputs.size(); ++i) {
    Shape other = inputs[i];
    if (other.size() != shape.size()) refuse("all values need the same number of axes");
    const std::int64_t extent = shape[along] + other[along];
    other[along] = shape[along];
    if (other != shape) refuse("all values need the same shape, but for the axis that they are joined along");
    shape[along] = extent;
  }
  return shape;
}

char* at(void* memory, std::int64_t element, DType dtype) {
  return static_cast<char*>(memory) + element * static_cast<std::int64_t>(size_of(dtype));
}
const char* at(const void* memory, std::int64_t element, DType dtype) {
  return static_cast<const char*>(memory) + element * static_cast<std::int64_t>(size_of(dtype));
}

}  // namespace

Concatenate::Concatenate(std::vector<Shape> inputs, std::int64_t axis)
    : Layer(inputs, joined_shape(inputs, axis)), axis_(axis) {
  element_count(output_shape_);
  const auto along = static_cast<std::size_t>(axis);
  std::int64_t inner = 1;
  for (std::size_t i = 0; i < output_shape_.size(); ++i)
    (i < along ? outer_ : inner) *= i == along ? 1 : output_shape_[i];
  for (const Shape& input : inputs) widths_.push_back(input[along] * inner);
  row_ = output_shape_[along] * inner;
}

void Concatenate::copy(const Pass& pass, std::size_t input, const void* from, void* to,
                       bool to_output) const {
  std::int64_t before = 0;
  for (std::size_t i = 0; i < input; ++i) before += widths_[i];
  const std::int64_t width = widths_[input];
  StridedArguments s;
  s.dtype = pass.dtype;
  s.a = to_output ? from : at(from, before, pass.dtype);
  s.out = to_output ? at(to, before, pass.dtype) : to;
  s.add_axis({pass.batch * outer_, to_output ? width : row_, 0, 0, to_output ? row_ : width});
  s.add_axis({width, 1, 0, 0, 1});
  pass.device.strided(s);
}

void Concatenate::forward(const Pass& pass, const ForwardArguments& f, bool) const {
  for (std::size_t i = 0; i < widths_.size(); ++i) copy(pass, i, f.x[i], f.y, true);
}

void Concatenate::backward(const Pass& pass, const BackwardArguments& b) const {
  for (std::size_t i = 0; i < widths_.size(); ++i) {
    if (b.input_gradients[i] == nullptr) continue;
    copy(pass, i, b.gradient, b.input_gradients[i], false);
    apply_producer_activation(pass, b, i);
  }
}

Slice::Slice(const Shape& input, std::vector<Axis> axes)
    : Layer({input}, Shape()), inputs_(element_count(input)) {
  bool fits = axes.size() == input.size() && axes.size() + 1 <= StridedArguments::kMostAxes;
  strides_ = row_major_strides(input);
  for (std::size_t i = 0; fits && i < axes.size(); ++i) {
    const Axis& axis = axes[i];
    const std::int64_t last = axis.begin + (axis.count - 1) * axis.step;
    fits = axis.count >= 1 && axis.step != 0 && axis.begin >= 0 && axis.begin < input[i] && last >= 0 &&
           last < input[i];
    first_ += axis.begin * strides_[i];
    strides_[i] *= axis.step;
    output_shape_.push_back(axis.count);
    outputs_ *= axis.count;
  }
  if (!fits) {
    throw ValueError(
        text("[add_slice] each axis of a sample needs a first element, a count of at least 1 and a step "
             "within its extent. Received: samples of shape ",
             to_string(input)));
  }
}

void Slice::forward(const Pass& pass, const ForwardArguments& f, bool) const {
  StridedArguments s;
  s.dtype = pass.dtype;
  s.a = at(f.x[0], first_, pass.dtype);
  s.out = f.y;
  s.add_axis({pass.batch, inputs_, 0, 0, outputs_});
  std::int64_t out = outputs_;
  for (std::size_t axis = 0; axis < strides_.size(); ++axis) {
    out /= output_shape_[axis];
    s.add_axis({output_shape_[axis], strides_[axis], 0, 0, out});
  }
  pass.device.strided(s);
}

void Slice::backward(const Pass& pass, const BackwardArguments& b) const {
  void* const to = b.input_gradients[0];
  if (to == nullptr) return;
  pass.device.fill_zero(to, static_cast<std::size_t>(pass.batch * inputs_) * size_of(pass.dtype));
  StridedArguments s;
  s.dtype = pass.dtype;
  s.a = b.gradient;
  s.out = at(to, first_, pass.dtype);
  s.add_axis({pass.batch, outputs_, 0, 0, inputs_});
  std::int64_t out = outputs_;
  for (std::size_t axis = 0; axis < strides_.size(); ++axis) {
    out /= output_shape_[axis];
    s.add_axis({output_shape_[axis], out, 0, 0, strides_[axis]});
  }
  pass.device.strided(s);
  apply_producer_activation(pass, b);
}

}  // namespace lamina::nn
