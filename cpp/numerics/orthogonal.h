// Orthonormal vectors by the modified Gram-Schmidt process, in double.
#pragma once

#include <cstdint>

namespace lamina::numerics {

/// Makes the `count` dense rows of `a`, of `length` >= count numbers each, orthonormal, one after the other:
/// twice, for each earlier row q in turn, row = row - (q . row) * q; then row = row / sqrt(row . row). So the
/// triangular factor has a positive diagonal. Dot products are in the order of row.h, each product rounded.
void orthonormalize(std::int64_t count, std::int64_t length, double* a);

}  // namespace lamina::numerics
