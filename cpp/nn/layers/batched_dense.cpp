#include "nn/layers/batched_dense.h"

#include <utility>

#include "core/error.h"

namespace lamina::nn {

namespace {

std::vector<std::int64_t> strides_of(const Shape& shape) {
  std::vector<std::int64_t> strides(shape.size());
  std::int64_t stride = 1;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

/// The distance of neighbours where some axes of `shape` are counted as one, the last fastest; -1 if there is
/// none.
std::int64_t common_stride(const Shape& shape, const std::vector<std::size_t>& axes) {
  const std::vector<std::int64_t> strides = strides_of(shape);
  std::int64_t stride = 1, next = -1;
  for (std::size_t i = axes.size(); i-- > 0;) {
    const std::size_t axis = axes[i];
    if (shape[axis] == 1) continue;
    if (next == -1) {
      stride = strides[axis];
    } else if (strides[axis] != next) {
      return -1;
    }
    next = strides[axis] * shape[axis];
  }
  return stride;
}

const char* at(const void* memory, std::int64_t element, DType dtype) {
  return static_cast<const char*>(memory) + element * static_cast<std::int64_t>(size_of(dtype));
}
char* at(void* memory, std::int64_t element, DType dtype) {
  return static_cast<char*>(memory) + element * static_cast<std::int64_t>(size_of(dtype));
}

}  // namespace

BatchedDense::BatchedDense(Shape input, Shape output, BatchedDenseSettings settings)
    : Layer(std::move(input)), s_(std::move(settings)) {
  output_shape_ = std::move(output);
  element_count(output_shape_);
  parameters_.push_back({"kernel", s_.kernel});
  element_count(s_.kernel);
  if (!s_.bias.empty()) parameters_.push_back({"bias", s_.bias});
  const auto part = [this](std::size_t first, std::size_t last) {
    return std::vector<std::size_t>(s_.order.begin() + static_cast<std::ptrdiff_t>(first),
                                    s_.order.begin() + static_cast<std::ptrdiff_t>(last));
  };
  const std::size_t columns = s_.group_axes + s_.depth_axes;
  group_stride_ = common_stride(s_.kernel, part(0, s_.group_axes));
  depth_stride_ = common_stride(s_.kernel, part(s_.group_axes, columns));
  column_stride_ = common_stride(s_.kernel, part(columns, s_.order.size()));
  direct_ = group_stride_ > 0 && depth_stride_ > 0 && column_stride_ > 0 &&
            (column_stride_ == 1 || depth_stride_ == 1);
}

bool BatchedDense::try_fuse(const Activation& activation) {
  if (fused_activation_.kind != ActivationKind::linear || !is_elementwise(activation)) return false;
  fused_activation_ = activation;
  return true;
}

std::int64_t BatchedDense::workspace(std::int64_t) const { return direct_ ? 0 : 2 * elements(); }

void BatchedDense::rearrange_kernel(const Pass& pass, const void* from, void* to, bool back) const {
  Shape ordered;
  for (const std::size_t axis : s_.order) ordered.push_back(s_.kernel[axis]);
  const std::vector<std::int64_t> strides = strides_of(back ? ordered : s_.kernel);
  TransposeArguments r;
  r.dtype = pass.dtype;
  r.in = from;
  r.out = to;
  if (back) {
    r.extents = s_.kernel;
    r.strides.resize(s_.order.size());
    for (std::size_t i = 0; i < s_.order.size(); ++i) r.strides[s_.order[i]] = strides[i];
  } else {
    r.extents = std::move(ordered);
    for (const std::size_t axis : s_.order) r.strides.push_back(strides[axis]);
  }
  pass.device.transpose(r);
}

BatchedDense::Kernel BatchedDense::kernel(const Pass& pass, const ParameterPointers& parameters,
                                          void* copy) const {
  if (direct_) {
    return {static_cast<const char*>(parameters.front()), group_stride_, depth_stride_, column_stride_};
  }
  rearrange_kernel(pass, parameters.front(), copy, false);
  return {static_cast<const char*>(copy), s_.depth * s_.columns, s_.columns, 1};
}

void BatchedDense::forward(const Pass& pass, const ForwardArguments& f, bool skip_fused_activation) const {
  const Kernel w = kernel(pass, *f.parameters, f.workspace);
  for (std::int64_t g = 0; g < s_.groups; ++g) {
    GemmArguments product;
    product.dtype = pass.dtype;
    product.of_layer = true;
    product.m = pass.batch * s_.rows;
    product.n = s_.columns;
    product.k = s_.depth;
    product.a = at(f.x[0], g * s_.depth, pass.dtype);
    product.a_row = s_.groups * s_.depth;
    product.b = at(w.data, g * w.group, pass.dtype);
    product.b_row = w.depth;
    product.b_column = w.column;
    product.c = at(f.y, g * s_.columns, pass.dtype);
    product.c_row = s_.groups * s_.columns;
    if (!s_.bias.empty()) {
      product.bias = at((*f.parameters)[1], s_.bias_groups ? g * s_.columns : 0, pass.dtype);
    }
    if (!skip_fused_activation) {
      product.activation = fused_activation_;
      if (f.pre_activation != nullptr)
        product.pre_activation = at(f.pre_activation, g * s_.columns, pass.dtype);
    }
    pass.device.gemm(product);
  }
}

void BatchedDense::weight_gradient(const Pass& pass, const BackwardArguments& b) const {
  void* const gradient = (*b.parameter_gradients)[0];
  void* const ordered = direct_ ? gradient : at(b.workspace, elements(), pass.dtype);
  const std::int64_t group = direct_ ? group_stride_ : s_.depth * s_.columns;
  const std::int64_t depth = direct_ ? depth_stride_ : s_.columns;
  const std::int64_t column = direct_ ? column_stride_ : 1;
  const bool turned = column != 1 && s_.columns > 1;  // the kernel lies as [columns, depth]
  for (std::int64_t g = 0; g < s_.groups; ++g) {
    const char* const x = at(b.x[0], g * s_.depth, pass.dtype);
    const char* const dy = at(b.gradient, g * s_.columns, pass.dtype);
    GemmArguments weights;
    weights.dtype = pass.dtype;
    weights.of_layer = true;
    weights.reduction = Reduction::rows;
    weights.m = turned ? s_.columns : s_.depth;
    weights.n = turned ? s_.depth : s_.columns;
    weights.k = pass.batch * s_.rows;
    weights.a = turned ? dy : x;
    weights.a_row = 1;
    weights.a_column = s_.groups * (turned ? s_.columns : s_.depth);
    weights.b = turned ? x : dy;
    weights.b_row = s_.groups * (turned ? s_.depth : s_.columns);
    weights.c = at(ordered, g * group, pass.dtype);
    weights.c_row = turned ? column : depth;
    pass.device.gemm(weights);
  }
  if (!direct_) rearrange_kernel(pass, ordered, gradient, true);
}

void BatchedDense::bias_gradient(const Pass& pass, const BackwardArguments& b) const {
  if (s_.bias.empty()) return;
  const std::int64_t rows = pass.batch * s_.rows;
  pass.device.column_sums(pass.dtype, s_.bias_groups ? rows : rows * s_.groups,
                          s_.bias_groups ? s_.groups * s_.columns : s_.columns, b.gradient,
                          (*b.parameter_gradients)[1]);
}

void BatchedDense::backward(const Pass& pass, const BackwardArguments& b) const {
  if (wants_parameter_gradients(b)) {
    weight_gradient(pass, b);
    bias_gradient(pass, b);
  }
  if (b.input_gradients[0] == nullptr) return;
  const bool fused = is_elementwise(b.producers[0].activation);
  const Kernel w = kernel(pass, *b.parameters, b.workspace);
  for (std::int64_t g = 0; g < s_.groups; ++g) {
    GemmArguments inputs;
    inputs.dtype = pass.dtype;
    inputs.of_layer = true;
    inputs.m = pass.batch * s_.rows;
    inputs.n = s_.depth;
    inputs.k = s_.columns;
    inputs.a = at(b.gradient, g * s_.columns, pass.dtype);
    inputs.a_row = s_.groups * s_.columns;
    inputs.b = at(w.data, g * w.group, pass.dtype);
    inputs.b_row = w.column;
    inputs.b_column = w.depth;
    inputs.c = at(b.input_gradients[0], g * s_.depth, pass.dtype);
    inputs.c_row = s_.groups * s_.depth;
    if (fused && b.producers[0].activation.kind != ActivationKind::linear) {
      inputs.saved = at(b.producers[0].saved, g * s_.depth, pass.dtype);
      inputs.saved_row = s_.groups * s_.depth;
      inputs.derivative_of = b.producers[0].activation;
    }
    pass.device.gemm(inputs);
  }
  if (!fused) apply_producer_activation(pass, b);
}

}  // namespace lamina::nn
