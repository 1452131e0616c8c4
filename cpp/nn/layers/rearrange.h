// Samples with their axes in another order, and features repeated.
#pragma once

#include "nn/layers/layer.h"

namespace lamina::nn {

/// Axis i of a sample of y is axis order[i] of x.
class Permute final : public Layer {
 public:
  /// ValueError unless `order` holds each axis of a sample once.
  Permute(Shape input, std::vector<std::int64_t> order);

  void forward(const Pass&, const ForwardArguments&, bool skip_fused_activation) const override;
  void backward(const Pass&, const BackwardArguments&) const override;
  bool reads_inputs() const override { return false; }
  bool reads_output() const override { return false; }

 private:
  std::vector<std::int64_t> order_, inverse_;
};

/// [features] to [n, features].
class Repeat final : public Layer {
 public:
  Repeat(Shape input, std::int64_t n);

  void forward(const Pass&, const ForwardArguments&, bool skip_fused_activation) const override;
  void backward(const Pass&, const BackwardArguments&) const override;
  bool reads_inputs() const override { return false; }
  bool reads_output() const override { return false; }

 private:
  std::int64_t n_, features_ = 1;
};

}  // namespace lamina::nn
