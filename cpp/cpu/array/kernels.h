// The array kernels that are compiled once per instruction set: plain loops over n elements.
// Formulas: device/array_kinds.h and the numerics headers that it names.
#pragma once

#include <cstddef>
#include <cstdint>

#include "device/array_kinds.h"

namespace lamina::cpu {

/// The element types of tensors, in the order of the tables.
enum class TensorType : std::uint8_t { boolean, uint8, int32, int64, float32, float64 };
inline constexpr int kTensorTypes = 6;

/// out[i] = f(x[i]); out may be x where their types have the same size.
using UnaryKernel = void (*)(std::int64_t n, const void* x, void* out);
/// out[i] = f(x[i * x_step], y[i * y_step]); steps are 0 or 1.
using BinaryKernel = void (*)(std::int64_t n, const void* x, std::int64_t x_step, const void* y,
                              std::int64_t y_step, void* out);
/// out[i] = the reduction of row i of x, lanes joined by the lane tree.
using ReduceRowsKernel = void (*)(std::int64_t rows, std::int64_t columns, const void* x, std::int64_t stride,
                                  void* out);
/// out[j] = the reduction of column j, in chains of `chunk` rows joined by the chunk tree.
using ReduceColumnsKernel = void (*)(std::int64_t rows, std::int64_t columns, std::int64_t chunk,
                                     const void* x, std::int64_t stride, void* out);

struct UnaryKernels {
  UnaryKernel of[kUnaryKinds][kTensorTypes];  ///< null where there is none
};
struct BinaryKernels {
  BinaryKernel of[kBinaryKinds][kTensorTypes];
};
/// prod, max and min of float32 and float64.
struct ArrayReduceKernels {
  ReduceRowsKernel rows[3][2];
  ReduceColumnsKernel columns[3][2];
};

}  // namespace lamina::cpu
