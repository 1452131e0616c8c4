#include <cstddef>
#include <cstdint>

#include "cpu/loss/kernels.h"
#include "cpu/vec/vec.h"
#include "numerics/clamp.h"
#include "numerics/elementary.h"
#include "numerics/row.h"
#include "numerics/softmax.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

using namespace lamina::numerics;

/// Probabilities are kept this far from 0 and 1.
constexpr double kClip = 1e-7;

/// `p` into [kClip, 1 - kClip]; NaN stays NaN.
template <class V>
LAMINA_INLINE V clip(V p) {
  using T = typename V::Scalar;
  return lane_min(V::splat(static_cast<T>(1.0 - kClip)), lane_max(V::splat(static_cast<T>(kClip)), p));
}
template <class V>
LAMINA_INLINE auto clipped(V p) {
  using T = typename V::Scalar;
  return (p < V::splat(static_cast<T>(kClip))) | (p > V::splat(static_cast<T>(1.0 - kClip)));
}

// ---- Losses that treat each element on its own: `evaluate` gives the element's loss, its
// ---- gradient without the factor, and the activation if the prediction is logits.

template <class V>
struct Element {
  V loss, gradient, output;
};

template <class V>
struct SquaredError {
  LAMINA_INLINE Element<V> evaluate(V p, V t) const {
    const V e = p - t;
    return {e * e, e + e, p};
  }
};

template <class V>
struct AbsoluteError {
  LAMINA_INLINE Element<V> evaluate(V p, V t) const {
    const V e = p - t, zero = V::splat(0);
    const V sign = select(e == zero, zero, copysign(V::splat(1), e));
    return {abs(e), select(e != e, e, sign), p};
  }
};

template <class V>
struct HuberError {
  using T = typename V::Scalar;
  V delta, half_delta;
  explicit LAMINA_INLINE HuberError(double d)
      : delta(V::splat(static_cast<T>(d))), half_delta(V::splat(static_cast<T>(0.5 * d))) {}
  LAMINA_INLINE Element<V> evaluate(V p, V t) const {
    const V e = p - t, size = abs(e);
    const auto outside = size > delta;  // a NaN stays inside, and a NaN
    return {select(outside, delta * (size - half_delta), (V::splat(T(0.5)) * e) * e),
            select(outside, copysign(delta, e), e), p};
  }
};

/// t (1 - s) + rest.
template <class V>
struct Smoothing {
  using T = typename V::Scalar;
  V kept, rest;
  LAMINA_INLINE Smoothing(double smoothing, double others)
      : kept(V::splat(static_cast<T>(1.0 - smoothing))), rest(V::splat(static_cast<T>(others))) {}
  LAMINA_INLINE V operator()(V t) const { return fma(t, kept, rest); }
};

template <class V>
struct BinaryProbability {
  Smoothing<V> smooth;
  explicit LAMINA_INLINE BinaryProbability(double s) : smooth(s, 0.5 * s) {}
  LAMINA_INLINE Element<V> evaluate(V p, V target) const {
    const V one = V::splat(1), t = smooth(target), q = clip(p);
    const V loss = -fma(t, log(q), (one - t) * log1p(-q));
    return {loss, select(clipped(p), V::splat(0), (q - t) / (q * (one - q))), p};
  }
};

template <class V>
struct BinaryLogit {
  Smoothing<V> smooth;
  explicit LAMINA_INLINE BinaryLogit(double s) : smooth(s, 0.5 * s) {}
  LAMINA_INLINE Element<V> evaluate(V z, V target) const {
    // Infinite logits count as the largest finite number, lest 0 * infinity be NaN.
    const V t = smooth(target), p = sigmoid(z), f = finite(z);
    const V loss = fma(-f, t, lane_max(V::splat(0), f)) + log1p(exp(-abs(f)));
    return {loss, p - t, p};
  }
};

/// The factor c of row r.
template <class T>
LAMINA_INLINE T factor(const LossRows<T>& a, std::size_t r, double divisor) {
  return static_cast<T>(a.scale * (a.weights ? static_cast<double>(a.weights[r]) : 1.0) / divisor);
}
template <class T>
LAMINA_INLINE T weighted(const LossRows<T>& a, std::size_t r, T loss) {
  return a.weights ? a.weights[r] * loss : loss;
}

/// One column: the rows lie side by side, so a vector takes as many rows as it has lanes.
template <class V, class Loss>
void element_rows_of_one(const LossRows<typename V::Scalar>& a, const Loss& loss) {
  using T = typename V::Scalar;
  T factors[kRowChunk];
  for (std::size_t r = 0; r < a.rows; ++r) factors[r] = factor(a, r, 1.0);
  for_each_vector<V>(a.rows, [&](std::size_t r, std::size_t count) {
    const Element<V> e =
        loss.evaluate(load_some<V>(a.prediction + r, count), load_some<V>(a.target + r, count));
    const V value = V::splat(0) + e.loss;  // as the sum of one element
    store_some(a.weights ? load_some<V>(a.weights + r, count) * value : value, a.row_losses + r, count);
    if (a.gradient) store_some(load_some<V>(factors + r, count) * e.gradient, a.gradient + r, count);
    if (a.output) store_some(e.output, a.output + r, count);
  });
}

