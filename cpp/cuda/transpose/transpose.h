// Permuted and repeated axes on the GPU; meanings as in cpu/transpose/transpose.h.
#pragma once

#include "device/layer_arguments.h"

namespace lamina::cuda {

void transpose(const TransposeArguments&);

}  // namespace lamina::cuda
