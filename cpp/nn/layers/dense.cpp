#include "nn/layers/dense.h"

#include <algorithm>

#include "core/error.h"

namespace lamina::nn {

namespace {

/// Of a block of columns: the widest tile of one row.
constexpr std::int64_t kBlockBytes = 1024;

std::int64_t columns_a_block(DType dtype) { return kBlockBytes / static_cast<std::int64_t>(size_of(dtype)); }

}  // namespace

Dense::Dense(Shape input, std::int64_t units, bool use_bias)
    : Layer(std::move(input)), inputs_(0), units_(units), positions_(1), use_bias_(use_bias) {
  if (input_shape().empty()) {
    throw ValueError("[Dense] the input of a sample must have at least one axis. Received: shape ()");
  }
  if (units < 1) throw ValueError(text("[Dense] units must be a positive integer. Received: units=", units));
  inputs_ = input_shape().back();
  positions_ = element_count(Shape(input_shape().begin(), input_shape().end() - 1));
  output_shape_.back() = units;
  element_count(output_shape_);
  parameters_.push_back({"kernel", {inputs_, units_}});
  element_count(parameters_.back().shape);
  if (use_bias_) parameters_.push_back({"bias", {units_}});
}

bool Dense::try_fuse(const Activation& activation) {
  if (fused_activation_.kind != ActivationKind::linear || !is_elementwise(activation)) return false;
  fused_activation_ = activation;
  return true;
}

std::int64_t Dense::column_blocks(DType dtype) const {
  const std::int64_t columns = columns_a_block(dtype);
  return (units_ + columns - 1) / columns;
}

std::size_t Dense::kernel_bytes(DType dtype) const {
  return static_cast<std::size_t>(inputs_ * units_) * size_of(dtype);
}

void Dense::copy_in_blocks(Device& device, DType dtype, const void* kernel, void* blocks) const {
  const auto item = static_cast<std::int64_t>(size_of(dtype));
  char* to = static_cast<char*>(blocks);
  for (std::int64_t first = 0; first < units_; first += columns_a_block(dtype)) {
    const std::int64_t bytes = std::min(columns_a_block(dtype), units_ - first) * item;
    const char* from = static_cast<const char*>(kernel) + first * item;
    for (std::int64_t i = 0; i < inputs_; ++i, from += units_ * item, to += bytes) {
      device.copy(to, from, static_cast<std::size_t>(bytes));
    }
  }
}

void Dense::multiply_blocks(const Pass& pass, const ForwardArguments& f) const {
  const auto item = static_cast<std::int64_t>(size_of(pass.dtype));
  const std::int64_t columns = columns_a_block(pass.dtype), blocks = column_blocks(pass.dtype);
  const auto multiply = [&](std::int64_t block) {
    const std::int64_t first = block * columns;
    GemmArguments product;
    product.dtype = pass.dtype;
    product.of_layer = true;
    product.m = rows(pass);
    product.n = std::min(columns, units_ - first);
    product.k = inputs_;
    product.a = f.x[0];
    product.a_row = inputs_;
    product.b = static_cast<const char*>(f.kernel_blocks) + first * inputs_ * item;
    product.b_row = product.n;
    product.c = static_cast<char*>(f.y) + first * item;
    product.c_row = units_;
    if (use_bias_) product.bias = static_cast<const char*>((*f.parameters)[1]) + first * item;
    product.activation = fused_activation_;
    pass.device.gemm(product);
  };
  // Reading the kernel takes longer than multiplying: a byte about as long as a multiply-add.
  const int threads = pass.device.concurrency(static_cast<double>(kernel_bytes(pass.dtype)), blocks);
  if (threads <= 1) {
    for (std::int64_t block = 0; block < blocks; ++block) multiply(block);
    return;
  }
  // A thread takes the same blocks each time.
  pass.device.run_concurrently(threads, [&](int thread) {
    for (std::int64_t block = thread * blocks / threads; block < (thread + 1) * blocks / threads; ++block) {
      multiply(block);
    }
  });
}

void Dense::forward(const Pass& pass, const ForwardArguments& f, bool skip_fused_activation) const {
  if (f.kernel_blocks != nullptr && !skip_fused_activation) return multiply_blocks(pass, f);
  GemmArguments product;
  product.dtype = pass.dtype;
  product.of_layer = true;
  product.m = rows(pass);
  product.n = units_;
  product.k = inputs_;
  product.a = f.x[0];
  product.a_row = inputs_;
  product.b = (*f.parameters)[0];
  product.b_row = units_;
  product.c = f.y;
  product.c_row = units_;
  if (use_bias_) product.bias = (*f.parameters)[1];
  if (!skip_fused_activation) {
    product.activation = fused_activation_;
    product.pre_activation = f.pre_activation;
  }
  pass.device.gemm(product);
}

void Dense::backward(const Pass& pass, const BackwardArguments& b) const {
  if (wants_parameter_gradients(b)) multiply_weight_gradient(pass, b);
  if (b.input_gradients[0] == nullptr) return;
  multiply_input_gradient(pass, b);
}

void Dense::multiply_weight_gradient(const Pass& pass, const BackwardArguments& b) const {
  GemmArguments weights;  // dW = x^T dz over the rows of the batch, and db in the same pass
  weights.dtype = pass.dtype;
  weights.of_layer = true;
  weights.reduction = Reduction::rows;
  weights.m = inputs_;
  weights.n = units_;
  weights.k = rows(pass);
  weights.a = b.x[0];
  weights.a_row = 1;
  weights.a_column = inputs_;
  weights.b = b.gradient;
  weights.b_row = units_;
  weights.c = (*b.parameter_gradients)[0];
  weights.c_row = units_;
  if (use_bias_) weights.column_sums = (*b.parameter_gradients)[1];
  weights.update = b.kernel_update;
  pass.device.gemm(weights);
}

void Dense::multiply_input_gradient(const Pass& pass, const BackwardArguments& b) const {
  const bool fused = is_elementwise(b.producers[0].activation);
  GemmArguments inputs;  // dx = dz W^T, times the derivative of the function below
  inputs.dtype = pass.dtype;
  inputs.of_layer = true;
  inputs.m = rows(pass);
  inputs.n = inputs_;
  inputs.k = units_;
  inputs.a = b.gradient;
  inputs.a_row = units_;
  inputs.b = (*b.parameters)[0];
  inputs.b_row = 1;
  inputs.b_column = units_;
  inputs.c = b.input_gradients[0];
  inputs.c_row = inputs_;
  if (fused && b.producers[0].activation.kind != ActivationKind::linear) {
    inputs.saved = b.producers[0].saved;
    inputs.saved_row = inputs_;
    inputs.derivative_of = b.producers[0].activation;
  }
  pass.device.gemm(inputs);
  if (!fused) apply_producer_activation(pass, b);
}

}  // namespace lamina::nn
