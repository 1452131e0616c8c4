// The reductions that are compiled once per instruction set. The order of additions is stated in
// cpu/reduce/reduce.h.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lamina::cpu {

/// Plain pointers; one table per instruction set, defined in reduce.isa.cpp. Strides count elements.
struct ReduceKernels {
  /// out[j] = the tree over chunks of `chunk` rows, each one chain from +0, of column j of x.
  template <class T>
  using ColumnSums = void (*)(std::int64_t rows, std::int64_t columns, std::int64_t chunk, const T* x,
                              std::int64_t stride, T* out);
  /// out[i] = the lane sums of row i of x, joined by the lane tree.
  template <class T>
  using LaneSums = void (*)(std::int64_t rows, std::int64_t columns, const T* x, std::int64_t stride, T* out);

  ColumnSums<float> column_sums_f32;
  ColumnSums<double> column_sums_f64;
  LaneSums<float> lane_sums_f32;
  LaneSums<double> lane_sums_f64;
};

}  // namespace lamina::cpu
