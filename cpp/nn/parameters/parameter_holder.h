// Parameters that no operation of the plan uses: the tape computes with them, and an optimizer
// trains them here.
#pragma once

#include "nn/layers/layer.h"

namespace lamina::nn {

/// One parameter, and no mathematics.
class ParameterHolder final : public Layer {
 public:
  ParameterHolder(Shape input, Parameter parameter) : Layer(std::move(input)) {
    parameters_.push_back(std::move(parameter));
  }
  void forward(const Pass&, const ForwardArguments&, bool) const override {}
  void backward(const Pass&, const BackwardArguments&) const override {}
  bool training_only() const override { return true; }
};

}  // namespace lamina::nn
