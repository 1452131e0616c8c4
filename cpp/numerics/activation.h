// The element-wise activation functions and their derivatives, over an arithmetic policy V
// (policy.h). `value(x)` is the function; `backward(saved, dy)` is dy times the derivative,
// where `saved` is the function's output y unless the comment says input x.
//
// Rules for all of them
//   - Parameters and constants are rounded once to V's Scalar.
//   - NaN in gives NaN out, forward; a NaN in `saved` never gives a finite number unless the
//     derivative is a constant there (then dx is dy).
//   - Infinities give the function's limit, never NaN: silu(-inf) = -0, softsign(inf) = 1.
//   - At a kink the derivative is the one to its left (relu'(0) = 0, elu'(0) = alpha), at an
//     upper bound the one to its right (relu6'(6) = 0).
//   - Where the derivative is the constant 0, dx is +0 whatever dy is.
#pragma once

#include "numerics/clamp.h"
#include "numerics/elementary.h"
#include "numerics/policy.h"

namespace lamina::numerics {

/// `x`, but not below -1000, where x times each of the gates below is -0 in both dtypes
/// (and -inf times +0 would be NaN).
template <class V>
LAMINA_INLINE V gated(V x) {
  return lane_max(V::splat(typename V::Scalar(-1000)), x);
}

/// y = x.
template <class V>
struct Linear {
  LAMINA_INLINE V value(V x) const { return x; }
  LAMINA_INLINE V backward(V, V dy) const { return dy; }
};

/// y = x <= 0 ? +0 : x (so -0 gives +0);  dx = y <= 0 ? +0 : dy.
template <class V>
struct Relu {
  LAMINA_INLINE V value(V x) const {
    const V zero = V::splat(0);
    return select(x <= zero, zero, x);
  }
  LAMINA_INLINE V backward(V y, V dy) const {
    const V zero = V::splat(0);
    return select(y <= zero, zero, dy);
  }
};

/// relu with a slope below its threshold and a maximum:
///   y = slope * (x - threshold)       x < threshold  (+0 if slope is 0)
///       +0                            x = threshold
///       x, into [0, maximum]          x > threshold  (left as it is without a maximum)
///   dx = slope * dy                   saved <= threshold  (+0 if slope is 0)
///        +0                           there is a maximum and saved is not inside (0, maximum)
///        dy                           elsewhere
/// `saved` is y when saves_output, else x.
template <class V>
struct BoundedRelu {
  using T = typename V::Scalar;
  V slope, maximum, threshold;
  bool sloped, bounded;

  LAMINA_INLINE BoundedRelu(double a, double b, double c)
      : slope(V::splat(static_cast<T>(a))),
        maximum(V::splat(static_cast<T>(b))),
        threshold(V::splat(static_cast<T>(c))),
        sloped(static_cast<T>(a) != T(0)),
        bounded(!(b > 1.7976931348623157e308)) {}

  /// y tells on which side of both kinks x was: no threshold, and the sides have the signs
  /// that they have without a slope (in float too: the maximum must not round to 0).
  static LAMINA_INLINE bool saves_output(double a, double b, double c) {
    return c == 0.0 && a >= 0.0 && b >= 1.1754943508222875e-38;
  }

  LAMINA_INLINE V value(V x) const {
    const V zero = V::splat(0);
    V above = select(x <= threshold, zero, x);
    if (bounded) {
      above = select(above < zero, zero, above);
      above = select(above > maximum, maximum, above);
    }
    const V below = sloped ? slope * (x - threshold) : zero;
    return select(x < threshold, below, above);
  }
  LAMINA_INLINE V backward(V saved, V dy) const {
    const V zero = V::splat(0);
    V above = dy;
    if (bounded) above = select((saved <= zero) | (saved >= maximum), zero, dy);
    const V below = sloped ? slope * dy : zero;
    return select(saved <= threshold, below, above);
  }
};

/// y = x > 0 ? x : alpha * expm1(x).
/// dx = y > 0 ? dy : dy * (y + alpha), or for a negative alpha, whose y does not tell the
/// side, x > 0 ? dy : dy * (alpha * exp(x)).
template <class V>
struct Elu {
  V alpha;
  bool from_output;

