// The normalization kernels that are compiled once per instruction set. Formulas and orders:
// cpu/normalization/normalization.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "device/kinds.h"

namespace lamina::cpu {

/// Dense rows and what normalises them. Row r takes row r % period of gamma and beta.
template <class T>
struct NormalizedRows {
  RowNormalizationKind kind;
  std::int64_t rows, columns;
  std::int64_t first_row, period;
  T epsilon;
  const T* x;
  const T* gamma;  ///< [period, columns] or null
  const T* beta;   ///< likewise
  T* centre;       ///< [rows]: what is subtracted before scaling
  T* inverse;      ///< [rows]
  T* y;            ///< forward
  const T* dy;     ///< backward
  T* dx;           ///< backward
};

template <class T>
struct NormalizationKernelsOf {
  /// out[j] = one chain over the rows of fma(d, d, sum), d = x - mean[j].
  void (*centred_squares)(std::int64_t rows, std::int64_t columns, const T* x, const T* mean, T* out);
  /// One chain over the rows each: sums[j] of dy, and products[j] of fma(dy, (x - mean[j]) * inverse[j],
  /// sum).
  void (*column_gradients)(std::int64_t rows, std::int64_t columns, const T* x, const T* dy, const T* mean,
                           const T* inverse, T* sums, T* products);
  /// y = fma(x - mean[j], scale[j], shift[j]).
  void (*columns_forward)(std::int64_t rows, std::int64_t columns, const T* x, const T* mean, const T* scale,
                          const T* shift, T* y);
  /// dx = scale[j] * fma(-((x - mean[j]) * inverse[j]), b[j], dy - a[j]).
  void (*columns_backward)(std::int64_t rows, std::int64_t columns, const T* x, const T* dy, const T* mean,
                           const T* inverse, const T* scale, const T* a, const T* b, T* dx);
  void (*rows_forward)(const NormalizedRows<T>&);
  void (*rows_backward)(const NormalizedRows<T>&);
  /// Adds rows, a multiple of period of them, to sums and products of [period, columns].
  void (*row_gradients)(const NormalizedRows<T>&, T* sums, T* products);
};

struct NormalizationKernels {
  NormalizationKernelsOf<float> f32;
  NormalizationKernelsOf<double> f64;
};

}  // namespace lamina::cpu
