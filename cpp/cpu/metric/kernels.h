// The kernels of metrics that are the mean of a value for each row, compiled once per instruction
// set. Formulas and orders: cpu/metric/metric.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "device/kinds.h"
#include "numerics/order.h"

namespace lamina::cpu {

/// At most kRowChunk rows of MetricArguments, whose comments hold here too.
template <class T>
struct MetricRows {
  MetricKind kind;
  double threshold;
  std::int64_t k;
  bool sorted_ids;
  bool skip_missing;
  std::size_t rows, columns;
  const T* prediction;
  const T* target;             ///< null for labels
  const std::int32_t* labels;  ///< null for dense targets
  double* row_values;          ///< [rows], unweighted
};

template <class T>
struct MetricKernelsOf {
  void (*row_values)(const MetricRows<T>&);
};

struct MetricKernels {
  MetricKernelsOf<float> f32;
  MetricKernelsOf<double> f64;
};

}  // namespace lamina::cpu
