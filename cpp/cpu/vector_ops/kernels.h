// Arithmetic over flat ranges that is compiled once per instruction set. The formulas are stated in
// device/arguments.h, the order of sums in cpu/vector_ops/vector_ops.h.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lamina::cpu {

inline constexpr int kVectorKinds = 12;

/// Plain pointers; one table per instruction set, defined in flat.isa.cpp.
struct VectorKernels {
  template <class T>
  struct Table {
    /// out[i] = kind(x[i], y[i]), in the order of VectorKind; out may be x or y, y may be null
    /// where the kind does not read it.
    void (*elementwise[kVectorKinds])(std::int64_t n, T a, T b, const T* x, const T* y, T* out);
    /// out[i] = the lane sums of row i of x times row i of y, joined by the lane tree.
    void (*lane_dots)(std::int64_t rows, std::int64_t columns, const T* x, const T* y, std::int64_t stride,
                      T* out);
    /// The largest |x[i]|; what it is when one is NaN means nothing.
    T (*abs_max)(std::int64_t n, const T* x);
    /// Whether no element is infinite or NaN.
    bool (*all_finite)(std::int64_t n, const T* x);
  };
  Table<float> f32;
  Table<double> f64;
};

}  // namespace lamina::cpu
