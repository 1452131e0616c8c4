// Arithmetic over flat ranges: what optimizers need beside their rules.
//
// Element by element: the formulas of VectorKind (device/kinds.h); a and b are rounded once to the type
// of the range, and every operation is rounded once.
//
// dot(x, y): in each chunk of kSumChunk elements lane l sums, from +0 and from left to right,
// sum = fma(x[i], y[i], sum) over the elements whose index is l modulo the lanes; then the lane tree;
// the chunks are joined by the chunk tree. Without elements: +0.
#pragma once

#include "device/arguments.h"

namespace lamina::cpu {

void vector_op(const VectorArguments& arguments);
/// The sum, in the type of the range, as a double.
double dot(DType dtype, std::int64_t n, const void* x, const void* y);
double abs_max(DType dtype, std::int64_t n, const void* x);
bool all_finite(DType dtype, std::int64_t n, const void* x);

}  // namespace lamina::cpu
