// Losses that treat each element on its own: `evaluate` gives the element's loss, its gradient
// without the factor, and the activation if the prediction is logits. Formulas: loss.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/loss/factors.isa.h"
#include "cpu/loss/kernels.h"
#include "cpu/vec/vec.h"
#include "numerics/clamp.h"
#include "numerics/elementary.h"
#include "numerics/row.h"
#include "numerics/softmax.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

using namespace lamina::numerics;

template <class V>
struct Element {
  V loss, gradient, output;
};

/// Whether a row's loss is the mean of its elements' rather than their sum: unless a loss says otherwise.
template <class Loss>
LAMINA_INLINE bool takes_mean(const Loss& loss) {
  if constexpr (requires { loss.mean; }) return loss.mean;
  return true;
}

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

template <class V>
struct PercentageError {
  using T = typename V::Scalar;
  LAMINA_INLINE Element<V> evaluate(V p, V t) const {
    const V hundred = V::splat(100), zero = V::splat(0);
    const V e = p - t, size = lane_max(V::splat(static_cast<T>(kClip)), abs(t));
    const V slope = select(e == zero, zero, copysign(hundred / size, e));
    return {hundred * abs(e / size), select(e != e, e, slope), p};
  }
};

template <class V>
struct LogarithmicError {
  using T = typename V::Scalar;
  LAMINA_INLINE Element<V> evaluate(V p, V t) const {
    const V least = V::splat(static_cast<T>(kClip));
    const V q = lane_max(least, p);
    const V e = log1p(q) - log1p(lane_max(least, t));
    return {e * e, select(p < least, V::splat(0), (e + e) / (V::splat(1) + q)), p};
  }
};

/// log(cosh(e)), without loss of digits near 0 and without overflow.
template <class V>
struct LogCoshError {
  using T = typename V::Scalar;
  LAMINA_INLINE Element<V> evaluate(V p, V t) const {
    const V e = p - t, size = abs(e), one = V::splat(1), two = V::splat(2);
    // cosh(e) - 1 = u^2 / (2 (1 + u)), u = exp(|e|) - 1.
    const V u = expm1(lane_min(size, one));
    const V near_zero = log1p((u * u) / (two * (one + u)));
    const V far = (size - V::splat(static_cast<T>(0.6931471805599453))) + log1p(exp(-(two * size)));
    return {select(size < one, near_zero, far), tanh(e), p};
  }
};

template <class V>
struct PoissonDeviance {
  using T = typename V::Scalar;
  LAMINA_INLINE Element<V> evaluate(V p, V t) const {
    const V q = p + V::splat(static_cast<T>(kClip));
    return {fma(-t, log(q), p), V::splat(1) - t / q, p};
  }
};

/// Targets of a batch of nothing but 0 and 1 stand for -1 and 1.
template <class V>
struct HingeTarget {
  V factor, offset;
  explicit LAMINA_INLINE HingeTarget(bool binary)
      : factor(V::splat(binary ? 2 : 1)), offset(V::splat(binary ? -1 : 0)) {}
  LAMINA_INLINE V operator()(V t) const { return fma(t, factor, offset); }
};

template <class V>
struct HingeLoss {
  HingeTarget<V> sign;
  explicit LAMINA_INLINE HingeLoss(bool binary) : sign(binary) {}
  LAMINA_INLINE Element<V> evaluate(V p, V target) const {
    const V t = sign(target), zero = V::splat(0);
    const V margin = fma(-t, p, V::splat(1));
    return {lane_max(zero, margin), select(margin <= zero, zero, -t), p};
  }
};

template <class V>
struct SquaredHingeLoss {
  HingeTarget<V> sign;
  explicit LAMINA_INLINE SquaredHingeLoss(bool binary) : sign(binary) {}
  LAMINA_INLINE Element<V> evaluate(V p, V target) const {
    const V t = sign(target), zero = V::splat(0);
    const V margin = lane_max(zero, fma(-t, p, V::splat(1)));
    return {margin * margin, -((margin + margin) * t), p};
  }
};

template <class V>
struct QuantileError {
  using T = typename V::Scalar;
  V above, below;  // slopes where the target is above, and below, the prediction
  explicit LAMINA_INLINE QuantileError(double q)
      : above(V::splat(static_cast<T>(-q))), below(V::splat(static_cast<T>(1.0 - q))) {}
  LAMINA_INLINE Element<V> evaluate(V p, V t) const {
    const V e = p - t, zero = V::splat(0);
    const V slope = select(e < zero, above, below);
    return {slope * e, select(e == zero, zero, select(e != e, e, slope)), p};
  }
};

template <class V>
struct Divergence {
  static constexpr bool mean = false;
  LAMINA_INLINE Element<V> evaluate(V p, V target) const {
    const V t = clamp(target, kClip, 1.0), q = clamp(p, kClip, 1.0);
    const auto outside = (p < q) | (p > q);
    return {t * log(t / q), select(outside, V::splat(0), -(t / q)), p};
  }
};

