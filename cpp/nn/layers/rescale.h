// Constants of each element of a sample: y = x * a + b or y = (x - a) / b. Nothing here is learned.
#pragma once

#include "nn/layers/layer.h"

namespace lamina::nn {

class Rescale final : public Layer {
 public:
  /// One number of a and b for each element of a sample (ValueError). Kinds: multiply_add, subtract_divide.
  Rescale(Shape input, RescaleKind kind, const std::vector<double>& a, const std::vector<double>& b,
          DType dtype, Device& device);

  void forward(const Pass&, const ForwardArguments&, bool skip_fused_activation) const override;
  void backward(const Pass&, const BackwardArguments&) const override;
  bool reads_inputs() const override { return false; }
  bool reads_output() const override { return false; }

 private:
  void apply(const Pass&, RescaleKind, const void* x, void* y) const;

  RescaleKind kind_;
  std::int64_t elements_;
  Device::Memory a_, b_;
};

}  // namespace lamina::nn
