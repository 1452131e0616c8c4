// Optimizer steps on the GPU; formulas as in cpu/optimizer/optimizer.h.
#pragma once

#include "device/arguments.h"

namespace lamina::cuda {

/// `recorded`: where on the device the RoundedNumbers of the step lie, in the dtype, instead of those in the
/// arguments (cuda/recording.h); or null.
void update(const UpdateArguments&, const void* recorded = nullptr);

}  // namespace lamina::cuda
