// y = f(x), where no layer below could take f into its epilogue, or f needs whole rows.
#pragma once

#include "nn/layers/layer.h"

namespace lamina::nn {

class ActivationLayer final : public Layer {
 public:
  /// softmax and log_softmax need an input of rank >= 1 (ValueError).
  ActivationLayer(Shape input, const Activation& activation);

  const Activation& function() const { return function_; }
  void forward(const Pass&, const ForwardArguments&, bool skip_fused_activation) const override;
  void backward(const Pass&, const BackwardArguments&) const override;
  bool reads_inputs() const override { return derivative_from(function_) == DerivativeFrom::input; }
  bool reads_output() const override { return derivative_from(function_) == DerivativeFrom::output; }

 private:
  Activation function_;
  std::int64_t columns_;
  std::int64_t rows_a_sample_;
};

}  // namespace lamina::nn