  explicit LAMINA_INLINE Elu(double a)
      : alpha(V::splat(static_cast<typename V::Scalar>(a))), from_output(saves_output(a)) {}
  static LAMINA_INLINE bool saves_output(double a) { return a >= 0.0; }

  LAMINA_INLINE V value(V x) const { return select(x > V::splat(0), x, alpha * expm1(x)); }
  LAMINA_INLINE V backward(V saved, V dy) const {
    const V slope = from_output ? saved + alpha : alpha * exp(saved);
    return select(saved > V::splat(0), dy, dy * slope);
  }
};

/// y = x > 0 ? scale * x : (scale * alpha) * expm1(x);  dx = dy * (y > 0 ? scale : y + scale * alpha).
/// scale = 1.0507009873554805, scale * alpha = 1.7580993408473766.
template <class V>
struct Selu {
  using T = typename V::Scalar;
  LAMINA_INLINE V value(V x) const { return select(x > V::splat(0), scale() * x, scaled_alpha() * expm1(x)); }
  LAMINA_INLINE V backward(V y, V dy) const {
    return dy * select(y > V::splat(0), scale(), y + scaled_alpha());
  }
  static LAMINA_INLINE V scale() { return V::splat(static_cast<T>(1.0507009873554804934)); }
  static LAMINA_INLINE V scaled_alpha() { return V::splat(static_cast<T>(1.7580993408473768599)); }
};

/// y = x > 0 ? x : alpha * expm1(x / alpha);  dx = y > 0 ? dy : dy * (y / alpha + 1).
/// y has x's sign for every alpha but 0, for which the function is not defined.
template <class V>
struct Celu {
  V alpha;
  explicit LAMINA_INLINE Celu(double a) : alpha(V::splat(static_cast<typename V::Scalar>(a))) {}
  LAMINA_INLINE V value(V x) const { return select(x > V::splat(0), x, alpha * expm1(x / alpha)); }
  LAMINA_INLINE V backward(V y, V dy) const {
    return select(y > V::splat(0), dy, dy * (y / alpha + V::splat(1)));
  }
};

/// y = 1 / (1 + exp(-x));  dx = dy * (y - y * y), the derivative rounded once.
template <class V>
struct Sigmoid {
  LAMINA_INLINE V value(V x) const { return sigmoid(x); }
  LAMINA_INLINE V backward(V y, V dy) const { return dy * fma(-y, y, y); }
};

/// y = clamp(x + 3, 0, 6) / 6;  dx = 0 < y < 1 ? dy * (1/6) : +0.
template <class V>
struct HardSigmoid {
  using T = typename V::Scalar;
  LAMINA_INLINE V value(V x) const {
    const V zero = V::splat(0), six = V::splat(6);
    V t = x + V::splat(3);
    t = select(t <= zero, zero, t);
    t = select(t >= six, six, t);
    return t / six;
  }
  LAMINA_INLINE V backward(V y, V dy) const {
    const V zero = V::splat(0);
    return select((y <= zero) | (y >= V::splat(1)), zero, dy * V::splat(static_cast<T>(1.0 / 6.0)));
  }
};

/// y = tanh(x);  dx = dy * (1 - y * y), the derivative rounded once.
template <class V>
struct Tanh {
  LAMINA_INLINE V value(V x) const { return tanh(x); }
  LAMINA_INLINE V backward(V y, V dy) const { return dy * fma(-y, y, V::splat(1)); }
};

/// y = log(1 + exp(x));  dx = dy * (1 - exp(-y)), as -expm1(-y).
template <class V>
struct Softplus {
  LAMINA_INLINE V value(V x) const { return softplus(x); }
  LAMINA_INLINE V backward(V y, V dy) const { return dy * -expm1(-y); }
};

/// y = x / (1 + |x|);  dx = dy * (1 - |y|)^2.
template <class V>
struct Softsign {
  LAMINA_INLINE V value(V x) const {
    const V t = finite(x);
    return t / (V::splat(1) + abs(t));
  }
  LAMINA_INLINE V backward(V y, V dy) const {
    const V g = V::splat(1) - abs(y);
    return dy * (g * g);
  }
};

/// sigmoid(x) and 1 - sigmoid(x), both without cancellation.
template <class V>
struct SigmoidPair {
  V s, complement;
  explicit LAMINA_INLINE SigmoidPair(V x) {
    const V e = exp(-abs(x)), large = V::splat(1) / (V::splat(1) + e), small = e * large;
    const auto positive = x >= V::splat(0);
    s = select(positive, large, small);
    complement = select(positive, small, large);
  }
};

/// y = x * s, s = sigmoid(x).  From the input: dx = dy * (s * (1 + x * (1 - s))).
template <class V>
struct Silu {
  LAMINA_INLINE V value(V x) const { return gated(x) * sigmoid(x); }
  LAMINA_INLINE V backward(V x, V dy) const {
    const V t = clamp(x, -1000, 1000);
    const SigmoidPair<V> gate(t);
    return dy * (gate.s * fma(t, gate.complement, V::splat(1)));
  }
};

/// y = x * Phi(x), Phi the normal distribution function.
/// From the input: dx = dy * (Phi(x) + x * phi(x)), phi(x) = exp(-x * x / 2) / sqrt(2 pi).
template <class V>
struct Gelu {
  LAMINA_INLINE V value(V x) const { return gated(x) * normal_cdf(x); }
  LAMINA_INLINE V backward(V x, V dy) const {
    const auto distribution = normal(x);
    return dy * fma(clamp(x, -100, 100), distribution.pdf, distribution.cdf);
  }
};

/// y = x * s, s = sigmoid(2 u), u = sqrt(2 / pi) * (x + 0.044715 * x^3); it is
/// x / 2 * (1 + tanh(u)) without that form's cancellation.
/// From the input: dx = dy * (s + x * s * (1 - s) * 2 u').
template <class V>
struct GeluTanh {
  using T = typename V::Scalar;
  // 2 u = x * (kLinear + kCubic * x * x).
  static constexpr double kLinear = 1.5957691216057307117;
  static constexpr double kCubic = 0.0713548162726002527;

