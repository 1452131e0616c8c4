#include "nn/layers/spectral_normalization.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace lamina::nn {

namespace {

constexpr std::int64_t kPlacement = 16;  // elements: whole vectors
constexpr double kLargestInverse = 1e7;

std::int64_t placed(std::int64_t elements) { return (elements + kPlacement - 1) / kPlacement * kPlacement; }

/// Calls on vectors of one type.
struct Vectors {
  Device& device;
  DType dtype;

  /// out = x W or x W^T, W [rows, columns].
  void product(std::int64_t rows, std::int64_t columns, bool transposed, const void* x, const void* w,
               void* out) const {
    GemmArguments g;
    g.dtype = dtype;
    g.m = 1;
    g.n = transposed ? rows : columns;
    g.k = transposed ? columns : rows;
    g.a = x;
    g.a_row = g.k;
    g.b = w;
    g.b_row = transposed ? 1 : columns;
    g.b_column = transposed ? columns : 1;
    g.c = out;
    g.c_row = g.n;
    device.gemm(g);
  }
  void flat(VectorKind kind, std::int64_t n, double a, const void* x, void* out) const {
    VectorArguments f;
    f.dtype = dtype;
    f.kind = kind;
    f.n = n;
    f.x = x;
    f.out = out;
    f.a = a;
    device.vector_op(f);
  }
  void unit(std::int64_t n, const void* x, void* out) const {
    const double inverse = 1.0 / std::sqrt(device.dot(dtype, n, x, x));
    flat(VectorKind::scale, n, inverse < kLargestInverse ? inverse : kLargestInverse, x, out);
  }
};

}  // namespace

SpectralNormalization::Replaced::Replaced(const ParameterPointers& from, std::size_t count, void* kernel) {
  std::copy_n(from.begin(), count, pointers);
  if (kernel != nullptr) pointers[0] = kernel;
  all = ParameterPointers(pointers, count);
}

bool SpectralNormalization::takes(const Layer& layer) {
  if (layer.parameters().empty() || layer.parameters().size() > Replaced::most) return false;
  const std::string& name = layer.parameters().front().name;
  return name == "kernel" || name == "embeddings";
}

SpectralNormalization::SpectralNormalization(std::unique_ptr<Layer> inner, std::int64_t iterations)
    : Layer(inner->input_shape()), inner_(std::move(inner)), iterations_(iterations) {
  if (iterations < 1) {
    throw ValueError(
        text("[SpectralNormalization] power_iterations must be positive. Received: power_iterations=",
             iterations));
  }
  output_shape_ = inner_->output_shape();
  fused_activation_ = inner_->fused_activation();
  parameters_ = inner_->parameters();
  const Shape& kernel = parameters_.front().shape;
  columns_ = kernel.back();
  rows_ = element_count(kernel) / columns_;
  parameters_.push_back({"vector_u", {1, columns_}, false});
}

bool SpectralNormalization::try_fuse(const Activation& activation) {
  const bool absorbed = inner_->try_fuse(activation);
  fused_activation_ = inner_->fused_activation();
  return absorbed;
}

void SpectralNormalization::set_trainable(std::int64_t index, bool trainable) {
  Layer::set_trainable(index, trainable);
  inner_->set_index(index_);
  inner_->set_trainable(index, trainable);
}

SpectralNormalization::Places SpectralNormalization::places(std::int64_t batch) const {
  Places p{};
  p.kernel = placed(inner_->workspace(batch));
  p.u = p.kernel + placed(rows_ * columns_);
  p.v = p.u + placed(columns_);
  p.product = p.v + placed(rows_);
  p.end = p.product + placed(columns_);
  return p;
}

std::int64_t SpectralNormalization::workspace(std::int64_t batch) const { return places(batch).end; }

void SpectralNormalization::normalize(const Pass& pass, const void* kernel, const void* u,
                                      char* workspace) const {
  const auto item = static_cast<std::int64_t>(size_of(pass.dtype));
  const Places p = places(pass.batch);
  const std::int64_t n = rows_ * columns_;
  void* const divided = workspace + p.kernel * item;
  void* const new_u = workspace + p.u * item;
  void* const v = workspace + p.v * item;
  void* const product = workspace + p.product * item;
  if (pass.device.abs_max(pass.dtype, n, kernel) == 0.0) {
    pass.device.copy(divided, kernel, static_cast<std::size_t>(n * item));
    pass.device.copy(new_u, u, static_cast<std::size_t>(columns_ * item));
    return;
  }
  const Vectors vectors{pass.device, pass.dtype};
  for (std::int64_t i = 0; i < iterations_; ++i) {
    vectors.product(rows_, columns_, true, i == 0 ? u : new_u, kernel, v);
    vectors.unit(rows_, v, v);
    vectors.product(rows_, columns_, false, v, kernel, product);
    vectors.unit(columns_, product, new_u);
  }
  const double sigma = pass.device.dot(pass.dtype, columns_, product, new_u);
  vectors.flat(VectorKind::divide, n, sigma, kernel, divided);
}

void* SpectralNormalization::divided(const Pass& pass, void* workspace) const {
  if (!active(pass)) return nullptr;
  return static_cast<char*>(workspace) +
         static_cast<std::size_t>(places(pass.batch).kernel) * size_of(pass.dtype);
}

void SpectralNormalization::forward(const Pass& pass, const ForwardArguments& f,
                                    bool skip_fused_activation) const {
  ForwardArguments inner = f;
  if (active(pass)) {
    normalize(pass, f.parameters->front(), f.parameters->back(), static_cast<char*>(f.workspace));
  }
  const Replaced parameters(*f.parameters, parameters_.size() - 1, divided(pass, f.workspace));
  inner.parameters = &parameters.all;
  inner_->forward(pass, inner, skip_fused_activation);
}

void SpectralNormalization::backward(const Pass& pass, const BackwardArguments& b) const {
  BackwardArguments inner = b;
  const std::size_t count = parameters_.size() - 1;
  const Replaced parameters(*b.parameters, count, divided(pass, b.workspace));
  inner.parameters = &parameters.all;
  ParameterPointers gradients;
  if (b.parameter_gradients != nullptr) {
    gradients = b.parameter_gradients->first(count);
    inner.parameter_gradients = &gradients;
  }
  inner_->backward(pass, inner);
}

void SpectralNormalization::update_state(const Pass& pass, const ParameterPointers& parameters,
                                         const void* workspace) const {
  if (!active(pass)) return;
  const std::size_t item = size_of(pass.dtype);
  const Places p = places(pass.batch);
  const auto* memory = static_cast<const char*>(workspace);
  pass.device.copy(parameters.front(), memory + static_cast<std::size_t>(p.kernel) * item,
                   static_cast<std::size_t>(rows_ * columns_) * item);
  pass.device.copy(parameters.back(), memory + static_cast<std::size_t>(p.u) * item,
                   static_cast<std::size_t>(columns_) * item);
}

}  // namespace lamina::nn
