// The arguments of the device calls that layers other than Dense make; as device/arguments.h.
#pragma once

#include <cstdint>

#include "core/types.h"
#include "device/kinds.h"

namespace lamina {

/// What leads the statistics of batches towards moving ones: formulas in numerics/renormalization.h.
/// Arrays of [columns]; without bounds they are infinite.
struct Renormalization {
  const void* moving_mean = nullptr;       ///< forward
  const void* moving_deviation = nullptr;  ///< forward
  double r_min = 0.0, r_max = 0.0, d_max = 0.0;
  void* deviation = nullptr;  ///< forward fills it
  void* factor = nullptr;     ///< forward fills it, backward reads it
  void* offset = nullptr;     ///< likewise
};

/// Each column of [rows, columns] normalised over the rows: formulas and orders in
/// cpu/normalization/normalization.h.
struct ColumnNormalization {
  DType dtype = DType::float32;
  std::int64_t rows = 0, columns = 0;
  const void* x = nullptr;
  const void* gamma = nullptr;  ///< [columns], or null for ones
  const void* beta = nullptr;   ///< [columns], or null for zeros
  double epsilon = 0.0;
  void* mean = nullptr;           ///< [columns]; null for zeros
  void* variance = nullptr;       ///< [columns]; null for no division at all
  bool batch_statistics = false;  ///< forward fills mean and variance from x; backward goes through them
  const Renormalization* renormalization = nullptr;  ///< or null; of batch statistics only
  void* y = nullptr;                                 ///< forward
  // Backward.
  const void* dy = nullptr;
  void* dx = nullptr;              ///< or null
  void* gamma_gradient = nullptr;  ///< or null
  void* beta_gradient = nullptr;   ///< or null
};

/// Each row of [rows, columns] normalised by itself.
struct RowNormalization {
  DType dtype = DType::float32;
  RowNormalizationKind kind = RowNormalizationKind::standard;
  std::int64_t rows = 0, columns = 0;
  std::int64_t period = 1;  ///< row r takes row r % period of gamma and beta; divides rows
  double epsilon = 0.0;
  const void* x = nullptr;
  const void* gamma = nullptr;  ///< [period, columns] or null
  const void* beta = nullptr;   ///< [period, columns] or null
  void* statistics = nullptr;   ///< [2, rows]: forward fills it (may be null), backward reads it
  void* y = nullptr;            ///< forward
  // Backward.
  const void* dy = nullptr;
  void* dx = nullptr;              ///< or null
  void* gamma_gradient = nullptr;  ///< [period, columns] or null
  void* beta_gradient = nullptr;   ///< [period, columns] or null
};

/// out may be a or b.
struct ElementwiseArguments {
  DType dtype = DType::float32;
  ElementwiseKind kind = ElementwiseKind::add;
  std::int64_t n = 0;
  const void* a = nullptr;
  const void* b = nullptr;
  void* out = nullptr;
  double p = 0.0, q = 0.0, r = 0.0;
};

/// Over [rows, columns]; y may be x.
struct RescaleArguments {
  DType dtype = DType::float32;
  RescaleKind kind = RescaleKind::multiply_add;
  std::int64_t rows = 0, columns = 0;
  const void* x = nullptr;
  const void* a = nullptr;  ///< [columns]
  const void* b = nullptr;  ///< [columns]
  void* y = nullptr;
};

/// y = x > 0 ? x : alpha[j] * x over [rows, columns].
struct PreluArguments {
  DType dtype = DType::float32;
  std::int64_t rows = 0, columns = 0;
  const void* x = nullptr;
  const void* alpha = nullptr;  ///< [columns]
  void* y = nullptr;            ///< forward
  const void* dy = nullptr;
  void* dx = nullptr;        ///< or null
  void* products = nullptr;  ///< [rows, columns]: what the gradient of alpha is the column sums of; or null
};

/// out[i0, i1, ...] = in[i0 * strides[0] + i1 * strides[1] + ...] for all indices below the extents;
/// out is dense, strides count elements and may be 0.
struct TransposeArguments {
  DType dtype = DType::float32;
  Shape extents;
  Shape strides;
  const void* in = nullptr;
  void* out = nullptr;
};

/// Rows of a table by index: indices are whole numbers held in dtype.
struct EmbeddingArguments {
  DType dtype = DType::float32;
  std::int64_t n = 0;        ///< indices
  std::int64_t entries = 0;  ///< rows of the table
  std::int64_t columns = 0;
  const void* indices = nullptr;  ///< [n]
  const void* in = nullptr;       ///< take: the table; scatter: [n, columns]
  void* out = nullptr;   ///< take: [n, columns]; scatter: the table, overwritten by sums in the order
                         ///< of the indices, one chain from +0 for each element
  bool checked = false;  ///< that the indices are whole numbers within the table is known
};

struct PenaltyArguments {
  DType dtype = DType::float32;
  std::int64_t n = 0;
  double l1 = 0.0, l2 = 0.0, scale = 1.0;
  const void* values = nullptr;
  const void* gradient_in = nullptr;  ///< what the penalty's gradient is added to; may be gradient
  void* gradient = nullptr;           ///< or null
};

/// `values` is [outer, reduced, inner]; norms are over the middle.
struct ConstraintArguments {
  DType dtype = DType::float32;
  ConstraintKind kind = ConstraintKind::non_negative;
  std::int64_t outer = 1, reduced = 1, inner = 1;
  double low = 0.0, high = 1.0, rate = 1.0, epsilon = 1e-7;
  void* values = nullptr;
};

}  // namespace lamina
