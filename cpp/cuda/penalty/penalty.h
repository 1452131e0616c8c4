// Penalties and constraints on the GPU; formulas and orders as in cpu/penalty/penalty.h.
#pragma once

#include "device/layer_arguments.h"

namespace lamina::cuda {

double penalty(const PenaltyArguments&);
void constrain(const ConstraintArguments&);

}  // namespace lamina::cuda
