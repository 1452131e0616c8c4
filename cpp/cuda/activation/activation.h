// Activations on the GPU; formulas as in cpu/activation.
#pragma once

#include "device/arguments.h"

namespace lamina::cuda {

void activate(DType, const Activation&, std::int64_t rows, std::int64_t columns, const void* x, void* y);
void activate_backward(DType, const Activation&, std::int64_t rows, std::int64_t columns, const void* saved,
                       const void* dy, void* dx);

}  // namespace lamina::cuda
