#include "cpu/metric/metric.h"

#include <optional>

#include "cpu/dispatch.h"
#include "cpu/loss/loss.h"
#include "cpu/loss/row_chunks.h"
#include "cpu/metric/counts.h"

namespace lamina::cpu {

namespace {

using numerics::kRowChunk;

template <class T>
const MetricKernelsOf<T>& kernels_for() {
  if constexpr (sizeof(T) == 4) {
    return kernels().metric->f32;
  } else {
    return kernels().metric->f64;
  }
}

template <class T>
double weight_of(const T* weights, std::int64_t row) {
  return weights ? static_cast<double>(weights[row]) : 1.0;
}

/// How much of a row counts, of 1.
template <class T>
double share_of(const MetricRows<T>& chunk, std::size_t r) {
  if (chunk.labels != nullptr) return chunk.labels[r] == kMissingLabel ? 0.0 : 1.0;
  std::size_t present = 0;
  for (std::size_t j = 0; j < chunk.columns; ++j) {
    const T t = chunk.target[r * chunk.columns + j];
    present += t == t;
  }
  const bool in_part = chunk.kind == MetricKind::binary_accuracy || chunk.kind == MetricKind::accuracy;
  if (in_part && chunk.columns > 0) return static_cast<double>(present) / static_cast<double>(chunk.columns);
  return present == chunk.columns ? 1.0 : 0.0;
}

template <class T>
MetricRows<T> rows_of(const MetricArguments& a, std::int64_t first, std::int64_t rows, double* values) {
  const bool labels = takes_labels(*a.metric);
  MetricRows<T> chunk;
  chunk.kind = a.metric->kind;
  chunk.threshold = a.metric->a;
  chunk.k = a.metric->k;
  chunk.sorted_ids = a.metric->sorted_ids;
  chunk.skip_missing = a.skip_missing;
  chunk.rows = static_cast<std::size_t>(rows);
  chunk.columns = static_cast<std::size_t>(a.columns);
  chunk.prediction = rows_from<T>(a.prediction, first, a.columns);
  chunk.target = labels ? nullptr : rows_from<T>(a.target, first, a.columns);
  chunk.labels = labels ? rows_from<std::int32_t>(a.target, first, 1) : nullptr;
  chunk.row_values = values;
  return chunk;
}

/// Calls add(row, value, share) for each of a chunk's rows.
template <class T, class Add>
void each_value(const MetricArguments& a, std::int64_t first, std::int64_t rows, const Add& add) {
  double values[kRowChunk];
  const MetricRows<T> chunk = rows_of<T>(a, first, rows, values);
  kernels_for<T>().row_values(chunk);
  for (std::int64_t r = 0; r < rows; ++r) {
    const double share = a.skip_missing ? share_of(chunk, static_cast<std::size_t>(r)) : 1.0;
    add(first + r, share == 0.0 ? 0.0 : values[r], share);
  }
}

template <class T>
void add_mean(const MetricArguments& a, double* state) {
  const T* weights = static_cast<const T*>(a.weights);
  if (std::optional<LossArguments> l = loss_of(a)) {
    state[0] += weighted_row_losses(*l, a.weights);
    l->weights = a.weights;
    state[1] += loss_count(*l, true);
    return;
  }
  const double cost = 5.0 + 0.3 * static_cast<double>(a.columns);
  state[0] += sum_over_chunks(a.rows, cost, [&](std::int64_t first, std::int64_t rows) {
    double sum = 0.0;
    each_value<T>(a, first, rows,
                  [&](std::int64_t r, double value, double) { sum += weight_of(weights, r) * value; });
    return sum;
  });
  if (weights == nullptr && !a.skip_missing) {
    state[1] += static_cast<double>(a.rows);
    return;
  }
  state[1] += sum_over_chunks(a.rows, 1.0, [&](std::int64_t first, std::int64_t rows) {
    double sum = 0.0;
    if (a.skip_missing) {
      const MetricRows<T> chunk = rows_of<T>(a, first, rows, nullptr);
      for (std::int64_t r = 0; r < rows; ++r) {
        sum += weight_of(weights, first + r) * share_of(chunk, static_cast<std::size_t>(r));
      }
      return sum;
    }
    for (std::int64_t r = 0; r < rows; ++r) sum += static_cast<double>(weights[first + r]);
    return sum;
  });
}

template <class T>
void all_values(const MetricArguments& a, double* values) {
  for (std::int64_t first = 0; first < a.rows; first += kRowChunk) {
    each_value<T>(a, first, std::min(kRowChunk, a.rows - first),
                  [&](std::int64_t r, double value, double) { values[r] = value; });
  }
}

}  // namespace

void add_metric(const MetricArguments& arguments, double* state) {
  switch (arguments.metric->kind) {
    case MetricKind::confusion:
    case MetricKind::fbeta:
    case MetricKind::iou:
    case MetricKind::r2:
      return add_counts(arguments, state);
    default:
      return arguments.dtype == DType::float32 ? add_mean<float>(arguments, state)
                                               : add_mean<double>(arguments, state);
  }
}

void metric_values(const MetricArguments& arguments, double* values) {
  return arguments.dtype == DType::float32 ? all_values<float>(arguments, values)
                                           : all_values<double>(arguments, values);
}

}  // namespace lamina::cpu
