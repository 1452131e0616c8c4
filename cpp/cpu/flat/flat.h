// Arithmetic over flat ranges: what optimizers need beside their rules.
//
// Element by element: the formulas of FlatKind (device/kinds.h); a and b are rounded once to the type
// of the range, and every operation is rounded once.
//
// dot(x, y): in each chunk of kSumChunk elements lane l sums, from +0 and from left to right,
// sum = fma(x[i], y[i], sum) over the elements whose index is l modulo the lanes; then the lane tree;
// the chunks are joined by the chunk tree. Without elements: +0.
#pragma once

#include "device/arguments.h"

namespace lamina::cpu {

void flat(const FlatArguments& arguments);
/// The sum, in the type of the range, as a double.
double dot(DType dtype, std::int64_t n, const void* x, const void* y);
double largest_magnitude(DType dtype, std::int64_t n, const void* x);
bool all_finite(DType dtype, std::int64_t n, const void* x);

}  // namespace lamina::cpu
