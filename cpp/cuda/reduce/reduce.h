// Sums of columns and rows on the GPU; orders as in cpu/reduce/reduce.h.
#pragma once

#include "device/arguments.h"

namespace lamina::cuda {

void column_sums(DType, std::int64_t rows, std::int64_t columns, const void* x, void* out);
void row_sums(DType, std::int64_t rows, std::int64_t columns, const void* x, void* out);

}  // namespace lamina::cuda
