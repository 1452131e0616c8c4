#include "nn/layers/batch_normalization.h"

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
                     bool center, bool wants_parameters) {
  c.dy = b.gradient;
  c.dx = b.input_gradients[0];
  if (wants_parameters)
    scale_and_center(*b.parameter_gradients, scale, center, &c.gamma_gradient, &c.beta_gradient);
  pass.device.normalize_columns_backward(c);
}

/// Where forward and backward find the arrays of the workspace, behind the mean.
constexpr std::int64_t kVariance = 1, kDeviation = 2, kFactor = 3, kOffset = 4;
/// The states behind the moving mean.
constexpr std::size_t kMovingVariance = 1, kMovingDeviation = 2, kRenormMean = 3, kRenormDeviation = 4;

void check(const RenormalizationOptions& r) {
  if (!(r.momentum >= 0.0 && r.momentum <= 1.0)) {
    throw ValueError(
        text("[BatchNormalization] renorm_momentum must be between 0 and 1. Received: renorm_momentum=",
             r.momentum));
  }
  if (!(r.r_min <= r.r_max)) {
    throw ValueError(text("[BatchNormalization] rmin must not be above rmax. Received: rmin=", r.r_min,
                          ", rmax=", r.r_max));
  }
  if (!(r.d_max >= 0.0))
    throw ValueError(text("[BatchNormalization] dmax must be at least 0. Received: dmax=", r.d_max));
}

}  // namespace

BatchNormalization::BatchNormalization(Shape input, double momentum, double epsilon, bool center, bool scale,
                                       const std::optional<RenormalizationOptions>& renormalization)
    : Layer(std::move(input)),
      momentum_(momentum),
      epsilon_(epsilon),
      center_(center),
      scale_(scale),
      renormalization_(renormalization) {
  if (input_shape().empty()) {
    throw ValueError("[BatchNormalization] a sample must have at least one axis. Received: shape ()");
  }
  if (!(momentum >= 0.0 && momentum <= 1.0)) {
    throw ValueError(
        text("[BatchNormalization] momentum must be between 0 and 1. Received: momentum=", momentum));
  }
  if (!(epsilon >= 0.0))
    throw ValueError(text("[BatchNormalization] epsilon must be at least 0. Received: epsilon=", epsilon));
  features_ = input_shape().back();
  positions_ = element_count(Shape(input_shape().begin(), input_shape().end() - 1));
  add_factors(parameters_, features_, scale_, center_);
  state_ = parameters_.size();
  parameters_.push_back({"moving_mean", {features_}, false});
  parameters_.push_back({"moving_variance", {features_}, false});
  if (!renormalization_) return;
  check(*renormalization_);
  for (const char* name : {"moving_stddev", "renorm_mean", "renorm_stddev"}) {
    parameters_.push_back({name, {features_}, false});
  }
}

void* BatchNormalization::kept(const Pass& pass, const void* workspace, std::int64_t i) const {
  char* const start = const_cast<char*>(static_cast<const char*>(workspace));
  return start + static_cast<std::size_t>(i * features_) * size_of(pass.dtype);
}

Renormalization BatchNormalization::renormalization(const Pass& pass, const ParameterPointers& parameters,
                                                    void* workspace) const {
  Renormalization r;
  r.moving_mean = parameters[state_ + kRenormMean];
  r.moving_deviation = parameters[state_ + kRenormDeviation];
  r.r_min = renormalization_->r_min;
  r.r_max = renormalization_->r_max;
  r.d_max = renormalization_->d_max;
  r.deviation = kept(pass, workspace, kDeviation);
  r.factor = kept(pass, workspace, kFactor);
  r.offset = kept(pass, workspace, kOffset);
  return r;
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
    c.variance = kept(pass, workspace, kVariance);
  } else {
    c.mean = parameters[state_];
    c.variance = parameters[state_ + kMovingVariance];
  }
  return c;
}

void BatchNormalization::forward(const Pass& pass, const ForwardArguments& f, bool) const {
  ColumnNormalization c = arguments(pass, *f.parameters, f.workspace);
  Renormalization r;
  if (renormalization_ && c.batch_statistics) {
    r = renormalization(pass, *f.parameters, f.workspace);
    c.renormalization = &r;
  }
  c.x = f.x[0];
  c.y = f.y;
  pass.device.normalize_columns(c);
}

void BatchNormalization::backward(const Pass& pass, const BackwardArguments& b) const {
  ColumnNormalization c = arguments(pass, *b.parameters, b.workspace);
  Renormalization r;
  if (renormalization_ && c.batch_statistics) {
    r = renormalization(pass, *b.parameters, b.workspace);
    c.renormalization = &r;
  }
  c.x = b.x[0];
  finish_backward(pass, c, b, scale_, center_, wants_parameter_gradients(b));
  if (b.input_gradients[0] != nullptr) apply_producer_activation(pass, b);
}

void BatchNormalization::update_state(const Pass& pass, const ParameterPointers& parameters,
                                      const void* workspace) const {
  if (!by_batch(pass)) return;
  const auto blend = [&](double momentum, const void* current, std::size_t state) {
    pass.device.update_moving_average(pass.dtype, features_, momentum, current, parameters[state_ + state]);
  };
  blend(momentum_, workspace, 0);
  if (!renormalization_) {
    blend(momentum_, kept(pass, workspace, kVariance), kMovingVariance);
    return;
  }
  // The variance for inference is that of the moving deviation.
  const void* deviation = kept(pass, workspace, kDeviation);
  blend(momentum_, deviation, kMovingDeviation);
  pass.device.variance_of_deviation(pass.dtype, features_, epsilon_, parameters[state_ + kMovingDeviation],
                                    parameters[state_ + kMovingVariance]);
  blend(renormalization_->momentum, workspace, kRenormMean);
  blend(renormalization_->momentum, deviation, kRenormDeviation);
}

Affine::Affine(Shape input, bool center, bool scale)
    : Layer(std::move(input)), center_(center), scale_(scale) {
  features_ = input_shape().back();
  positions_ = element_count(Shape(input_shape().begin(), input_shape().end() - 1));
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
  c.x = f.x[0];
  c.y = f.y;
  pass.device.normalize_columns(c);
}

void Affine::backward(const Pass& pass, const BackwardArguments& b) const {
  ColumnNormalization c = arguments(pass, *b.parameters);
  c.x = b.x[0];
  finish_backward(pass, c, b, scale_, center_, wants_parameter_gradients(b));
  if (b.input_gradients[0] != nullptr) apply_producer_activation(pass, b);
}

}  // namespace lamina::nn
