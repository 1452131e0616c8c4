// Each feature normalised over the batch in training and by moving averages otherwise; and the factors and
// offsets of features alone.
#pragma once

#include <optional>

#include "nn/layers/layer.h"

namespace lamina::nn {

/// Batch renormalization: bounds of what leads a batch's statistics towards moving ones, whose momentum
/// is their own. Infinite bounds are none.
struct RenormalizationOptions {
  double r_min = 0.0, r_max = 0.0, d_max = 0.0;
  double momentum = 0.99;
};

/// Over the last axis. Parameters: gamma and beta where wanted, then the state moving_mean and
/// moving_variance, and with renormalization moving_stddev, renorm_mean and renorm_stddev. Frozen, it is in
/// inference mode while training too.
class BatchNormalization final : public Layer {
 public:
  /// ValueError for an input without axes, a momentum outside of [0, 1], a negative epsilon, and bounds that
  /// are NaN, in the wrong order or negative.
  BatchNormalization(Shape input, double momentum, double epsilon, bool center, bool scale,
                     const std::optional<RenormalizationOptions>& renormalization = std::nullopt);

  void forward(const Pass&, const ForwardArguments&, bool skip_fused_activation) const override;
  void backward(const Pass&, const BackwardArguments&) const override;
  bool reads_output() const override { return false; }
  /// The batch's mean and variance; with renormalization also its deviation, the factor and the offset.
  std::int64_t workspace(std::int64_t) const override { return (renormalization_ ? 5 : 2) * features_; }
  bool has_state_update() const override { return true; }
  void update_state(const Pass&, const ParameterPointers&, const void* workspace) const override;

 private:
  bool by_batch(const Pass& pass) const { return pass.training && trainable_; }
  ColumnNormalization arguments(const Pass&, const ParameterPointers&, void* workspace) const;
  /// Array `i` of the workspace.
  void* kept(const Pass&, const void* workspace, std::int64_t i) const;
  Renormalization renormalization(const Pass&, const ParameterPointers&, void* workspace) const;

  double momentum_, epsilon_;
  std::int64_t features_ = 1, positions_ = 1;
  bool center_, scale_;
  std::optional<RenormalizationOptions> renormalization_;
  std::size_t state_ = 0;  ///< the place of moving_mean among the parameters
};

/// y = gamma x + beta over the last axis.
class Affine final : public Layer {
 public:
  Affine(Shape input, bool center, bool scale);

  void forward(const Pass&, const ForwardArguments&, bool skip_fused_activation) const override;
  void backward(const Pass&, const BackwardArguments&) const override;
  bool reads_output() const override { return false; }

 private:
  ColumnNormalization arguments(const Pass&, const ParameterPointers&) const;

  std::int64_t features_ = 1, positions_ = 1;
  bool center_, scale_;
};

}  // namespace lamina::nn