  /// Beyond +-64, s is 0 or 1 and its derivative 0.
  static LAMINA_INLINE V bounded(V x) { return clamp(x, -64, 64); }
  static LAMINA_INLINE V doubled(V t) {
    return t * fma(V::splat(static_cast<T>(kCubic)), t * t, V::splat(static_cast<T>(kLinear)));
  }
  LAMINA_INLINE V value(V x) const { return gated(x) * sigmoid(doubled(bounded(x))); }
  LAMINA_INLINE V backward(V x, V dy) const {
    const V t = bounded(x);
    const SigmoidPair<V> gate(doubled(t));
    const V slope = fma(V::splat(static_cast<T>(3.0 * kCubic)), t * t, V::splat(static_cast<T>(kLinear)));
    return dy * fma(t * (gate.s * gate.complement), slope, gate.s);
  }
};

/// y = x * tanh(softplus(x)). With e = exp(x) and n = e * (e + 2) that is x * (n / (n + 2)).
/// From the input: dx = dy * (n / (n + 2) + x * 4 * e * (1 + e) / (n + 2)^2).
template <class V>
struct Mish {
  using T = typename V::Scalar;
  /// Beyond 32 the gate is 1 and its derivative 0, below -1000 both are 0.
  static LAMINA_INLINE V bounded(V x) { return clamp(x, -1000, 32); }
  LAMINA_INLINE V value(V x) const {
    const V e = exp(bounded(x)), two = V::splat(2);
    const V n = e * (e + two);
    return gated(x) * (n / (n + two));
  }
  LAMINA_INLINE V backward(V x, V dy) const {
    const V t = bounded(x), e = exp(t), one = V::splat(1), two = V::splat(2);
    const V n = e * (e + two);
    const V r = one / (n + two);
    const V product = n * r;  // n / (n + 2) but for its rounding, which its remainder corrects
    const V gate = fma(fma(-product, n + two, n), r, product);
    return dy * fma(V::splat(4) * t, (e * r) * ((one + e) * r), gate);
  }
};

/// y = exp(x);  dx = dy * y.
template <class V>
struct Exponential {
  LAMINA_INLINE V value(V x) const { return exp(x); }
  LAMINA_INLINE V backward(V y, V dy) const { return dy * y; }
};

}  // namespace lamina::numerics
