#include "nn/layers/reduce.h"

#include <algorithm>
#include <iterator>

#include "core/error.h"

namespace lamina::nn {

namespace {

std::vector<bool> reduced_axes(const Shape& input, const std::vector<std::int64_t>& axes) {
  std::vector<bool> reduced(input.size());
  for (const std::int64_t axis : axes) {
    if (axis < 0 || axis >= static_cast<std::int64_t>(input.size()) ||
        reduced[static_cast<std::size_t>(axis)]) {
      throw ValueError(text("[add_reduce] the axes must be different ones of a sample. Received: axis ", axis,
                            " of samples of shape ", to_string(input)));
    }
    reduced[static_cast<std::size_t>(axis)] = true;
  }
  return reduced;
}

Shape kept_shape(const Shape& input, const std::vector<bool>& reduced, bool keep_axes) {
  Shape shape;
  for (std::size_t axis = 0; axis < input.size(); ++axis) {
    if (!reduced[axis]) {
      shape.push_back(input[axis]);
    } else if (keep_axes) {
      shape.push_back(1);
    }
  }
  return shape;
}

}  // namespace

ReductionKind reduction_kind_from_name(const std::string& name) {
  if (name == "sum") return ReductionKind::sum;
  if (name == "mean") return ReductionKind::mean;
  if (name == "max") return ReductionKind::max;
  if (name == "min") return ReductionKind::min;
  throw ValueError(
      text("[add_reduce] kind must be 'sum', 'mean', 'max' or 'min'. Received: kind='", name, "'"));
}

Reduce::Reduce(ReductionKind kind, const Shape& input, const std::vector<std::int64_t>& axes, bool keep_axes)
    : Layer({input}, kept_shape(input, reduced_axes(input, axes), keep_axes)),
      kind_(kind),
      inputs_(element_count(input)),
      outputs_(element_count(output_shape_)) {
  if (input.size() + 1 > StridedArguments::kMostAxes) {
    throw ValueError(text("[add_reduce] samples have at most ", StridedArguments::kMostAxes - 1,
                          " axes. Received: shape ", to_string(input)));
  }
  const std::vector<bool> reduced = reduced_axes(input, axes);
  reduction_ = SampleReduction(input, reduced);
  strides_ = broadcast_strides(kept_shape(input, reduced, true), input);
}

std::int64_t Reduce::workspace(std::int64_t batch) const {
  std::int64_t elements = reduction_.scratch();
  if (kind_ == ReductionKind::mean) elements = std::max(elements, outputs_);
  if (kind_ >= ReductionKind::max) elements += inputs_ + 2 * outputs_;
  return batch * elements;
}

void Reduce::forward(const Pass& pass, const ForwardArguments& f, bool) const {
  constexpr ReduceKind kinds[] = {ReduceKind::sum, ReduceKind::sum, ReduceKind::max, ReduceKind::min};
  reduction_.run(pass, kinds[static_cast<int>(kind_)], f.x[0], f.y, f.workspace);
  if (kind_ != ReductionKind::mean) return;
  StridedArguments s;
  s.dtype = pass.dtype;
  s.kind = StridedKind::divide;
  s.a = s.out = f.y;
  s.number = static_cast<double>(reduction_.count());
  s.add_axis({pass.batch * outputs_, 1, 0, 0, 1});
  pass.device.strided(s);
}

void Reduce::spread(const Pass& pass, StridedKind kind, const void* x, const void* kept, void* to) const {
  StridedArguments s;
  s.dtype = pass.dtype;
  s.kind = kind;
  const bool alone = x == nullptr;
  s.a = alone ? kept : x;
  s.b = alone ? nullptr : kept;
  s.out = to;
  s.add_axis({pass.batch, alone ? outputs_ : inputs_, alone ? 0 : outputs_, 0, inputs_});
  std::int64_t out = inputs_;
  for (std::size_t axis = 0; axis < strides_.size(); ++axis) {
    const std::int64_t extent = input_shape()[axis];
    out /= extent;
    s.add_axis({extent, alone ? strides_[axis] : out, alone ? 0 : strides_[axis], 0, out});
  }
  pass.device.strided(s);
}

void Reduce::backward(const Pass& pass, const BackwardArguments& b) const {
  void* const to = b.input_gradients[0];
  if (to == nullptr) return;
  const void* gradient = b.gradient;
  const auto item = static_cast<std::int64_t>(size_of(pass.dtype));
  StridedArguments divided;
  divided.dtype = pass.dtype;
  divided.kind = StridedKind::divide;
  divided.a = b.gradient;
  if (kind_ == ReductionKind::mean) {
    divided.number = static_cast<double>(reduction_.count());
    divided.out = b.workspace;
    divided.add_axis({pass.batch * outputs_, 1, 0, 0, 1});
    pass.device.strided(divided);
    gradient = b.workspace;
  } else if (kind_ >= ReductionKind::max) {
    char* const equal = static_cast<char*>(b.workspace);
    char* const counts = equal + pass.batch * inputs_ * item;
    char* const shares = counts + pass.batch * outputs_ * item;
    char* const scratch = shares + pass.batch * outputs_ * item;
    spread(pass, StridedKind::equal, b.x[0], b.y, equal);
    reduction_.run(pass, ReduceKind::sum, equal, counts, scratch);
    divided.b = counts;
    divided.out = shares;
    divided.add_axis({pass.batch * outputs_, 1, 1, 0, 1});
    pass.device.strided(divided);
    spread(pass, StridedKind::multiply, equal, shares, to);
    return apply_producer_activation(pass, b);
  }
  spread(pass, StridedKind::copy, nullptr, gradient, to);
  apply_producer_activation(pass, b);
}

}  // namespace lamina::nn
