// Layers that disturb their input in training only. What they draw is a function of (seed, layer, training
// step, element), so the backward pass draws it again.
#pragma once

#include "nn/layers/layer.h"

namespace lamina::nn {

/// y = x + stddev z, z standard normal: element e of the batch takes element e of the stream (noise, index,
/// step).
class GaussianNoise final : public Layer {
 public:
  GaussianNoise(Shape input, double stddev, std::uint64_t seed, std::uint64_t index);

  void forward(const Pass&, const ForwardArguments&, bool skip_fused_activation) const override;
  void backward(const Pass&, const BackwardArguments&) const override;
  bool reads_inputs() const override { return false; }
  bool reads_output() const override { return false; }
  bool training_only() const override { return true; }

 private:
  double stddev_;
  std::uint64_t seed_, index_;
  std::int64_t elements_;
};

/// y = x (1 + sqrt(rate / (1 - rate)) z).
class GaussianDropout final : public Layer {
 public:
  GaussianDropout(Shape input, double rate, std::uint64_t seed, std::uint64_t index);

  void forward(const Pass&, const ForwardArguments&, bool skip_fused_activation) const override;
  void backward(const Pass&, const BackwardArguments&) const override;
  bool reads_inputs() const override { return false; }
  bool reads_output() const override { return false; }
  bool training_only() const override { return true; }

 private:
  void apply(const Pass&, const void* in, void* out) const;

  double stddev_;
  std::uint64_t seed_, index_;
  std::int64_t elements_;
};

/// Dropout whose mask repeats along axes of extent 1 of `noise`, and alpha dropout, which sets dropped
/// elements to selu's lower limit and keeps mean and variance: kept elements are scaled (and, with alpha,
/// shifted).
class MaskedDropout final : public Layer {
 public:
  /// `noise` has an extent for the batch, 1 or -1 for the batch's own, and one for each axis of a sample.
  MaskedDropout(Shape input, double rate, Shape noise, bool alpha, std::uint64_t seed, std::uint64_t index);

  void forward(const Pass&, const ForwardArguments&, bool skip_fused_activation) const override;
  void backward(const Pass&, const BackwardArguments&) const override;
  bool reads_inputs() const override { return false; }
  bool reads_output() const override { return false; }
  bool training_only() const override { return true; }
  std::int64_t workspace(std::int64_t batch) const override;

 private:
  double rate_;
  Shape noise_;
  bool one_mask_, repeats_;  ///< for the whole batch; along any axis
  std::int64_t drawn_ = 1;   ///< elements of one mask
  std::int64_t elements_;
  double scale_ = 1.0, offset_ = 0.0, dropped_ = 0.0;
  std::uint64_t seed_, index_;
};

}  // namespace lamina::nn
