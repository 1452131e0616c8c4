// Optimizer steps on the GPU; formulas as in cpu/optimizer/optimizer.h.
#pragma once

#include "device/arguments.h"

namespace lamina::cuda {

/// `rate`: where on the device the rate of the step lies, rounded to the dtype; null: in the arguments.
void update(const UpdateArguments&, const void* rate = nullptr);

}  // namespace lamina::cuda
