// Normalisation of columns (over a batch) and of rows (within a sample), forward and backward.
//
// Columns, N rows. With batch statistics
//   mean[j] = (sum over i of x[i,j]) / N;  variance[j] = (sum over i of fma(d, d, .)) / N, d = x - mean
// and otherwise both are given. inverse = 1 / sqrt(variance + epsilon), scale = gamma * inverse;
//   y = fma(x - mean, scale, beta)
//   dbeta = sum over i of dy;  dgamma = sum over i of fma(dy, (x - mean) * inverse, .)
//   dx = scale * fma(-((x - mean) * inverse), dgamma / N, dy - dbeta / N)     with batch statistics
//   dx = scale * dy                                                           otherwise
// Sums down a column: one chain from +0 in each chunk of kRowChunk rows; then each chunk's sum is added
// to +0 and the chunks are joined by the chunk tree. Missing gamma is 1, missing beta 0.
// Renormalization: gamma and beta above are the effective ones of numerics/renormalization.h, and dgamma is
// worked out from the sums as it says; dx is the same with that scale.
//
// Rows of n elements; sums along a row are in the order of numerics/row.h.
//   standard       c = (sum x) / n, v = (sum (x-c)^2) / n, inverse = 1 / sqrt(v + epsilon), h = (x - c) *
//   inverse rms            v = (sum x^2) / n, inverse = 1 / sqrt(v + epsilon), h = x * inverse variance_only
//   inverse as standard, h = x * inverse unit           inverse = min(1 / sqrt(sum x^2), 10^12), h = x *
//   inverse y = fma(h, gamma, beta) (h * gamma without beta, h without gamma)
// Backward, g = dy * gamma:
//   standard       dx = inverse * fma(-h, (sum g h) / n, g - (sum g) / n)
//   rms            dx = inverse * fma(-h, (sum g h) / n, g)
//   variance_only  dx = inverse * fma(-((x - c) * inverse), (sum g h) / n, g)
//   unit           dx = inverse * fma(-h, sum g h, g);  where the bound holds, inverse * g
//   dbeta, dgamma  as for columns, with h; a chunk is kRowChunk samples of `period` rows
#pragma once

#include "device/layer_arguments.h"

namespace lamina::cpu {

void normalize_columns(const ColumnNormalization&);
void normalize_columns_backward(const ColumnNormalization&);
void normalize_rows(const RowNormalization&);
void normalize_rows_backward(const RowNormalization&);
/// moving = moving * momentum + current * (1 - momentum), each operation rounded.
void update_moving_average(DType dtype, std::int64_t n, double momentum, const void* current, void* moving);
/// variance = deviation^2 - epsilon, not below 0.
void variance_of_deviation(DType, std::int64_t n, double epsilon, const void* deviation, void* variance);

}  // namespace lamina::cpu
