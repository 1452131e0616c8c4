// The rarer element-wise activation functions, under the rules of activation.h.
#pragma once

#include "numerics/activation.h"

namespace lamina::numerics {

/// y = x > threshold ? x : below.  From the input: dx = x > threshold ? dy : +0.
template <class V>
struct Threshold {
  using T = typename V::Scalar;
  V threshold, below;
  LAMINA_INLINE Threshold(double a, double b)
      : threshold(V::splat(static_cast<T>(a))), below(V::splat(static_cast<T>(b))) {}
  LAMINA_INLINE V value(V x) const { return select(x <= threshold, below, x); }
  LAMINA_INLINE V backward(V x, V dy) const { return select(x <= threshold, V::splat(0), dy); }
};

/// y = x <= -1 ? +0 : x >= 1 ? x : ((x + 1) * (x + 1)) / 4.
/// From the input: dx = x <= -1 ? +0 : x >= 1 ? dy : dy * ((x + 1) / 2).
template <class V>
struct SparsePlus {
  using T = typename V::Scalar;
  LAMINA_INLINE V value(V x) const {
    const V one = V::splat(1), t = x + one;
    const V inside = select(x >= one, x, (t * t) * V::splat(T(0.25)));
    return select(x <= V::splat(-1), V::splat(0), inside);
  }
  LAMINA_INLINE V backward(V x, V dy) const {
    const V one = V::splat(1);
    const V inside = select(x >= one, dy, dy * ((x + one) * V::splat(T(0.5))));
    return select(x <= V::splat(-1), V::splat(0), inside);
  }
};

/// y = clamp(x + 1, 0, 2) / 2;  dx = 0 < y < 1 ? dy / 2 : +0.
template <class V>
struct SparseSigmoid {
  using T = typename V::Scalar;
  LAMINA_INLINE V value(V x) const {
    const V zero = V::splat(0), two = V::splat(2);
    V t = x + V::splat(1);
    t = select(t <= zero, zero, t);
    t = select(t >= two, two, t);
    return t * V::splat(T(0.5));
  }
  LAMINA_INLINE V backward(V y, V dy) const {
    const V zero = V::splat(0);
    return select((y <= zero) | (y >= V::splat(1)), zero, dy * V::splat(T(0.5)));
  }
};

/// y = (x + r) / 2, r = sqrt(x * x + b); for a negative x as (b / 2) / (r - x), without cancellation.
/// From the input: dx = dy * ((1 + x / r) / 2); for a negative x dy * ((b / 2) / (r * (r - x))).
template <class V>
struct Squareplus {
  using T = typename V::Scalar;
  V smoothness, half_smoothness;
  explicit LAMINA_INLINE Squareplus(double b)
      : smoothness(V::splat(static_cast<T>(b))), half_smoothness(V::splat(static_cast<T>(0.5 * b))) {}

  /// Beyond +-1e15 the root is |x| in both dtypes, for every smoothness that is not as large.
  LAMINA_INLINE V root(V x) const {
    const V t = clamp(x, T(-1e15), T(1e15));
    const V r = sqrt(fma(t, t, smoothness)), size = abs(x);
    return select(size > r, size, r);
  }
  LAMINA_INLINE V value(V x) const {
    const V r = root(x);
    return select(x < V::splat(0), half_smoothness / (r - x), (x + r) * V::splat(T(0.5)));
  }
  LAMINA_INLINE V backward(V x, V dy) const {
    const V r = root(x);
    const V below = half_smoothness / (r * (r - x));
    const V ratio = clamp(x, T(-1e15), T(1e15)) / root(clamp(x, T(-1e15), T(1e15)));
    const V above = (V::splat(1) + ratio) * V::splat(T(0.5));
    return dy * select(x < V::splat(0), below, above);
  }
};

/// y = clamp(x, -1, 1);  dx = -1 < y < 1 ? dy : +0.
template <class V>
struct HardTanh {
  LAMINA_INLINE V value(V x) const {
    const V one = V::splat(1), low = V::splat(-1);
    const V t = select(x <= low, low, x);
    return select(t >= one, one, t);
  }
  LAMINA_INLINE V backward(V y, V dy) const {
    return select((y <= V::splat(-1)) | (y >= V::splat(1)), V::splat(0), dy);
  }
};

/// y = x * (clamp(x + 3, 0, 6) / 6), +0 for x <= -3 and x for x >= 3.
/// From the input: dx = x <= -3 ? +0 : x >= 3 ? dy : dy * (x / 3 + 1/2).
template <class V>
struct HardSilu {
  using T = typename V::Scalar;
  LAMINA_INLINE V value(V x) const {
    const V inside = x * ((x + V::splat(3)) / V::splat(6));
    return select(x <= V::splat(-3), V::splat(0), select(x >= V::splat(3), x, inside));
  }
  LAMINA_INLINE V backward(V x, V dy) const {
    const V inside = dy * (x / V::splat(3) + V::splat(T(0.5)));
    return select(x <= V::splat(-3), V::splat(0), select(x >= V::splat(3), dy, inside));
  }
};

/// hard: y = |x| <= threshold ? +0 : x.  soft: x is also moved towards 0 by the threshold.
/// From the input: dx = |x| <= threshold ? +0 : dy.
template <class V>
struct Shrink {
  V threshold;
  bool soft;
  LAMINA_INLINE Shrink(double a, bool moved)
      : threshold(V::splat(static_cast<typename V::Scalar>(a))), soft(moved) {}
  LAMINA_INLINE V value(V x) const {
    const V moved = soft ? x - copysign(threshold, x) : x;
    return select(abs(x) <= threshold, V::splat(0), moved);
  }
  LAMINA_INLINE V backward(V x, V dy) const { return select(abs(x) <= threshold, V::splat(0), dy); }
};

/// y = x - tanh(x).  From the input: dx = dy * (t * t), t = tanh(x).
template <class V>
struct TanhShrink {
  LAMINA_INLINE V value(V x) const { return x - tanh(x); }
  LAMINA_INLINE V backward(V x, V dy) const {
    const V t = tanh(x);
    return dy * (t * t);
  }
};

/// y = -log(1 + exp(-x));  dx = dy * (1 - exp(y)), as -expm1(y).
template <class V>
struct LogSigmoid {
  LAMINA_INLINE V value(V x) const { return -softplus(-x); }
  LAMINA_INLINE V backward(V y, V dy) const { return dy * -expm1(y); }
};

}  // namespace lamina::numerics
