// Element-wise functions over strided operands and reductions on the GPU: formulas and orders of
// cpu/strided/strided.h and docs/numerics.md.
#pragma once

#include "device/array.h"
#include "device/strided.h"

namespace lamina::cuda {

void strided(const StridedArguments&);
/// Sums, largest and smallest of float32 and float64.
void reduce(const ReduceArguments&);

}  // namespace lamina::cuda
