// Arithmetic over flat ranges on the GPU; formulas and orders as in cpu/flat/flat.h.
#pragma once

#include "device/arguments.h"

namespace lamina::cuda {

void flat(const FlatArguments&);
void clip_factors(const ClipArguments&);
double dot(DType, std::int64_t n, const void* x, const void* y);
double largest_magnitude(DType, std::int64_t n, const void* x);
bool all_finite(DType, std::int64_t n, const void* x);

}  // namespace lamina::cuda
