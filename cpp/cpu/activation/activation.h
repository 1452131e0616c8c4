// The activation functions of the CPU device.
#pragma once

#include <cstdint>

#include "device/arguments.h"

namespace lamina::cpu {

/// y = f(x) over a dense [rows, columns]; softmax and log_softmax act on each row. y may be
/// x. Formulas: numerics/activation.h and numerics/softmax.h.
void activate(DType dtype, const Activation& f, std::int64_t rows, std::int64_t columns, const void* x,
              void* y);

/// dx = dy times f's Jacobian. `saved` is f's output or input, as derivative_from(f) says
/// (softmax and log_softmax: the output). dx may be dy or saved.
void activate_backward(DType dtype, const Activation& f, std::int64_t rows, std::int64_t columns,
                       const void* saved, const void* dy, void* dx);

}  // namespace lamina::cpu
