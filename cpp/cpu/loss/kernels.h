// The loss and metric kernels, compiled once per instruction set. Formulas and orders:
// cpu/loss/loss.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "device/kinds.h"
#include "numerics/order.h"

namespace lamina::cpu {

/// At most kRowChunk rows of LossArguments, whose comments hold here too.
template <class T>
struct LossRows {
  LossSpecification loss;
  bool logits;          ///< the prediction is logits
  bool skip_missing;    ///< NaN among the targets does not count
  bool binary_targets;  ///< all targets of the batch are 0 or 1; for the hinges only
  std::size_t rows, columns;
  const T* prediction;
  const T* target;             ///< null for sparse labels
  const std::int32_t* labels;  ///< null for dense targets
  const T* weights;            ///< or null
  double scale;
  T* gradient;    ///< or null
  T* output;      ///< or null
  T* row_losses;  ///< [rows], each row's weighted loss
};

/// Whether single elements of a row may be missing rather than whole rows.
constexpr bool counts_in_part(LossKind kind) {
  switch (kind) {
    case LossKind::categorical_crossentropy:
    case LossKind::sparse_categorical_crossentropy:
    case LossKind::categorical_focal_crossentropy:
    case LossKind::cosine_similarity:
    case LossKind::categorical_hinge:
    case LossKind::categorical_generalized_cross_entropy:
    case LossKind::circle:
      return false;
    default:
      return true;
  }
}

/// A row of a batch against all of its rows.
template <class T>
struct CircleRow {
  double gamma, margin;
  bool remove_diagonal;
  std::size_t rows, row;
  const std::int32_t* labels;  ///< [rows]; negative ones are nobody's partner
  T* similarity;               ///< [rows]; becomes the row's loss's slopes with respect to it
};

template <class T>
struct LossKernelsOf {
  void (*loss_rows)(const LossRows<T>&);
  /// How much of each row counts, of 1. Reads targets or labels, and the loss.
  void (*row_shares)(const LossRows<T>&, double* shares);
  /// Whether there is nothing but 0, 1 and NaN.
  bool (*targets_are_binary)(std::size_t n, const T* targets);
  /// The row's loss.
  T (*circle_row)(const CircleRow<T>&);
};

struct LossKernels {
  LossKernelsOf<float> f32;
  LossKernelsOf<double> f64;
};

}  // namespace lamina::cpu