template <class V, class Loss>
void element_rows(const LossRows<typename V::Scalar>& a, const Loss& loss) {
  using T = typename V::Scalar;
  if (a.columns == 1) return element_rows_of_one<V>(a, loss);
  const double columns = static_cast<double>(a.columns);
  for (std::size_t r = 0; r < a.rows; ++r) {
    const std::size_t at = r * a.columns;
    const V c = V::splat(factor(a, r, columns));
    T sum[1];
    row_sums<V>(a.columns, sum, [&](std::size_t i, std::size_t count, V(&t)[1]) {
      const Element<V> e =
          loss.evaluate(load_some<V>(a.prediction + at + i, count), load_some<V>(a.target + at + i, count));
      t[0] = e.loss;
      if (a.gradient) store_some(c * e.gradient, a.gradient + at + i, count);
      if (a.output) store_some(e.output, a.output + at + i, count);
    });
    a.row_losses[r] = weighted(a, r, sum[0] / static_cast<T>(a.columns));
  }
}

// ---- Categorical crossentropies: what a row's loss is made of, gathered so that the
// ---- logarithms of a chunk's rows are taken side by side.

/// row_losses[r] = w (mass log(total) - dot).
template <class V>
LAMINA_INLINE void finish_rows(const LossRows<typename V::Scalar>& a, const typename V::Scalar* total,
                               const typename V::Scalar* mass, const typename V::Scalar* dot) {
  for_each_vector<V>(a.rows, [&](std::size_t r, std::size_t count) {
    const V logarithm = log(load_some<V>(total + r, count));
    const V loss = fma(load_some<V>(mass + r, count), logarithm, -load_some<V>(dot + r, count));
    store_some(a.weights ? load_some<V>(a.weights + r, count) * loss : loss, a.row_losses + r, count);
  });
}

template <class V>
void categorical_logits(const LossRows<typename V::Scalar>& a) {
  using T = typename V::Scalar;
  const std::size_t columns = a.columns;
  const bool sparse = a.labels != nullptr;
  const Smoothing<V> smooth(a.label_smoothing, a.label_smoothing / static_cast<double>(columns));
  const V zero = V::splat(0);
  T total[kRowChunk], mass[kRowChunk], dot[kRowChunk];
  for (std::size_t r = 0; r < a.rows; ++r) {
    const T* z = a.prediction + r * columns;
    const T* target = sparse ? nullptr : a.target + r * columns;
    T* gradient = a.gradient ? a.gradient + r * columns : nullptr;
    T* output = a.output ? a.output + r * columns : nullptr;
    T* kept = output ? output : gradient;  // holds exp(z - m) between the passes
    const T largest = row_max<V>(columns, z);
    const V m = V::splat(largest);
    if (sparse) {
      dot[r] = z[a.labels[r]] - largest;
      mass[r] = T(1);
      T sum[1];
      row_sums<V>(columns, sum, [&](std::size_t i, std::size_t count, V(&t)[1]) {
        t[0] = exp(load_some<V>(z + i, count) - m);
        if (kept) store_some(t[0], kept + i, count);
      });
      total[r] = sum[0];
    } else {
      T sum[3];
      row_sums<V>(columns, sum, [&](std::size_t i, std::size_t count, V(&t)[3]) {
        const V below = load_some<V>(z + i, count) - m;
        t[0] = exp(below);
        t[1] = smooth(load_some<V>(target + i, count));
        t[2] = select(t[1] == zero, zero, t[1] * below);
        if (kept) store_some(t[0], kept + i, count);
      });
      total[r] = sum[0];
      mass[r] = sum[1];
      dot[r] = sum[2];
    }
    if (!kept) continue;
    const V s = V::splat(total[r]), share = V::splat(mass[r]), c = V::splat(factor(a, r, 1.0));
    if (sparse && gradient) {
      const std::size_t label = static_cast<std::size_t>(a.labels[r]);
      const T at_label = kept[label] / total[r] - T(1);
      for_each_vector<V>(columns, [&](std::size_t i, std::size_t count) {
        const V p = load_some<V>(kept + i, count) / s;
        if (output) store_some(p, output + i, count);
        store_some(c * p, gradient + i, count);
      });
      gradient[label] = factor(a, r, 1.0) * at_label;
    } else {
      for_each_vector<V>(columns, [&](std::size_t i, std::size_t count) {
        const V p = load_some<V>(kept + i, count) / s;
        if (output) store_some(p, output + i, count);
        if (gradient) {
          const V t = smooth(load_some<V>(target + i, count));
          store_some(c * fma(p, share, -t), gradient + i, count);
        }
      });
    }
  }
  finish_rows<V>(a, total, mass, dot);
}

