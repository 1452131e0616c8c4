// The activation functions of layers, on tensors.
#pragma once

#include "core/tensor.h"
#include "device/kinds.h"

namespace lamina::ops {

/// f(x); integers in the default floating type. softmax and its like work along the last axis.
Tensor activate(const Activation& f, const Tensor& x);
/// dy times f's derivative; `saved` is f's output or input, as derivative_from(f) says.
Tensor activate_backward(const Activation& f, const Tensor& saved, const Tensor& dy);

}  // namespace lamina::ops
