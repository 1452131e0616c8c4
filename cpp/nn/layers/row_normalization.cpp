#include "nn/layers/row_normalization.h"

#include "core/error.h"

namespace lamina::nn {

RowNormalization::RowNormalization(Shape input, RowNormalizationKind kind, std::int64_t axes,
                                   std::int64_t groups, double epsilon, bool center, bool scale,
                                   const std::string& scale_name)
    : Layer(std::move(input)),
      kind_(kind),
      groups_(groups),
      epsilon_(epsilon),
      center_(center),
      scale_(scale) {
  const auto rank = static_cast<std::int64_t>(input_shape().size());
  if (axes < 1 || axes > rank) {
    throw ValueError(text("[Normalization] a sample of shape ", to_string(input_shape()),
                          " cannot be normalised over ", axes, " axes"));
  }
  if (!(epsilon >= 0.0))
    throw ValueError(text("[Normalization] epsilon must be at least 0. Received: epsilon=", epsilon));
  const Shape normalised(input_shape().end() - axes, input_shape().end());
  columns_ = element_count(normalised);
  if (groups < 1 || columns_ % groups != 0) {
    throw ValueError(text("[GroupNormalization] the number of groups must divide the ", columns_,
                          " features. Received: groups=", groups));
  }
  rows_ = element_count(input_shape()) / columns_ * groups;
  columns_ /= groups;
  if (scale_) parameters_.push_back({scale_name, normalised});
  if (center_) parameters_.push_back({"beta", normalised});
}

lamina::RowNormalization RowNormalization::arguments(const Pass& pass,
                                                     const ParameterPointers& parameters) const {
  lamina::RowNormalization r;
  r.dtype = pass.dtype;
  r.kind = kind_;
  r.rows = pass.batch * rows_;
  r.columns = columns_;
  r.period = groups_;
  r.epsilon = epsilon_;
  if (scale_) r.gamma = parameters.front();
  if (center_) r.beta = parameters.back();
  return r;
}

void RowNormalization::forward(const Pass& pass, const ForwardArguments& f, bool) const {
  lamina::RowNormalization r = arguments(pass, *f.parameters);
  r.x = f.x[0];
  r.y = f.y;
  r.statistics = f.workspace;
  pass.device.normalize_rows(r);
}

void RowNormalization::backward(const Pass& pass, const BackwardArguments& b) const {
  lamina::RowNormalization r = arguments(pass, *b.parameters);
  r.x = b.x[0];
  r.statistics = b.workspace;
  r.dy = b.gradient;
  r.dx = b.input_gradients[0];
  if (wants_parameter_gradients(b)) {
    if (scale_) r.gamma_gradient = b.parameter_gradients->front();
    if (center_) r.beta_gradient = b.parameter_gradients->back();
  }
  pass.device.normalize_rows_backward(r);
  if (b.input_gradients[0] != nullptr) apply_producer_activation(pass, b);
}

}  // namespace lamina::nn
