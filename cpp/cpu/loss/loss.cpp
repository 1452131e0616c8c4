#include "cpu/loss/loss.h"

#include <algorithm>
#include <vector>

#include "core/threads.h"
#include "cpu/dispatch.h"
#include "numerics/chunk_tree.h"
#include "numerics/order.h"

namespace lamina::cpu {

namespace {

using numerics::kRowChunk;

template <class T>
const LossKernelsOf<T>& kernels_for() {
  if constexpr (sizeof(T) == 4) {
    return kernels().loss->f32;
  } else {
    return kernels().loss->f64;
  }
}

template <class T>
double weight_of(const T* weights, std::int64_t row) {
  return weights ? static_cast<double>(weights[row]) : 1.0;
}

/// The sum over chunks of rows of chunk_sum(first row, rows), in the tree of order.h.
/// `cost`: the nanoseconds that a row takes.
template <class ChunkSum>
double sum_over_chunks(std::int64_t rows, double cost, const ChunkSum& chunk_sum) {
  const std::int64_t chunks = (rows + kRowChunk - 1) / kRowChunk;
  const auto sum_of = [&](std::int64_t chunk) {
    const std::int64_t first = chunk * kRowChunk;
    return chunk_sum(first, std::min(kRowChunk, rows - first));
  };
  numerics::BinaryCounter<double> tree;
  const int threads = threads::worthwhile(cost * static_cast<double>(rows), chunks);
  if (threads <= 1) {
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) tree.push(sum_of(chunk));
    return tree.total(0.0);
  }
  thread_local std::vector<double> kept;
  kept.resize(static_cast<std::size_t>(chunks));
  double* partials = kept.data();  // the workers' own `kept` is another one
  // Each task takes several neighbouring chunks, four tasks a thread.
  const std::int64_t grain = std::max<std::int64_t>(1, chunks / (4 * threads));
  threads::parallel_for((chunks + grain - 1) / grain,
                        [&](std::int64_t task) {
                          const std::int64_t end = std::min(chunks, (task + 1) * grain);
                          for (std::int64_t chunk = task * grain; chunk < end; ++chunk)
                            partials[chunk] = sum_of(chunk);
                        },
                        threads);
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) tree.push(partials[chunk]);
  return tree.total(0.0);
}

template <class T>
T* rows_from(void* base, std::int64_t first, std::int64_t columns) {
  return base == nullptr ? nullptr : static_cast<T*>(base) + first * columns;
}
template <class T>
const T* rows_from(const void* base, std::int64_t first, std::int64_t columns) {
  return base == nullptr ? nullptr : static_cast<const T*>(base) + first * columns;
}

/// The nanoseconds that a row of a loss takes, roughly.
double row_cost(LossKind kind, std::int64_t columns, bool wide) {
  const bool arithmetic = kind == LossKind::mean_squared_error || kind == LossKind::mean_absolute_error ||
                          kind == LossKind::huber;
  return 5.0 + (arithmetic ? 0.2 : 2.0) * (wide ? 2.0 : 1.0) * static_cast<double>(columns);
}

template <class T>
double total_loss(const LossArguments& a) {
  const auto& kernel = kernels_for<T>();
  const bool sparse = a.loss.kind == LossKind::sparse_categorical_crossentropy;
  const double cost = row_cost(a.loss.kind, a.columns, sizeof(T) == 8);
  return sum_over_chunks(a.rows, cost, [&](std::int64_t first, std::int64_t rows) {
    T own_losses[kRowChunk];
    LossRows<T> chunk;
    chunk.kind = a.loss.kind;
    chunk.logits = a.form != PredictionForm::values;
    chunk.label_smoothing = a.loss.label_smoothing;
    chunk.delta = a.loss.delta;
    chunk.rows = static_cast<std::size_t>(rows);
    chunk.columns = static_cast<std::size_t>(a.columns);
    chunk.prediction = rows_from<T>(a.prediction, first, a.columns);
    chunk.target = sparse ? nullptr : rows_from<T>(a.target, first, a.columns);
    chunk.labels = sparse ? rows_from<std::int32_t>(a.target, first, 1) : nullptr;
    chunk.weights = rows_from<T>(a.weights, first, 1);
    chunk.scale = a.scale;
    chunk.gradient = rows_from<T>(a.gradient, first, a.columns);
    chunk.output =
        a.form == PredictionForm::logits_of_activation ? rows_from<T>(a.output, first, a.columns) : nullptr;
    chunk.row_losses = a.row_losses != nullptr ? rows_from<T>(a.row_losses, first, 1) : own_losses;
    kernel.loss_rows(chunk);
    double sum = 0.0;
    for (std::int64_t r = 0; r < rows; ++r) sum += static_cast<double>(chunk.row_losses[r]);
    return sum;
  });
}

