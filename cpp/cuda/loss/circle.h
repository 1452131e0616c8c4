// The circle loss on the GPU; formulas and orders as in cpu/loss/circle.h.
#pragma once

#include "device/arguments.h"

namespace lamina::cuda {

/// As loss() of cuda/loss/loss.h. Takes rows * rows numbers of memory.
double circle_loss(const LossArguments&, double* to = nullptr, bool adds = false);
double circle_count(const LossArguments&, bool weighted);

}  // namespace lamina::cuda
