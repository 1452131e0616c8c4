#include "cpu/metric/counts.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

#include "numerics/elementary.h"
#include "numerics/scalar.h"

namespace lamina::cpu {

namespace {

/// What a prediction counts as that is not among the row's top k.
constexpr double kNotPredicted = -1e10;

template <class T>
T sigmoid_of(T x) {
  return numerics::sigmoid(numerics::Lane<T>{x}).value;
}

/// The batch, element by element.
template <class T>
struct View {
  explicit View(const MetricArguments& a)
      : rows(a.rows),
        columns(a.columns),
        target_columns(a.target_columns != 0 ? a.target_columns : a.columns),
        prediction(static_cast<const T*>(a.prediction)),
        target(static_cast<const T*>(a.target)),
        labels(static_cast<const std::int32_t*>(a.target)),
        weights(static_cast<const T*>(a.weights)) {}
  double weight(std::int64_t r) const { return weights ? static_cast<double>(weights[r]) : 1.0; }
  const T* p(std::int64_t r) const { return prediction + r * columns; }
  const T* t(std::int64_t r) const { return target + r * target_columns; }

  std::int64_t rows, columns, target_columns;
  const T* prediction;
  const T* target;
  const std::int32_t* labels;
  const T* weights;
};

/// How many of the sorted thresholds a prediction passes.
template <class T>
class Thresholds {
 public:
  explicit Thresholds(const MetricSpecification& m)
      : even_(m.even), beyond_(m.beyond), steps_(static_cast<T>(m.thresholds.size()) - T(1)) {
    for (const double t : m.thresholds) sorted_.push_back(static_cast<T>(t));
    std::sort(sorted_.begin(), sorted_.end());
  }
  std::size_t passed(T p) const {
    if (even_) {
      const T q = p < T(0) ? T(0) : p > T(1) ? T(1) : p;
      if (q != q) return 0;
      const T scaled = q * steps_;
      auto up = static_cast<std::size_t>(scaled);
      if (scaled > static_cast<T>(up)) ++up;
      return beyond_ && up == 0 ? 1 : up;
    }
    return static_cast<std::size_t>(
        std::lower_bound(sorted_.begin(), sorted_.end(), p, [](T threshold, T x) { return threshold < x; }) -
        sorted_.begin());
  }

