#include "cpu/loss/loss.h"

#include <algorithm>

#include "cpu/dispatch.h"
#include "cpu/loss/circle.h"
#include "cpu/loss/row_chunks.h"
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

bool is_hinge(LossKind kind) { return kind == LossKind::hinge || kind == LossKind::squared_hinge; }

/// The nanoseconds that a row of a loss takes, roughly.
double row_cost(LossKind kind, std::int64_t columns, bool wide) {
  const bool arithmetic = kind == LossKind::mean_squared_error || kind == LossKind::mean_absolute_error ||
                          kind == LossKind::huber || kind == LossKind::quantile || is_hinge(kind);
  return 5.0 + (arithmetic ? 0.2 : 2.0) * (wide ? 2.0 : 1.0) * static_cast<double>(columns);
}

/// Dice and Tversky over the whole batch: one row of all its elements.
bool is_one_row(const LossArguments& a) { return a.loss.whole_batch; }

template <class T>
LossRows<T> rows_of(const LossArguments& a, std::int64_t first, std::int64_t rows) {
  const bool sparse = takes_labels(a.loss.kind);
  LossRows<T> chunk;
  chunk.loss = a.loss;
  chunk.logits = a.form != PredictionForm::values;
  chunk.skip_missing = a.skip_missing;
  chunk.binary_targets = false;
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
  chunk.row_losses = rows_from<T>(a.row_losses, first, 1);
  return chunk;
}

/// The sum of the weights, or the number of rows.
template <class T>
double total_weight(const void* weights, std::int64_t rows) {
  if (weights == nullptr) return static_cast<double>(rows);
  const T* w = static_cast<const T*>(weights);
  return sum_over_chunks(rows, 1.0, [&](std::int64_t first, std::int64_t n) {
    double sum = 0.0;
    for (std::int64_t r = 0; r < n; ++r) sum += static_cast<double>(w[first + r]);
    return sum;
  });
}

template <class T>
double loss_of_one_row(const LossArguments& a) {
  LossRows<T> whole = rows_of<T>(a, 0, 1);
  T value;
  const T weight = a.weights == nullptr ? T(1) : static_cast<T>(total_weight<T>(a.weights, a.rows));
  whole.columns = static_cast<std::size_t>(a.rows * a.columns);
  whole.weights = &weight;
  whole.row_losses = &value;
  kernels_for<T>().loss_rows(whole);
  if (a.row_losses != nullptr) std::fill_n(static_cast<T*>(a.row_losses), a.rows, value);
  return static_cast<double>(value);
}

template <class T>
double total_loss(const LossArguments& a) {
  if (is_one_row(a)) return loss_of_one_row<T>(a);
  const auto& kernel = kernels_for<T>();
  const double cost = row_cost(a.loss.kind, a.columns, sizeof(T) == 8);
  const bool binary =
      is_hinge(a.loss.kind) && kernel.targets_are_binary(static_cast<std::size_t>(a.rows * a.columns),
                                                         static_cast<const T*>(a.target));
  return sum_over_chunks(a.rows, cost, [&](std::int64_t first, std::int64_t rows) {
    T own_losses[kRowChunk];
    LossRows<T> chunk = rows_of<T>(a, first, rows);
    chunk.binary_targets = binary;
    if (chunk.row_losses == nullptr) chunk.row_losses = own_losses;
    kernel.loss_rows(chunk);
    double sum = 0.0;
    for (std::int64_t r = 0; r < rows; ++r) sum += static_cast<double>(chunk.row_losses[r]);
    return sum;
  });
}

/// As a metric has it: each row's loss rounded to T, then weighted in double.
template <class T>
double weighted_losses(const LossArguments& a, const T* weights) {
  const auto& kernel = kernels_for<T>();
  if (is_one_row(a)) {
    const double count = weights == nullptr ? 1.0 : total_weight<T>(weights, a.rows);
    return count * loss_of_one_row<T>(a);
  }
  const bool binary =
      is_hinge(a.loss.kind) && kernel.targets_are_binary(static_cast<std::size_t>(a.rows * a.columns),
                                                         static_cast<const T*>(a.target));
  const double cost = row_cost(a.loss.kind, a.columns, sizeof(T) == 8);
  return sum_over_chunks(a.rows, cost, [&](std::int64_t first, std::int64_t rows) {
    T values[kRowChunk];
    LossRows<T> chunk = rows_of<T>(a, first, rows);
    chunk.binary_targets = binary;
    chunk.row_losses = values;
    kernel.loss_rows(chunk);
    double sum = 0.0;
    for (std::int64_t r = 0; r < rows; ++r)
      sum += weight_of(weights, first + r) * static_cast<double>(values[r]);
    return sum;
  });
}

template <class T>
double counted_rows(const LossArguments& a, bool by_weight) {
  if (is_one_row(a)) {
    return a.weights == nullptr ? 1.0
           : by_weight          ? total_weight<T>(a.weights, a.rows)
                                : static_cast<double>(a.rows);
  }
  if (!a.skip_missing && !a.loss.ignores_class) {
    return total_weight<T>(by_weight ? a.weights : nullptr, a.rows);
  }
  const double cost = 2.0 + 0.5 * static_cast<double>(a.columns);
  return sum_over_chunks(a.rows, cost, [&](std::int64_t first, std::int64_t rows) {
    double shares[kRowChunk];
    const LossRows<T> chunk = rows_of<T>(a, first, rows);
    kernels_for<T>().row_shares(chunk, shares);
    double sum = 0.0;
    for (std::int64_t r = 0; r < rows; ++r)
      sum += by_weight ? weight_of(chunk.weights, r) * shares[r] : shares[r];
    return sum;
  });
}

}  // namespace

double loss(const LossArguments& arguments) {
  if (arguments.loss.kind == LossKind::circle) return circle_loss(arguments);
  return arguments.dtype == DType::float32 ? total_loss<float>(arguments) : total_loss<double>(arguments);
}

double weighted_row_losses(const LossArguments& arguments, const void* weights) {
  if (arguments.loss.kind == LossKind::circle) {
    LossArguments all = arguments;
    all.weights = weights;
    return circle_loss(all);
  }
  return arguments.dtype == DType::float32
             ? weighted_losses<float>(arguments, static_cast<const float*>(weights))
             : weighted_losses<double>(arguments, static_cast<const double*>(weights));
}

double loss_count(const LossArguments& arguments, bool weighted) {
  if (arguments.loss.kind == LossKind::circle) return circle_count(arguments, weighted);
  return arguments.dtype == DType::float32 ? counted_rows<float>(arguments, weighted)
                                           : counted_rows<double>(arguments, weighted);
}

}  // namespace lamina::cpu
