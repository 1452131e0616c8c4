// The values of rows. Formulas: metric.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/metric/kernels.h"
#include "cpu/vec/vec.h"
#include "numerics/row.h"
#include "numerics/softmax.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

using namespace lamina::numerics;

/// How many of the columns match; exact.
template <class V>
LAMINA_INLINE double matches(std::size_t columns, const typename V::Scalar* p, const typename V::Scalar* t,
                             V threshold) {
  const V one = V::splat(1), zero = V::splat(0);
  double count_all = 0.0;
  for (std::size_t begin = 0; begin < columns; begin += kSumChunk) {
    const std::size_t left = columns - begin;
    const std::size_t n = left < static_cast<std::size_t>(kSumChunk) ? left : kSumChunk;
    typename V::Scalar sum[1];
    row_sums<V>(n, sum, [&](std::size_t i, std::size_t count, V(&term)[1]) {
      const V predicted = load_some<V>(p + begin + i, count);
      const V decided = select(predicted > threshold, one, zero);
      const auto right = (decided == load_some<V>(t + begin + i, count)) & (predicted == predicted);
      term[0] = select(right, one, zero);
    });
    count_all += static_cast<double>(sum[0]);
  }
  return count_all;
}

/// The first column of the largest element; `columns` if there is a NaN or no column.
template <class V>
LAMINA_INLINE std::size_t first_largest(std::size_t columns, const typename V::Scalar* x) {
  const typename V::Scalar largest = row_max<V>(columns, x);
  std::size_t found = columns;
  bool numbers = true;
  for_each_vector<V>(columns, [&](std::size_t i, std::size_t count) {
    const V v = load_some<V>(x + i, count);
    if (any(v != v)) numbers = false;
    if (found < columns || !any(v == V::splat(largest))) return;
    for (std::size_t j = i; j < i + count && found == columns; ++j) {
      if (x[j] == largest) found = j;
    }
  });
  return numbers ? found : columns;
}

template <class V>
LAMINA_HOST_DEVICE double equal_share(std::size_t columns, const typename V::Scalar* p,
                                      const typename V::Scalar* t) {
  std::size_t equal = 0;
  for (std::size_t j = 0; j < columns; ++j) equal += p[j] == t[j];
  return static_cast<double>(equal) / static_cast<double>(columns);
}

/// Whether fewer than k elements are larger than the one at `label`; not with a NaN in the row.
template <class T>
LAMINA_HOST_DEVICE bool in_top_k(std::size_t columns, const T* p, std::int64_t label, std::int64_t k) {
  if (label < 0 || static_cast<std::size_t>(label) >= columns) return false;
  std::int64_t larger = 0;
  bool numbers = true;
  for (std::size_t j = 0; j < columns; ++j) {
    larger += p[j] > p[label];
    numbers &= p[j] == p[j];
  }
  return numbers && larger < k;
}

/// Whether the label is among the first k predicted classes.
template <class T>
LAMINA_HOST_DEVICE bool among_first(std::size_t columns, const T* p, std::int64_t label, std::int64_t k) {
  for (std::size_t j = 0; j < columns && static_cast<std::int64_t>(j) < k; ++j) {
    if (p[j] == static_cast<T>(label)) return true;
  }
  return false;
}

/// Pearson's or Lin's correlation of a row, of deviations from the rows' means.
template <class V>
LAMINA_HOST_DEVICE double correlation(MetricKind kind, std::size_t columns, const typename V::Scalar* p,
                                      const typename V::Scalar* t) {
  using T = typename V::Scalar;
  T sum[2], moments[3];
  row_sums<V>(columns, sum, [&](std::size_t i, std::size_t count, V(&term)[2]) {
    term[0] = load_some<V>(p + i, count);
    term[1] = load_some<V>(t + i, count);
  });
  const T n = static_cast<T>(columns), mean_p = sum[0] / n, mean_t = sum[1] / n;
  const V center_p = V::splat(mean_p), center_t = V::splat(mean_t);
  row_sums<V>(columns, moments, [&](std::size_t i, std::size_t count, V(&term)[3]) {
    const V x = load_some<V>(p + i, count) - center_p, y = load_some<V>(t + i, count) - center_t;
    term[0] = x * x;
    term[1] = y * y;
    term[2] = x * y;
  });
  const double xx = static_cast<double>(moments[0] / n), yy = static_cast<double>(moments[1] / n);
  const double xy = static_cast<double>(moments[2] / n);
  if (kind == MetricKind::pearson_correlation) return xy / (builtin::root(xx) * builtin::root(yy));
  const double apart = static_cast<double>(mean_t) - static_cast<double>(mean_p);
  return (2.0 * xy) / (((xx + yy) + apart * apart) + 1e-7);
}

/// 1 where the largest prediction is where it should be.
template <class V>
LAMINA_HOST_DEVICE void argmax_rows(const MetricRows<typename V::Scalar>& a) {
  const bool sparse = a.kind == MetricKind::sparse_categorical_accuracy;
  for (std::size_t r = 0; r < a.rows; ++r) {
    const std::size_t predicted = first_largest<V>(a.columns, a.prediction + r * a.columns);
    const std::size_t wanted = sparse ? static_cast<std::size_t>(a.labels[r])
                                      : first_largest<V>(a.columns, a.target + r * a.columns);
    a.row_values[r] = predicted == wanted && predicted < a.columns ? 1.0 : 0.0;
  }
}

template <class V>
LAMINA_HOST_DEVICE double other_value(const MetricRows<typename V::Scalar>& a, std::size_t r, V threshold) {
  const auto* p = a.prediction + r * a.columns;
  const auto* t = a.target + (a.target ? r * a.columns : 0);
  switch (a.kind) {
    case MetricKind::binary_accuracy:
      return matches<V>(a.columns, p, t, threshold) / static_cast<double>(a.columns);
    case MetricKind::accuracy:
      return equal_share<V>(a.columns, p, t);
    case MetricKind::sparse_top_k_categorical_accuracy: {
      const bool found = a.sorted_ids ? among_first(a.columns, p, a.labels[r], a.k)
                                      : in_top_k(a.columns, p, a.labels[r], a.k);
      return found ? 1.0 : 0.0;
    }
    case MetricKind::top_k_categorical_accuracy: {
      const std::size_t wanted = first_largest<V>(a.columns, t);
      return in_top_k(a.columns, p, static_cast<std::int64_t>(wanted), a.k) ? 1.0 : 0.0;
    }
    default:
      return correlation<V>(a.kind, a.columns, p, t);
  }
}

/// Targets may be missing only where the caller says so; such rows' values are not used.
template <class V>
LAMINA_HOST_DEVICE void row_values(const MetricRows<typename V::Scalar>& a) {
  if (a.kind == MetricKind::categorical_accuracy || a.kind == MetricKind::sparse_categorical_accuracy) {
    return argmax_rows<V>(a);
  }
  const V threshold = V::splat(static_cast<typename V::Scalar>(a.threshold));
  for (std::size_t r = 0; r < a.rows; ++r) {
    a.row_values[r] = a.columns == 0 ? 0.0 : other_value<V>(a, r, threshold);
  }
}

}  // namespace
}  // namespace lamina::cpu::LAMINA_ISA
