// Losses on the GPU; formulas and orders as in cpu/loss/loss.h.
#pragma once

#include "device/arguments.h"

namespace lamina::cuda {

/// As cpu::loss. `to`: where on the device the total goes (`adds`: is added); then it is not read and 0 is
/// returned.
double loss(const LossArguments&, double* to = nullptr, bool adds = false);
double weighted_row_losses(const LossArguments&, const void* weights, double* to = nullptr,
                           bool adds = false);
double loss_count(const LossArguments&, bool weighted);

}  // namespace lamina::cuda
