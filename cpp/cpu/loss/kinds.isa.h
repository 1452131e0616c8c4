// Which arithmetic computes which loss. Formulas: loss.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/loss/crossentropy.isa.h"
#include "cpu/loss/elements.isa.h"
#include "cpu/loss/factors.isa.h"
#include "cpu/loss/kernels.h"
#include "cpu/loss/rows.isa.h"
#include "cpu/vec/vec.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

template <class V>
LAMINA_HOST_DEVICE void whole_rows(const LossRows<typename V::Scalar>& a) {
  switch (a.loss.kind) {
    case LossKind::categorical_crossentropy:
    case LossKind::sparse_categorical_crossentropy:
      if (a.logits) {
        categorical_logits<V>(a);
      } else if (a.labels) {
        sparse_probabilities<V>(a);
      } else {
        categorical_probabilities<V>(a);
      }
      break;
    case LossKind::categorical_focal_crossentropy:
      categorical_focal<V>(a);
      break;
    case LossKind::categorical_generalized_cross_entropy:
      generalized<V>(a);
      break;
    case LossKind::cosine_similarity:
      cosine<V>(a);
      break;
    case LossKind::categorical_hinge:
      categorical_hinge<V>(a);
      break;
    default:
      return overlap<V>(a);
  }
  if (!some_do_not_count(a)) return;
  meet<V>();
  clear_uncounted(a);
}

template <class V>
LAMINA_HOST_DEVICE void loss_rows(const LossRows<typename V::Scalar>& a) {
  if (a.columns == 0) {
    for (std::size_t r = 0; r < a.rows; ++r) a.row_losses[r] = 0;
    return;
  }
  switch (a.loss.kind) {
    case LossKind::mean_squared_error:
      return element_rows<V>(a, SquaredError<V>());
    case LossKind::mean_absolute_error:
      return element_rows<V>(a, AbsoluteError<V>());
    case LossKind::huber:
      return element_rows<V>(a, HuberError<V>(a.loss.delta));
    case LossKind::binary_crossentropy:
      if (a.logits) return element_rows<V>(a, BinaryLogit<V>(a.loss.label_smoothing));
      return element_rows<V>(a, BinaryProbability<V>(a.loss.label_smoothing));
    case LossKind::mean_absolute_percentage_error:
      return element_rows<V>(a, PercentageError<V>());
    case LossKind::mean_squared_logarithmic_error:
      return long_element_rows<V>(a, LogarithmicError<V>());
    case LossKind::log_cosh:
      return long_element_rows<V>(a, LogCoshError<V>());
    case LossKind::binary_focal_crossentropy:
      if (a.logits) return long_element_rows<V>(a, BinaryFocal<V, true>(a.loss));
      return long_element_rows<V>(a, BinaryFocal<V, false>(a.loss));
    case LossKind::poisson:
      return long_element_rows<V>(a, PoissonDeviance<V>());
    case LossKind::hinge:
      return element_rows<V>(a, HingeLoss<V>(a.binary_targets));
    case LossKind::squared_hinge:
      return element_rows<V>(a, SquaredHingeLoss<V>(a.binary_targets));
    case LossKind::quantile:
      return element_rows<V>(a, QuantileError<V>(a.loss.quantile));
    case LossKind::kl_divergence:
      return long_element_rows<V>(a, Divergence<V>());
    default:
      return whole_rows<V>(a);
  }
}

template <class T>
LAMINA_HOST_DEVICE void row_shares(const LossRows<T>& a, double* shares) {
  const bool partial = counts_in_part(a.loss.kind);
  for (std::size_t r = 0; r < a.rows; ++r) {
    if (!partial || a.labels || a.columns == 0) {
      shares[r] = counts(a, r) ? 1.0 : 0.0;
      continue;
    }
    std::size_t present = 0;
    for (std::size_t j = 0; j < a.columns; ++j) {
      const T t = a.target[r * a.columns + j];
      present += t == t;
    }
    const bool overlaps = a.loss.kind == LossKind::dice || a.loss.kind == LossKind::tversky;
    shares[r] =
        overlaps ? (present > 0 ? 1.0 : 0.0) : static_cast<double>(present) / static_cast<double>(a.columns);
  }
}

template <class T>
LAMINA_HOST_DEVICE bool targets_are_binary(std::size_t n, const T* targets) {
  bool binary = true;
  for (std::size_t i = 0; i < n; ++i) {
    const T t = targets[i];
    binary &= t == T(0) || t == T(1) || t != t;
  }
  return binary;
}

}  // namespace
}  // namespace lamina::cpu::LAMINA_ISA
