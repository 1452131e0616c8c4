// Sums over the columns and over the rows of a dense matrix.
//
// Orders of addition (numerics/order.h); every addition is rounded to the matrix's type:
//   column_sums   the rows are cut into chunks of kRowChunk. Within a chunk, column j's sum is one
//                 chain: ((+0 + x[0,j]) + x[1,j]) + ... The chunks are joined by the binary tree.
//   row_sums      a row is cut into chunks of kSumChunk elements. Within a chunk, lane l of kLanes is
//                 one chain from +0 over the elements whose index in the chunk is l modulo kLanes;
//                 the lanes are joined by the lane tree (reduce_add), the chunks by the binary tree.
// Nothing else, neither threads nor instruction sets, has a say. A sum of nothing is +0, and no sum is
// -0. NaN and infinities follow IEEE 754.
#pragma once

#include <cstdint>

#include "core/types.h"

namespace lamina::cpu {

/// out[j] = the sum of x[i, j] over i, for x of [rows, columns]. `out` does not overlap x.
void column_sums(DType dtype, std::int64_t rows, std::int64_t columns, const void* x, void* out);

/// out[i] = the sum of x[i, j] over j, for x of [rows, columns]. `out` does not overlap x.
void row_sums(DType dtype, std::int64_t rows, std::int64_t columns, const void* x, void* out);

}  // namespace lamina::cpu