template <class V>
void categorical_probabilities(const LossRows<typename V::Scalar>& a) {
  using T = typename V::Scalar;
  const std::size_t columns = a.columns;
  const Smoothing<V> smooth(a.label_smoothing, a.label_smoothing / static_cast<double>(columns));
  const V zero = V::splat(0);
  for (std::size_t r = 0; r < a.rows; ++r) {
    const T* p = a.prediction + r * columns;
    const T* target = a.target + r * columns;
    T total[1], sum[2];
    row_sums<V>(columns, total,
                [&](std::size_t i, std::size_t count, V(&t)[1]) { t[0] = load_some<V>(p + i, count); });
    const V s = V::splat(total[0]);
    row_sums<V>(columns, sum, [&](std::size_t i, std::size_t count, V(&t)[2]) {
      const V share = load_some<V>(p + i, count) / s;
      const V wanted = smooth(load_some<V>(target + i, count));
      t[0] = -(wanted * log(clip(share)));
      t[1] = select(clipped(share), zero, wanted);
    });
    a.row_losses[r] = weighted(a, r, sum[0]);
    if (!a.gradient) continue;
    T* gradient = a.gradient + r * columns;
    const V mass = V::splat(sum[1]), c = V::splat(factor(a, r, 1.0));
    for_each_vector<V>(columns, [&](std::size_t i, std::size_t count) {
      const V share = load_some<V>(p + i, count) / s;
      const V wanted = smooth(load_some<V>(target + i, count));
      const V own = select(clipped(share), zero, wanted / clip(share));
      store_some(c * ((mass - own) / s), gradient + i, count);
    });
  }
}

template <class V>
void sparse_probabilities(const LossRows<typename V::Scalar>& a) {
  using T = typename V::Scalar;
  const std::size_t columns = a.columns;
  T chosen[kRowChunk];
  for (std::size_t r = 0; r < a.rows; ++r) {
    const T* p = a.prediction + r * columns;
    const std::size_t label = static_cast<std::size_t>(a.labels[r]);
    T total[1];
    row_sums<V>(columns, total,
                [&](std::size_t i, std::size_t count, V(&t)[1]) { t[0] = load_some<V>(p + i, count); });
    chosen[r] = p[label] / total[0];
    if (!a.gradient) continue;
    T* gradient = a.gradient + r * columns;
    const bool clips = chosen[r] < static_cast<T>(kClip) || chosen[r] > static_cast<T>(1.0 - kClip);
    const T c = factor(a, r, 1.0), mass = clips ? T(0) : T(1);
    const T own = clips ? T(0) : T(1) / chosen[r];
    const V others = V::splat(c * (mass / total[0]));
    for_each_vector<V>(columns,
                       [&](std::size_t i, std::size_t count) { store_some(others, gradient + i, count); });
    gradient[label] = c * ((mass - own) / total[0]);
  }
  for_each_vector<V>(a.rows, [&](std::size_t r, std::size_t count) {
    const V loss = -log(clip(load_some<V>(chosen + r, count)));
    store_some(a.weights ? load_some<V>(a.weights + r, count) * loss : loss, a.row_losses + r, count);
  });
}

template <class V>
void loss_rows(const LossRows<typename V::Scalar>& a) {
  if (a.columns == 0) {
    for (std::size_t r = 0; r < a.rows; ++r) a.row_losses[r] = 0;
    return;
  }
  switch (a.kind) {
    case LossKind::mean_squared_error:
      return element_rows<V>(a, SquaredError<V>());
    case LossKind::mean_absolute_error:
      return element_rows<V>(a, AbsoluteError<V>());
    case LossKind::huber:
      return element_rows<V>(a, HuberError<V>(a.delta));
    case LossKind::binary_crossentropy:
      if (a.logits) return element_rows<V>(a, BinaryLogit<V>(a.label_smoothing));
      return element_rows<V>(a, BinaryProbability<V>(a.label_smoothing));
    case LossKind::categorical_crossentropy:
      if (a.logits) return categorical_logits<V>(a);
      return categorical_probabilities<V>(a);
    case LossKind::sparse_categorical_crossentropy:
      if (a.logits) return categorical_logits<V>(a);
      return sparse_probabilities<V>(a);
  }
}

// ---- Accuracies.

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
void accuracy_rows(const AccuracyRows<typename V::Scalar>& a) {
  const V threshold = V::splat(static_cast<typename V::Scalar>(a.threshold));
  for (std::size_t r = 0; r < a.rows; ++r) {
    const auto* p = a.prediction + r * a.columns;
    if (a.kind == MetricKind::binary_accuracy) {
      a.row_values[r] = a.columns == 0 ? 0.0
                                       : matches<V>(a.columns, p, a.target + r * a.columns, threshold) /
                                             static_cast<double>(a.columns);
      continue;
    }
    const std::size_t predicted = first_largest<V>(a.columns, p);
    const std::size_t wanted = a.kind == MetricKind::sparse_categorical_accuracy
                                   ? static_cast<std::size_t>(a.labels[r])
                                   : first_largest<V>(a.columns, a.target + r * a.columns);
    a.row_values[r] = predicted == wanted && predicted < a.columns ? 1.0 : 0.0;
  }
}

}  // namespace

extern const LossKernels loss_kernels;
const LossKernels loss_kernels = {
    {loss_rows<F32>, accuracy_rows<F32>},
    {loss_rows<F64>, accuracy_rows<F64>},
};

}  // namespace lamina::cpu::LAMINA_ISA
