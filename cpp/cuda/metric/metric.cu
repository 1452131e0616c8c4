#include <optional>
#include <vector>

#include "cpu/metric/counts.h"
#include "cpu/metric/rows.isa.h"
#include "cuda/loss/loss.h"
#include "cuda/memory.h"
#include "cuda/metric/metric.h"
#include "cuda/reduce/tree.h"

namespace lamina::cuda {
namespace {

using cpu::MetricRows;

/// How much of a row counts, of 1.
template <class T>
LAMINA_KERNEL double share_of(const MetricRows<T>& a, std::int64_t r) {
  if (a.labels != nullptr) return a.labels[r] == kMissingLabel ? 0.0 : 1.0;
  const auto columns = static_cast<std::int64_t>(a.columns);
  std::int64_t present = 0;
  for (std::int64_t j = 0; j < columns; ++j) {
    const T t = a.target[r * columns + j];
    present += t == t ? 1 : 0;
  }
  const bool in_part = a.kind == MetricKind::binary_accuracy || a.kind == MetricKind::accuracy;
  if (in_part && columns > 0) return static_cast<double>(present) / static_cast<double>(columns);
  return present == columns ? 1.0 : 0.0;
}

template <class T>
struct Values {
  static constexpr const char* kName = "metric";
  MetricRows<T> all;
  LAMINA_KERNEL void operator()(std::int64_t r) const {
    MetricRows<T> a = all;
    const std::int64_t at = r * static_cast<std::int64_t>(all.columns);
    a.rows = 1;
    a.prediction = all.prediction + at;
    if (all.target != nullptr) a.target = all.target + at;
    if (all.labels != nullptr) a.labels = all.labels + r;
    a.row_values = all.row_values + r;
    formulas::row_values<Vec<T>>(a);
  }
};

template <class T>
struct Missing {
  static constexpr const char* kName = "metric (missing targets)";
  MetricRows<T> all;
  double* shares;
  LAMINA_KERNEL void operator()(std::int64_t r) const {
    shares[r] = share_of(all, r);
    if (shares[r] == 0.0) all.row_values[r] = 0.0;
  }
};

struct AddNumber {
  static constexpr const char* kName = "metric (count)";
  double number;
  double* to;
  LAMINA_KERNEL void operator()(std::int64_t) const { *to = *to + number; }
};

template <class T>
MetricRows<T> rows_of(const MetricArguments& a, double* values) {
  const bool labels = takes_labels(*a.metric);
  MetricRows<T> all{};
  all.kind = a.metric->kind;
  all.threshold = a.metric->a;
  all.k = a.metric->k;
  all.sorted_ids = a.metric->sorted_ids;
  all.skip_missing = a.skip_missing;
  all.columns = static_cast<std::size_t>(a.columns);
  all.prediction = in<T>(a.prediction);
  all.target = labels ? nullptr : in<T>(a.target);
  all.labels = labels ? in<std::int32_t>(a.target) : nullptr;
  all.row_values = values;
  return all;
}

template <class T>
void add_mean(const MetricArguments& a, double* state) {
  const T* weights = in<T>(a.weights);
  if (std::optional<LossArguments> l = loss_of(a)) {
    state[0] += weighted_row_losses(*l, a.weights);
    l->weights = a.weights;
    state[1] += loss_count(*l, true);
    return;
  }
  const Scratch memory(static_cast<std::size_t>(2 * a.rows + 2) * sizeof(double));
  double* const values = memory.as<double>();
  double *const shares = values + a.rows, *const sums = shares + a.rows;
  const MetricRows<T> all = rows_of<T>(a, values);
  for_each_group<T>(a.rows, Values<T>{all});
  if (a.skip_missing) for_each_item(a.rows, Missing<T>{all, shares});
  sum_of_rows<T, double>(a.rows, values, weights, sums);
  const bool plain = weights == nullptr && !a.skip_missing;
  if (!plain) sum_of_rows<T, double>(a.rows, a.skip_missing ? shares : nullptr, weights, sums + 1);
  double host[2] = {0.0, static_cast<double>(a.rows)};
  runtime::copy_to_host(host, sums, plain ? sizeof(double) : sizeof host);
  state[0] += host[0];
  state[1] += host[1];
}

template <class T>
void mean_on_device(const MetricArguments& a, double* state) {
  const T* weights = in<T>(a.weights);
  if (const std::optional<LossArguments> l = loss_of(a)) {
    // How many rows count is not known without reading them.
    if (l->loss.ignores_class || l->loss.kind == LossKind::circle) throw runtime::CannotCapture();
    weighted_row_losses(*l, a.weights, state, true);
  } else {
    const Scratch values(static_cast<std::size_t>(a.rows) * sizeof(double));
    for_each_group<T>(a.rows, Values<T>{rows_of<T>(a, values.as<double>())});
    tree_of(pieces_of(a.rows, numerics::kRowChunk),
            ChunkOfRows<T, double>{a.rows, values.as<double>(), weights}, state, true);
  }
  if (weights == nullptr) {
    for_each_item(1, AddNumber{static_cast<double>(a.rows), state + 1});
  } else {
    tree_of(pieces_of(a.rows, numerics::kRowChunk), ChunkOfRows<T, double>{a.rows, nullptr, weights},
            state + 1, true);
  }
}

void add_counts(const MetricArguments& a, double* state) {
  const std::size_t item = size_of(a.dtype), rows = static_cast<std::size_t>(a.rows);
  const auto width = static_cast<std::size_t>(a.target_columns != 0 ? a.target_columns : a.columns);
  const std::size_t predictions = rows * static_cast<std::size_t>(a.columns) * item;
  const std::size_t targets = takes_labels(*a.metric) ? rows * sizeof(std::int32_t) : rows * width * item;
  std::vector<double> memory((predictions + targets) / sizeof(double) + rows + 3);
  char* const prediction = reinterpret_cast<char*>(memory.data());
  char* const target = prediction + (predictions + 7) / 8 * 8;
  char* const weights = target + (targets + 7) / 8 * 8;
  MetricArguments host = a;
  const auto fetch = [](char* to, const void* from, std::size_t bytes) {
    runtime::check_pointer(from);
    if (bytes > 0) runtime::copy_to_host(to, from, bytes);
    return to;
  };
  host.prediction = fetch(prediction, a.prediction, predictions);
  host.target = fetch(target, a.target, targets);
  if (a.weights != nullptr) host.weights = fetch(weights, a.weights, rows * item);
  cpu::add_counts(host, state);
}

}  // namespace

bool is_mean(const MetricSpecification& metric) {
  switch (metric.kind) {
    case MetricKind::confusion:
    case MetricKind::fbeta:
    case MetricKind::iou:
    case MetricKind::r2:
      return false;
    default:
      return true;
  }
}

void add_metric(const MetricArguments& a, double* state) {
  if (!is_mean(*a.metric)) return add_counts(a, state);
  a.dtype == DType::float32 ? add_mean<float>(a, state) : add_mean<double>(a, state);
}

void add_mean_on_device(const MetricArguments& a, double* state) {
  a.dtype == DType::float32 ? mean_on_device<float>(a, state) : mean_on_device<double>(a, state);
}

}  // namespace lamina::cuda
