// How many fused multiply-adds the device can do, for shares of the peak.
#pragma once

#include "core/types.h"

namespace lamina::cuda {

/// Starts a loop of nothing else; returns its floating-point operations.
double run_fma_loop(DType dtype);

}  // namespace lamina::cuda
