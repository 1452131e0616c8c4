#include "nn/batch_normalization.h"

#include "core/error.h"

namespace lamina::nn {

namespace {

/// Takes the pointers of gamma and beta, where the layer has them, in the order of its parameters.
void scale_and_center(const ParameterPointers& from, bool scale, bool center, void** gamma, void** beta) {
  std::size_t next = 0;
  if (scale) *gamma = from[next++];
  if (center) *beta = from[next];
}

void add_factors(std::vector<Parameter>& parameters, std::int64_t features, bool scale, bool center) {
  if (scale) parameters.push_back({"gamma", {features}});
  if (center) parameters.push_back({"beta", {features}});
}

void finish_backward(const Pass& pass, ColumnNormalization& c, const BackwardArguments& b, bool scale,
                     bool center, bool trains) {
  c.dy = b.gradient;
  c.dx = b.input_gradient;
  if (trains) scale_and_center(*b.parameter_gradients, scale, center, &c.gamma_gradient, &c.beta_gradient);
  pass.device.normalize_columns_backward(c);
}

}  // namespace

BatchNormalization::BatchNormalization(Shape input, double momentum, double epsilon, bool center, bool scale)
    : Layer(std::move(input)), momentum_(momentum), epsilon_(epsilon), center_(center), scale_(scale) {
  if (input_shape_.empty()) {
    throw ValueError("[BatchNormalization] a sample must have at least one axis. Received: shape ()");
  }
  if (!(momentum >= 0.0 && momentum <= 1.0)) {
    throw ValueError(
        text("[BatchNormalization] momentum must be between 0 and 1. Received: momentum=", momentum));
  }
  if (!(epsilon >= 0.0))
    throw ValueError(text("[BatchNormalization] epsilon must be at least 0. Received: epsilon=", epsilon));
  features_ = input_shape_.back();
  positions_ = element_count(Shape(input_shape_.begin(), input_shape_.end() - 1));
  add_factors(parameters_, features_, scale_, center_);
  parameters_.push_back({"moving_mean", {features_}, false});
  parameters_.push_back({"moving_variance", {features_}, false});
}

ColumnNormalization BatchNormalization::arguments(const Pass& pass, const ParameterPointers& parameters,
                                                  void* workspace) const {
  ColumnNormalization c;
  c.dtype = pass.dtype;
  c.rows = pass.batch * positions_;
  c.columns = features_;
  c.epsilon = epsilon_;
  void *gamma = nullptr, *beta = nullptr;
  scale_and_center(parameters, scale_, center_, &gamma, &beta);
  c.gamma = gamma;
  c.beta = beta;
  c.batch_statistics = by_batch(pass);
  if (c.batch_statistics) {
    c.mean = workspace;
    c.variance = static_cast<char*>(workspace) + static_cast<std::size_t>(features_) * size_of(pass.dtype);
  } else {
    c.mean = parameters[parameters.size() - 2];
    c.variance = parameters.back();
  }
  return c;
}

void BatchNormalization::forward(const Pass& pass, const ForwardArguments& f, bool) const {
  ColumnNormalization c = arguments(pass, *f.parameters, f.workspace);
  c.x = f.x;
  c.y = f.y;
  pass.device.normalize_columns(c);
}

void BatchNormalization::backward(const Pass& pass, const BackwardArguments& b) const {
  ColumnNormalization c = arguments(pass, *b.parameters, b.workspace);
  c.x = b.x;
  finish_backward(pass, c, b, scale_, center_, trains());
  if (b.input_gradient != nullptr) apply_below(pass, b.below, b.input_gradient);
}

void BatchNormalization::commit(const Pass& pass, const ParameterPointers& parameters,
                                const void* workspace) const {
  if (!by_batch(pass)) return;
  const auto* mean = static_cast<const char*>(workspace);
  const void* variance = mean + static_cast<std::size_t>(features_) * size_of(pass.dtype);
  pass.device.blend_moving(pass.dtype, features_, momentum_, mean, parameters[parameters.size() - 2]);
  pass.device.blend_moving(pass.dtype, features_, momentum_, variance, parameters.back());
}

Affine::Affine(Shape input, bool center, bool scale)
    : Layer(std::move(input)), center_(center), scale_(scale) {
  features_ = input_shape_.back();
  positions_ = element_count(Shape(input_shape_.begin(), input_shape_.end() - 1));
  add_factors(parameters_, features_, scale_, center_);
}

ColumnNormalization Affine::arguments(const Pass& pass, const ParameterPointers& parameters) const {
  ColumnNormalization c;
  c.dtype = pass.dtype;
  c.rows = pass.batch * positions_;
  c.columns = features_;
  void *gamma = nullptr, *beta = nullptr;
  scale_and_center(parameters, scale_, center_, &gamma, &beta);
  c.gamma = gamma;
  c.beta = beta;
  return c;
}

void Affine::forward(const Pass& pass, const ForwardArguments& f, bool) const {
  ColumnNormalization c = arguments(pass, *f.parameters);
  c.x = f.x;
  c.y = f.y;
  pass.device.normalize_columns(c);
}

void Affine::backward(const Pass& pass, const BackwardArguments& b) const {
  ColumnNormalization c = arguments(pass, *b.parameters);
  c.x = b.x;
  finish_backward(pass, c, b, scale_, center_, trains());
  if (b.input_gradient != nullptr) apply_below(pass, b.below, b.input_gradient);
}

}  // namespace lamina::nn
