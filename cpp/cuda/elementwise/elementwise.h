// Element-wise arithmetic of layers on the GPU; formulas as in cpu/elementwise/elementwise.h.
#pragma once

#include "device/layer_arguments.h"

namespace lamina::cuda {

void elementwise(const ElementwiseArguments&);
void rescale(const RescaleArguments&);
void prelu(const PreluArguments&);
void prelu_backward(const PreluArguments&);

}  // namespace lamina::cuda
