// The metric kernels: values against formulas in double; the same bits from every instruction set
// and thread count.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "check.h"
#include "core/threads.h"
#include "cpu/dispatch.h"
#include "cpu/metric/metric.h"
#include "numbers.h"
#include "numerics/order.h"

using namespace lamina;
using test::same_bits;

namespace {

template <class T>
constexpr DType kDType = sizeof(T) == 4 ? DType::float32 : DType::float64;

struct Numbers : test::Numbers {
  explicit Numbers(std::uint64_t seed = 1) : test::Numbers(seed) {}
  double next() { return static_cast<double>(bits() >> 11) * 0x1p-53; }  // [0, 1)
};

template <class T>
struct Data {
  std::int64_t rows, columns;
  std::vector<T> prediction, target, weights;
  std::vector<std::int32_t> labels;
};

struct Sums {
  double total, count;
};

template <class T>
const cpu::MetricKernelsOf<T>& kernels_of(const std::string& isa) {
  if constexpr (sizeof(T) == 4) {
    return cpu::kernels_of(isa).metric->f32;
  } else {
    return cpu::kernels_of(isa).metric->f64;
  }
}

template <class T>
Sums metric(MetricKind kind, const Data<T>& d, bool weighted) {
  MetricSpecification spec;
  spec.kind = kind;
  MetricArguments a;
  a.dtype = kDType<T>;
  a.metric = &spec;
  a.rows = d.rows;
  a.columns = d.columns;
  a.prediction = d.prediction.data();
  a.target = takes_labels(spec) ? static_cast<const void*>(d.labels.data()) : d.target.data();
  a.weights = weighted ? d.weights.data() : nullptr;
  double state[2] = {1.0, 2.0};
  cpu::add_metric(a, state);
  return {state[0] - 1.0, state[1] - 2.0};
}

std::int64_t argmax(const std::vector<double>& x) { return std::max_element(x.begin(), x.end()) - x.begin(); }

template <class T>
void test_metrics() {
  using K = MetricKind;
  for (K kind : {K::binary_accuracy, K::categorical_accuracy, K::sparse_categorical_accuracy,
                 K::mean_squared_error, K::mean_absolute_error}) {
    for (std::int64_t columns : {1, 2, 5, 16, 17, 70, 5000}) {
      for (std::int64_t rows : {0, 1, 64, 65, 130}) {
        if (columns > 100 && rows > 1) continue;
        Numbers numbers(static_cast<std::uint64_t>(columns * 7 + rows));
        Data<T> d{rows, columns, {}, {}, {}, {}};
        for (std::int64_t r = 0; r < rows; ++r) {
          d.weights.push_back(static_cast<T>(numbers.next()));
          d.labels.push_back(static_cast<std::int32_t>(numbers.next() * static_cast<double>(columns)));
          for (std::int64_t j = 0; j < columns; ++j) {
            d.prediction.push_back(static_cast<T>(std::floor(numbers.next() * 5.0) / 4.0));  // with ties
            d.target.push_back(static_cast<T>(numbers.next() < 0.4));
          }
        }
        for (bool weighted : {false, true}) {
          double total = 0.0, count = 0.0;
          for (std::int64_t r = 0; r < rows; ++r) {
            const auto from = [&](const std::vector<T>& x) {
              return std::vector<double>(x.begin() + r * columns, x.begin() + (r + 1) * columns);
            };
            const std::vector<double> p = from(d.prediction), t = from(d.target);
            double value = 0.0;
            for (std::size_t j = 0; j < p.size(); ++j) {
              const double e = p[j] - t[j];
              if (kind == K::binary_accuracy) value += (p[j] > 0.5) == (t[j] == 1.0);
              if (kind == K::mean_squared_error) value += e * e;
              if (kind == K::mean_absolute_error) value += std::fabs(e);
            }
            value /= static_cast<double>(columns);
            if (kind == K::categorical_accuracy) value = argmax(p) == argmax(t);
            if (kind == K::sparse_categorical_accuracy)
              value = argmax(p) == d.labels[static_cast<std::size_t>(r)];
            const double w = weighted ? static_cast<double>(d.weights[static_cast<std::size_t>(r)]) : 1.0;
            total += w * value;
            count += w;
          }
          const Sums sums = metric<T>(kind, d, weighted);
          CHECK(std::fabs(sums.total - total) <= 1e-6 * (1.0 + total));
          CHECK(std::fabs(sums.count - count) <= 1e-12 * (1.0 + count));
        }
        // Every instruction set.
        if (kind == K::mean_squared_error || kind == K::mean_absolute_error || rows == 0) continue;
        std::vector<double> first;
        for (const std::string& isa : cpu::available_isas()) {
          const std::size_t chunk =
              static_cast<std::size_t>(std::min<std::int64_t>(rows, numerics::kRowChunk));
          std::vector<double> values(chunk);
          kernels_of<T>(isa).row_values({kind, 0.5, 3, false, false, chunk, static_cast<std::size_t>(columns),
                                         d.prediction.data(), d.target.data(), d.labels.data(),
                                         values.data()});
          if (first.empty()) first = values;
          CHECK(same_bits(first, values));
        }
      }
    }
  }
  // Rows with NaN are never right; of several largest elements the first counts.
  const T nan = std::numeric_limits<T>::quiet_NaN(), inf = std::numeric_limits<T>::infinity();
  const auto one = [](K kind, std::vector<T> p, std::vector<T> t, std::int32_t label) {
    const Data<T> d{1, static_cast<std::int64_t>(p.size()), p, t, {}, {label}};
    return metric<T>(kind, d, false).total;
  };
  CHECK(one(K::sparse_categorical_accuracy, {T(1), nan}, {}, 0) == 0.0);
  CHECK(one(K::sparse_categorical_accuracy, {T(1), nan}, {}, 1) == 0.0);
  CHECK(one(K::sparse_categorical_accuracy, {T(1), T(2), T(2)}, {}, 1) == 1.0);
  CHECK(one(K::sparse_categorical_accuracy, {-inf, -inf}, {}, 0) == 1.0);
  CHECK(one(K::categorical_accuracy, {T(-1), T(-2)}, {T(0), nan}, 0) == 0.0);
  CHECK(one(K::categorical_accuracy, {T(-1), T(-2), T(-3)}, {T(1), T(0), T(0)}, 0) == 1.0);
  CHECK(one(K::binary_accuracy, {nan, T(0.5), T(0.75), T(1)}, {T(0), T(0), T(1), T(0.5)}, 0) == 0.5);
  CHECK(one(K::categorical_accuracy, {}, {}, 0) == 0.0);
}

/// Kinds whose values tests/test_metrics.py checks: here every instruction set and thread count.
template <class T>
void test_same_bits() {
  using K = MetricKind;
  for (K kind : {K::accuracy, K::top_k_categorical_accuracy, K::sparse_top_k_categorical_accuracy,
                 K::pearson_correlation, K::concordance_correlation}) {
    for (std::int64_t columns : {1, 2, 5, 16, 17, 33, 5000}) {
      const std::int64_t rows = columns > 100 ? 2 : 60;
      Numbers numbers(static_cast<std::uint64_t>(columns));
      Data<T> d{rows, columns, {}, {}, {}, {}};
      for (std::int64_t r = 0; r < rows; ++r) {
        d.labels.push_back(static_cast<std::int32_t>(numbers.next() * static_cast<double>(columns)));
        for (std::int64_t j = 0; j < columns; ++j) {
          d.prediction.push_back(static_cast<T>(numbers.next()));
          d.target.push_back(static_cast<T>(numbers.next()));
        }
      }
      std::vector<double> first;
      for (const std::string& isa : cpu::available_isas()) {
        std::vector<double> values(static_cast<std::size_t>(rows));
        kernels_of<T>(isa).row_values({kind, 0.5, 3, false, false, static_cast<std::size_t>(rows),
                                       static_cast<std::size_t>(columns), d.prediction.data(),
                                       d.target.data(), d.labels.data(), values.data()});
        if (first.empty()) first = values;
        CHECK(same_bits(first, values));
      }
    }
  }
}

template <class T>
void test_metric_threads() {
  Numbers numbers;
  Data<T> d{60000, 10, {}, {}, {}, {}};
  for (std::int64_t i = 0; i < d.rows * d.columns; ++i) {
    d.prediction.push_back(static_cast<T>(numbers.next()));
    d.target.push_back(static_cast<T>(numbers.next()));
  }
  for (std::int64_t i = 0; i < d.rows; ++i) {
    d.weights.push_back(static_cast<T>(numbers.next()));
    d.labels.push_back(static_cast<std::int32_t>(numbers.next() * 10.0));
  }
  for (MetricKind kind : {MetricKind::sparse_categorical_accuracy, MetricKind::mean_absolute_error}) {
    threads::set_count(1);
    const Sums one = metric<T>(kind, d, true);
    for (int threads : {2, 5}) {
      threads::set_count(threads);
      const Sums many = metric<T>(kind, d, true);
      CHECK(same_bits(one.total, many.total) && same_bits(one.count, many.count));
    }
  }
  threads::set_count(threads::default_count());
}

/// Counts and moments are one chain over the elements: how samples are cut into batches changes no bit.
template <class T>
void test_counts() {
  std::vector<MetricSpecification> metrics;
  MetricSpecification confusion;
  confusion.kind = MetricKind::confusion;
  confusion.thresholds = {0.7, 0.2, 0.5};
  metrics.push_back(confusion);
  confusion.top_k = 2;
  confusion.class_id = 3;
  metrics.push_back(confusion);
  MetricSpecification area;
  area.kind = MetricKind::confusion;
  area.result = ConfusionResult::auc;
  area.even = area.beyond = area.multi_label = area.from_logits = true;
  for (int i = 0; i < 200; ++i) area.thresholds.push_back(i / 199.0);
  area.label_weights = {1, 2, 3, 4, 5};
  metrics.push_back(area);
  area.multi_label = false;
  metrics.push_back(area);
  for (MetricKind kind : {MetricKind::fbeta, MetricKind::r2, MetricKind::iou}) {
    MetricSpecification m;
    m.kind = kind;
    m.classes = 5;
    m.class_ids = {0, 4};
    m.sparse_target = m.sparse_prediction = false;
    metrics.push_back(m);
    m.has_threshold = kind == MetricKind::fbeta;
    m.sparse_target = kind == MetricKind::iou;
    metrics.push_back(m);
  }
  const std::int64_t rows = 150, columns = 5;
  Numbers numbers(9);
  std::vector<T> prediction, target, weights;
  std::vector<std::int32_t> labels;
  for (std::int64_t r = 0; r < rows; ++r) {
    weights.push_back(static_cast<T>(numbers.next()));
    labels.push_back(static_cast<std::int32_t>(numbers.next() * 7.0) - 1);  // some are no class
    for (std::int64_t j = 0; j < columns; ++j) {
      prediction.push_back(static_cast<T>(numbers.next() * 1.5 - 0.25));
      target.push_back(static_cast<T>(numbers.next() < 0.5));
      if (numbers.next() < 0.02) prediction.back() = std::numeric_limits<T>::quiet_NaN();
      if (numbers.next() < 0.02) target.back() = std::numeric_limits<T>::quiet_NaN();
    }
  }
  for (const MetricSpecification& m : metrics) {
    const auto add = [&](std::int64_t first, std::int64_t count, std::vector<double>& state) {
      MetricArguments a;
      a.dtype = kDType<T>;
      a.metric = &m;
      a.rows = count;
      a.columns = columns;
      a.prediction = prediction.data() + first * columns;
      a.target =
          takes_labels(m) ? static_cast<const void*>(labels.data() + first) : target.data() + first * columns;
      a.weights = weights.data() + first;
      cpu::add_metric(a, state.data());
    };
    const auto size = static_cast<std::size_t>(state_size(m, columns));
    std::vector<double> whole(size), parts(size);
    add(0, rows, whole);
    for (std::int64_t first = 0; first < rows;) {
      const std::int64_t count = std::min<std::int64_t>(rows - first, first % 7);
      add(first, count, parts);
      first += std::max<std::int64_t>(count, 1);
      if (count == 0) add(first - 1, 1, parts);
    }
    if (m.kind != MetricKind::r2) CHECK(same_bits(whole, parts));
    double sum = 0.0;
    for (const double x : whole) sum += std::fabs(x);
    CHECK(sum > 0.0 || m.kind == MetricKind::r2);
    std::vector<double> result;
    append_result(m, columns, whole.data(), result);
    CHECK(static_cast<std::int64_t>(result.size()) == std::max<std::int64_t>(1, result_size(m, columns)));
    CHECK(!state_variables(m, columns, whole.data()).empty());
  }
}

}  // namespace

int main() {
  test_metrics<float>();
  test_metrics<double>();
  test_counts<float>();
  test_counts<double>();
  test_same_bits<float>();
  test_same_bits<double>();
  test_metric_threads<float>();
  test_metric_threads<double>();
  return test::result();
}