 private:
  bool even_, beyond_;
  T steps_;
  std::vector<T> sorted_;
};

/// Marks the k largest of a row, of equals the first.
template <class T>
void mark_top(const T* p, std::int64_t columns, std::int64_t k, std::vector<std::size_t>& order,
              std::vector<char>& top) {
  order.resize(static_cast<std::size_t>(columns));
  top.assign(static_cast<std::size_t>(columns), 0);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto rank = [&](std::size_t a, std::size_t b) {
    const bool a_nan = p[a] != p[a], b_nan = p[b] != p[b];
    if (a_nan != b_nan) return b_nan;
    return p[a] > p[b] || (!(p[b] > p[a]) && a < b);
  };
  std::partial_sort(order.begin(), order.begin() + k, order.end(), rank);
  for (std::int64_t i = 0; i < k; ++i) top[order[static_cast<std::size_t>(i)]] = 1;
}

template <class T>
void add_confusion(const MetricSpecification& m, const View<T>& v, double* state) {
  const Thresholds<T> thresholds(m);
  const std::size_t half = m.thresholds.size() + 1;
  std::vector<std::size_t> order;
  std::vector<char> top;
  const std::int64_t first = m.class_id >= 0 ? m.class_id : 0;
  const std::int64_t last = m.class_id >= 0 ? m.class_id + 1 : v.columns;
  for (std::int64_t r = 0; r < v.rows; ++r) {
    const T* p = v.p(r);
    const T* t = v.t(r);
    const double w = v.weight(r);
    if (m.top_k > 0) mark_top(p, v.columns, m.top_k, order, top);
    for (std::int64_t j = first; j < last; ++j) {
      if (t[j] != t[j]) continue;
      T x = m.from_logits ? sigmoid_of(p[j]) : p[j];
      if (m.top_k > 0 && !top[static_cast<std::size_t>(j)]) x = static_cast<T>(kNotPredicted);
      const double own =
          !m.multi_label && !m.label_weights.empty() ? w * m.label_weights[static_cast<std::size_t>(j)] : w;
      double* group = state + (m.multi_label ? static_cast<std::size_t>(j) * 2 * half : 0);
      group[(t[j] != T(0) ? 0 : half) + thresholds.passed(x)] += own;
    }
  }
}

template <class T>
void add_fbeta(const MetricSpecification& m, const View<T>& v, double* state) {
  const std::int64_t n = v.columns;
  const T threshold = static_cast<T>(m.a);
  for (std::int64_t r = 0; r < v.rows; ++r) {
    const T* p = v.p(r);
    const T* t = v.t(r);
    const double w = v.weight(r);
    T largest = n > 0 ? p[0] : T(0);
    for (std::int64_t j = 1; j < n; ++j) largest = p[j] > largest || p[j] != p[j] ? p[j] : largest;
    for (std::int64_t j = 0; j < n; ++j) {
      if (t[j] != t[j]) continue;
      const bool predicted =
          m.has_threshold ? p[j] > threshold : p[j] >= largest && (p[j] > T(1e-9) || p[j] < T(-1e-9));
      const double d = predicted ? 1.0 : 0.0, wanted = static_cast<double>(t[j]);
      state[j] += (d * wanted) * w;
      state[n + j] += (d * (1.0 - wanted)) * w;
      state[2 * n + j] += ((1.0 - d) * wanted) * w;
      state[3 * n + j] += wanted * w;
    }
  }
}

template <class T>
void add_r2(const View<T>& v, double* state) {
  const std::int64_t n = v.columns;
  double samples = 0.0;
  for (std::int64_t r = 0; r < v.rows; ++r) {
    const T* p = v.p(r);
    const T* t = v.t(r);
    const double w = v.weight(r);
    for (std::int64_t j = 0; j < n; ++j) {
      if (t[j] != t[j]) continue;
      const double target = static_cast<double>(t[j]), error = target - static_cast<double>(p[j]);
      const double weighted = target * w;
      state[j] += weighted;
      state[n + j] += target * weighted;
      state[2 * n + j] += (error * error) * w;
      state[3 * n + j] += w;
      samples += 1.0;
    }
  }
  state[4 * n] += samples;
}

/// A class index, cut towards zero; -1 for what is none.
template <class T>
std::int64_t as_class(T x, std::int64_t classes) {
  return x > T(-1) && x < static_cast<T>(classes) ? static_cast<std::int64_t>(x) : -1;
}

template <class T>
std::int64_t first_largest(const T* x, std::int64_t n) {
  std::int64_t at = 0;
  for (std::int64_t j = 0; j < n; ++j) {
    if (x[j] != x[j]) return -1;
    if (x[j] > x[at]) at = j;
  }
  return n > 0 ? at : -1;
}

template <class T>
void add_iou(const MetricSpecification& m, const View<T>& v, double* state) {
  const std::int64_t n = m.classes;
  const auto add = [&](std::int64_t wanted, std::int64_t predicted, double w) {
    if (wanted < 0 || wanted >= n || predicted < 0 || predicted >= n) return;
    if (m.ignores_class && wanted == m.ignore_class) return;
    state[wanted * n + predicted] += w;
  };
  for (std::int64_t r = 0; r < v.rows; ++r) {
    const double w = v.weight(r);
    if (m.sparse_target && m.sparse_prediction) {
      for (std::int64_t j = 0; j < v.columns; ++j) {
        const T p = v.p(r)[j];
        const std::int64_t predicted = !m.has_threshold           ? as_class(p, n)
                                       : p != p                   ? -1
                                       : p >= static_cast<T>(m.a) ? 1
                                                                  : 0;
        add(as_class(v.t(r)[j], n), predicted, w);
      }
      continue;
    }
    const std::int64_t wanted = m.sparse_target ? v.labels[r] : first_largest(v.t(r), v.target_columns);
    add(wanted, m.sparse_prediction ? as_class(v.p(r)[0], n) : first_largest(v.p(r), v.columns), w);
  }
}

template <class T>
void add_to(const MetricArguments& a, double* state) {
  const View<T> view(a);
  switch (a.metric->kind) {
    case MetricKind::confusion:
      return add_confusion(*a.metric, view, state);
    case MetricKind::fbeta:
      return add_fbeta(*a.metric, view, state);
    case MetricKind::r2:
      return add_r2(view, state);
    default:
      return add_iou(*a.metric, view, state);
  }
}

}  // namespace

void add_counts(const MetricArguments& arguments, double* state) {
  if (arguments.dtype == DType::float32) {
    add_to<float>(arguments, state);
  } else {
    add_to<double>(arguments, state);
  }
}

}  // namespace lamina::cpu