/// Mean errors as metrics: the loss's row values, weighted in double.
template <class T>
double total_error(const MetricArguments& a, LossKind kind) {
  const auto& kernel = kernels_for<T>();
  const double cost = row_cost(kind, a.columns, sizeof(T) == 8);
  const T* weights = static_cast<const T*>(a.weights);
  return sum_over_chunks(a.rows, cost, [&](std::int64_t first, std::int64_t rows) {
    T values[kRowChunk];
    LossRows<T> chunk{};
    chunk.kind = kind;
    chunk.rows = static_cast<std::size_t>(rows);
    chunk.columns = static_cast<std::size_t>(a.columns);
    chunk.prediction = rows_from<T>(a.prediction, first, a.columns);
    chunk.target = rows_from<T>(a.target, first, a.columns);
    chunk.row_losses = values;
    kernel.loss_rows(chunk);
    double sum = 0.0;
    for (std::int64_t r = 0; r < rows; ++r) {
      sum += weight_of(weights, first + r) * static_cast<double>(values[r]);
    }
    return sum;
  });
}

template <class T>
double total_accuracy(const MetricArguments& a) {
  const auto& kernel = kernels_for<T>();
  const bool sparse = a.metric.kind == MetricKind::sparse_categorical_accuracy;
  const double cost = 5.0 + 0.3 * static_cast<double>(a.columns);
  const T* weights = static_cast<const T*>(a.weights);
  return sum_over_chunks(a.rows, cost, [&](std::int64_t first, std::int64_t rows) {
    double values[kRowChunk];
    AccuracyRows<T> chunk;
    chunk.kind = a.metric.kind;
    chunk.threshold = a.metric.a;
    chunk.rows = static_cast<std::size_t>(rows);
    chunk.columns = static_cast<std::size_t>(a.columns);
    chunk.prediction = rows_from<T>(a.prediction, first, a.columns);
    chunk.target = sparse ? nullptr : rows_from<T>(a.target, first, a.columns);
    chunk.labels = sparse ? rows_from<std::int32_t>(a.target, first, 1) : nullptr;
    chunk.row_values = values;
    kernel.accuracy_rows(chunk);
    double sum = 0.0;
    for (std::int64_t r = 0; r < rows; ++r) sum += weight_of(weights, first + r) * values[r];
    return sum;
  });
}

template <class T>
MetricSums metric_sums(const MetricArguments& a) {
  MetricSums sums;
  switch (a.metric.kind) {
    case MetricKind::mean_squared_error:
      sums.total = total_error<T>(a, LossKind::mean_squared_error);
      break;
    case MetricKind::mean_absolute_error:
      sums.total = total_error<T>(a, LossKind::mean_absolute_error);
      break;
    default:
      sums.total = total_accuracy<T>(a);
      break;
  }
  const T* weights = static_cast<const T*>(a.weights);
  if (weights == nullptr) {
    sums.count = static_cast<double>(a.rows);
  } else {
    sums.count = sum_over_chunks(a.rows, 1.0, [&](std::int64_t first, std::int64_t rows) {
      double sum = 0.0;
      for (std::int64_t r = 0; r < rows; ++r) sum += static_cast<double>(weights[first + r]);
      return sum;
    });
  }
  return sums;
}

}  // namespace

double loss(const LossArguments& arguments) {
  return arguments.dtype == DType::float32 ? total_loss<float>(arguments) : total_loss<double>(arguments);
}

void add_metric(const MetricArguments& arguments, MetricSums& sums) {
  const MetricSums added =
      arguments.dtype == DType::float32 ? metric_sums<float>(arguments) : metric_sums<double>(arguments);
  sums.total += added.total;
  sums.count += added.count;
}

}  // namespace lamina::cpu
