// Each feature normalised over the batch in training and by moving averages otherwise; and the factors and
// offsets of features alone.
#pragma once

#include "nn/layer.h"

namespace lamina::nn {

/// Over the last axis. Parameters: gamma and beta where wanted, then the state moving_mean and
/// moving_variance. Frozen, it is in inference mode while training too.
class BatchNormalization final : public Layer {
 public:
  /// ValueError for an input without axes, a momentum outside of [0, 1] or a negative epsilon.
  BatchNormalization(Shape input, double momentum, double epsilon, bool center, bool scale);

  void forward(const Pass&, const ForwardArguments&, bool without_ending) const override;
  void backward(const Pass&, const BackwardArguments&) const override;
  std::int64_t workspace(std::int64_t) const override { return 2 * features_; }
  bool commits() const override { return true; }
  void commit(const Pass&, const ParameterPointers&, const void* workspace) const override;

 private:
  bool by_batch(const Pass& pass) const { return pass.training && trainable_; }
  ColumnNormalization arguments(const Pass&, const ParameterPointers&, void* workspace) const;

  double momentum_, epsilon_;
  std::int64_t features_ = 1, positions_ = 1;
  bool center_, scale_;
};

/// y = gamma x + beta over the last axis.
class Affine final : public Layer {
 public:
  Affine(Shape input, bool center, bool scale);

  void forward(const Pass&, const ForwardArguments&, bool without_ending) const override;
  void backward(const Pass&, const BackwardArguments&) const override;

 private:
  ColumnNormalization arguments(const Pass&, const ParameterPointers&) const;

  std::int64_t features_ = 1, positions_ = 1;
  bool center_, scale_;
};

}  // namespace lamina::nn
