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
  LossKind kind;
  bool logits;  ///< the prediction is logits
  double label_smoothing, delta;
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

/// At most kRowChunk rows of MetricArguments.
template <class T>
struct AccuracyRows {
  MetricKind kind;
  double threshold;
  std::size_t rows, columns;
  const T* prediction;
  const T* target;
  const std::int32_t* labels;
  double* row_values;  ///< [rows], unweighted
};

template <class T>
struct LossKernelsOf {
  void (*loss_rows)(const LossRows<T>&);
  void (*accuracy_rows)(const AccuracyRows<T>&);
};

struct LossKernels {
  LossKernelsOf<float> f32;
  LossKernelsOf<double> f64;
};

}  // namespace lamina::cpu