template <class V>
LAMINA_NOINLINE void power_apart(const V& x, const V& y, V& out) {
  out = pow(x, y);
}

/// x^gamma of a base in [0, 1], and its derivative.
template <class V>
struct FocalPower {
  using T = typename V::Scalar;
  V gamma, less;
  bool constant;
  explicit LAMINA_INLINE FocalPower(double g)
      : gamma(V::splat(static_cast<T>(g))), less(V::splat(static_cast<T>(g - 1.0))), constant(g == 0.0) {}
  LAMINA_INLINE V value(V x) const {
    V y;
    power_apart(x, gamma, y);
    return y;
  }
  LAMINA_INLINE V derivative(V x) const {
    if (constant) return V::splat(0);
    V y;
    power_apart(x, less, y);
    return gamma * y;
  }
};

template <class V, bool logits>
struct BinaryFocal {
  using T = typename V::Scalar;
  Smoothing<V> smooth;
  FocalPower<V> power;
  V class_1, class_0;  // their weights
  explicit LAMINA_INLINE BinaryFocal(const LossSpecification& s)
      : smooth(s.label_smoothing, 0.5 * s.label_smoothing),
        power(s.gamma),
        class_1(V::splat(static_cast<T>(s.class_balancing ? s.alpha : 1.0))),
        class_0(V::splat(static_cast<T>(s.class_balancing ? 1.0 - s.alpha : 1.0))) {}
  LAMINA_INLINE Element<V> evaluate(V z, V target) const {
    const V one = V::splat(1), t = smooth(target), rest = one - t;
    V p = z;
    if constexpr (logits) p = sigmoid(z);
    const V q = clip(p), weight = fma(t, class_1, rest * class_0);
    const V plain = -fma(t, log(q), rest * log1p(-q));
    const V plain_slope = select(clipped(p), V::splat(0), (q - t) / (q * (one - q)));
    const V missed = fma(t, one - p, rest * p);  // 1 - p_t
    const V focus = power.value(missed);
    V slope = weight * fma(power.derivative(missed) * (rest - t), plain, focus * plain_slope);
    if constexpr (logits) slope = slope * (p * (one - p));
    return {weight * (focus * plain), slope, p};
  }
};

template <class V, class Loss>
LAMINA_NOINLINE void evaluate_apart(const void* loss, const V& p, const V& t, Element<V>& e) {
  e = static_cast<const Loss*>(loss)->evaluate(p, t);
}

/// Any of the above, so that the loops around it are compiled once for all of them.
template <class V>
struct AnyLoss {
  const void* loss;
  bool mean;
  void (*apart)(const void*, const V&, const V&, Element<V>&);
  template <class Loss>
  explicit LAMINA_INLINE AnyLoss(const Loss& which)
      : loss(&which), mean(takes_mean(which)), apart(evaluate_apart<V, Loss>) {}
  LAMINA_INLINE Element<V> evaluate(V p, V t) const {
    Element<V> e;
    apart(loss, p, t, e);
    return e;
  }
};

/// The same where targets that are NaN count as nothing.
template <class V>
struct WherePresent {
  AnyLoss<V> any;
  bool mean;
  explicit LAMINA_INLINE WherePresent(const AnyLoss<V>& loss) : any(loss), mean(loss.mean) {}
  LAMINA_INLINE Element<V> evaluate(V p, V t) const {
    const V zero = V::splat(0);
    const auto present = t == t;
    const Element<V> e = any.evaluate(p, select(present, t, zero));
    return {select(present, e.loss, zero), select(present, e.gradient, zero), e.output};
  }
};

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
void element_rows_of_several(const LossRows<typename V::Scalar>& a, const Loss& loss) {
  using T = typename V::Scalar;
  const bool mean = takes_mean(loss);
  const double columns = mean ? static_cast<double>(a.columns) : 1.0;
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
    a.row_losses[r] = weighted(a, r, mean ? sum[0] / static_cast<T>(a.columns) : sum[0]);
  }
}

template <class V>
LAMINA_NOINLINE void any_element_rows(const LossRows<typename V::Scalar>& a, const AnyLoss<V>& loss) {
  if (a.skip_missing) return element_rows_of_several<V>(a, WherePresent<V>(loss));
  if (a.columns == 1) return element_rows_of_one<V>(a, loss);
  element_rows_of_several<V>(a, loss);
}

template <class V, class Loss>
void element_rows(const LossRows<typename V::Scalar>& a, const Loss& loss) {
  if (a.skip_missing) return any_element_rows<V>(a, AnyLoss<V>(loss));
  if (a.columns == 1) return element_rows_of_one<V>(a, loss);
  element_rows_of_several<V>(a, loss);
}

/// The same for losses of long arithmetic.
template <class V, class Loss>
void long_element_rows(const LossRows<typename V::Scalar>& a, const Loss& loss) {
  any_element_rows<V>(a, AnyLoss<V>(loss));
}

}  // namespace
}  // namespace lamina::cpu::LAMINA_ISA
