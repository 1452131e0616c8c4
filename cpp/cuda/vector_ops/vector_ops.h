// Arithmetic over flat ranges on the GPU; formulas and orders as in cpu/vector_ops/vector_ops.h.
#pragma once

#include "device/arguments.h"

namespace lamina::cuda {

void vector_op(const VectorArguments&);
void clip_factors(const ClipArguments&);
double dot(DType, std::int64_t n, const void* x, const void* y);
double abs_max(DType, std::int64_t n, const void* x);
bool all_finite(DType, std::int64_t n, const void* x);

}  // namespace lamina::cuda
