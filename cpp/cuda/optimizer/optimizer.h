// Optimizer steps on the GPU; formulas as in cpu/optimizer/optimizer.h.
#pragma once

#include "device/arguments.h"

namespace lamina::cuda {

/// `captured`: where on the device the RoundedNumbers of the step lie, in the dtype, instead of those in the
/// arguments (cuda/captured_step.h); or null.
void update(const UpdateArguments&, const void* captured = nullptr);

}  // namespace lamina::cuda
