// Normalisation on the GPU; formulas and orders as in cpu/normalization/normalization.h.
#pragma once

#include "device/layer_arguments.h"

namespace lamina::cuda {

void normalize_columns(const ColumnNormalization&);
void normalize_columns_backward(const ColumnNormalization&);
void normalize_rows(const RowNormalization&);
void normalize_rows_backward(const RowNormalization&);
void update_moving_average(DType, std::int64_t n, double momentum, const void* current, void* moving);
void variance_of_deviation(DType, std::int64_t n, double epsilon, const void* deviation, void* variance);

}  // namespace lamina::cuda
