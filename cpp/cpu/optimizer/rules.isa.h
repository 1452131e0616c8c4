// The rules after Adam: one vector of each stream.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/optimizer/rule_kernels.h"
#include "cpu/vec/vec.h"
#include "numerics/elementary.h"
#include "numerics/policy.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

using numerics::lane_max;

// The rules, as optimizer.h states them: one vector of gradients, parameters and slots. Each is made
// of its numbers c, in the order that optimizer.h lists.

template <class V>
LAMINA_INLINE V number(const typename V::Scalar* c, int i) {
  return V::splat(c[i]);
}
/// m = m + (x - m) * c
template <class V>
LAMINA_INLINE V drawn_to(V m, V x, V c) {
  return fma(x - m, c, m);
}
/// v = v + (x^2 - v) * c; never negative for 0 <= c <= 1
template <class V>
LAMINA_INLINE V drawn_to_square(V v, V x, V c) {
  return fma(fma(x, x, -v), c, v);
}

template <class V>
struct Amsgrad {
  static constexpr int slots = 3;
  V rate, c1, c2, epsilon;
  explicit LAMINA_INLINE Amsgrad(const typename V::Scalar* c)
      : rate(number<V>(c, 0)), c1(number<V>(c, 1)), c2(number<V>(c, 2)), epsilon(number<V>(c, 3)) {}
  LAMINA_INLINE void operator()(V g, V& p, V (&s)[slots]) const {
    s[0] = drawn_to(s[0], g, c1);
    s[1] = drawn_to_square(s[1], g, c2);
    s[2] = lane_max(s[2], s[1]);
    p = p - (rate * s[0]) / (sqrt(s[2]) + epsilon);
  }
};

/// s[0]: velocity; then, where there are any, momentum and average gradient.
template <class V, bool with_momentum, bool centered>
struct RmsProp {
  static constexpr int slots = 1 + (with_momentum ? 1 : 0) + (centered ? 1 : 0);
  V rate, c2, epsilon, momentum;
  explicit LAMINA_INLINE RmsProp(const typename V::Scalar* c)
      : rate(number<V>(c, 0)), c2(number<V>(c, 1)), epsilon(number<V>(c, 2)), momentum(number<V>(c, 3)) {}
  LAMINA_INLINE void operator()(V g, V& p, V (&s)[slots]) const {
    s[0] = drawn_to_square(s[0], g, c2);
    V spread = s[0];
    if constexpr (centered) {
      V& average = s[slots - 1];
      average = drawn_to(average, g, c2);
      spread = lane_max(V::splat(0), fma(-average, average, spread));
    }
    const V increment = (rate * g) / sqrt(spread + epsilon);
    if constexpr (with_momentum) {
      s[1] = fma(momentum, s[1], increment);
      p = p - s[1];
    } else {
      p = p - increment;
    }
  }
};
template <class V>
using PlainRmsProp = RmsProp<V, false, false>;
template <class V>
using MomentumRmsProp = RmsProp<V, true, false>;
template <class V>
using CenteredRmsProp = RmsProp<V, false, true>;
template <class V>
using CenteredMomentumRmsProp = RmsProp<V, true, true>;

template <class V>
struct Adadelta {
  static constexpr int slots = 2;
  V rate, c2, epsilon;
  explicit LAMINA_INLINE Adadelta(const typename V::Scalar* c)
      : rate(number<V>(c, 0)), c2(number<V>(c, 1)), epsilon(number<V>(c, 2)) {}
  LAMINA_INLINE void operator()(V g, V& p, V (&s)[slots]) const {
    s[0] = drawn_to_square(s[0], g, c2);
    const V step = -((sqrt(s[1] + epsilon) * g) / sqrt(s[0] + epsilon));
    s[1] = drawn_to_square(s[1], step, c2);
    p = fma(rate, step, p);
  }
};

template <class V>
struct Adagrad {
  static constexpr int slots = 1;
  V rate, epsilon;
  explicit LAMINA_INLINE Adagrad(const typename V::Scalar* c)
      : rate(number<V>(c, 0)), epsilon(number<V>(c, 1)) {}
  LAMINA_INLINE void operator()(V g, V& p, V (&s)[slots]) const {
    s[0] = fma(g, g, s[0]);
    p = p - (rate * g) / sqrt(s[0] + epsilon);
  }
};

template <class V>
struct Adamax {
  static constexpr int slots = 2;
  V rate, c1, beta_2, epsilon;
  explicit LAMINA_INLINE Adamax(const typename V::Scalar* c)
      : rate(number<V>(c, 0)), c1(number<V>(c, 1)), beta_2(number<V>(c, 2)), epsilon(number<V>(c, 3)) {}
  LAMINA_INLINE void operator()(V g, V& p, V (&s)[slots]) const {
    s[0] = drawn_to(s[0], g, c1);
    s[1] = lane_max(beta_2 * s[1], abs(g));
    p = p - (rate * s[0]) / (s[1] + epsilon);
  }
};

template <class V>
struct Nadam {
  static constexpr int slots = 2;
  V momentum_rate, gradient_rate, c1, c2, correction, epsilon;
  explicit LAMINA_INLINE Nadam(const typename V::Scalar* c)
      : momentum_rate(number<V>(c, 0)),
        gradient_rate(number<V>(c, 1)),
        c1(number<V>(c, 2)),
        c2(number<V>(c, 3)),
        correction(number<V>(c, 4)),
        epsilon(number<V>(c, 5)) {}
  LAMINA_INLINE void operator()(V g, V& p, V (&s)[slots]) const {
    s[0] = drawn_to(s[0], g, c1);
    s[1] = drawn_to_square(s[1], g, c2);
    p = p - fma(momentum_rate, s[0], gradient_rate * g) / (sqrt(s[1] * correction) + epsilon);
  }
};

/// s[0]: where the gradients lead, s[1]: velocity; the parameter lies between s[0] and its average.
template <class V>
struct ScheduleFree {
  static constexpr int slots = 2;
  V rate, c2, correction, epsilon, beta_1, c1, share;
  explicit LAMINA_INLINE ScheduleFree(const typename V::Scalar* c)
      : rate(number<V>(c, 0)),
        c2(number<V>(c, 1)),
        correction(number<V>(c, 2)),
        epsilon(number<V>(c, 3)),
        beta_1(number<V>(c, 4)),
        c1(number<V>(c, 5)),
        share(number<V>(c, 6)) {}
  LAMINA_INLINE void operator()(V g, V& p, V (&s)[slots]) const {
    V average = fma(-c1, s[0], p) / beta_1;
    s[1] = drawn_to_square(s[1], g, c2);
    s[0] = s[0] - (rate * g) / (sqrt(s[1] * correction) + epsilon);
    average = fma(s[0] - average, share, average);
    p = fma(c1, s[0], beta_1 * average);
  }
};

/// s[0]: accumulator, s[1]: linear.
template <class V, bool any_power>
struct Ftrl {
  static constexpr int slots = 2;
  V rate, l1, two_l2, two_shrinkage, power;
  explicit LAMINA_INLINE Ftrl(const typename V::Scalar* c)
      : rate(number<V>(c, 0)),
        l1(number<V>(c, 1)),
        two_l2(number<V>(c, 2)),
        two_shrinkage(number<V>(c, 3)),
        power(number<V>(c, 4)) {}
  LAMINA_INLINE V raised(V x) const {
    if constexpr (any_power) {
      return numerics::pow(x, power);
    } else {
      return sqrt(x);
    }
  }
  LAMINA_INLINE void operator()(V g, V& p, V (&s)[slots]) const {
    const V shrunk = fma(two_shrinkage, p, g), sum = fma(g, g, s[0]), root = raised(sum);
    s[1] = s[1] + fma(-((root - raised(s[0])) / rate), p, shrunk);
    s[0] = sum;
    const V low = select(s[1] < -l1, -l1, s[1]), clipped = select(low > l1, l1, low);
    p = (clipped - s[1]) / (root / rate + two_l2);
  }
};
template <class V>
using RootFtrl = Ftrl<V, false>;
template <class V>
using PowerFtrl = Ftrl<V, true>;

template <class V>
struct Lion {
  static constexpr int slots = 1;
  V rate, beta_1, c1, beta_2, c2;
  explicit LAMINA_INLINE Lion(const typename V::Scalar* c)
      : rate(number<V>(c, 0)),
        beta_1(number<V>(c, 1)),
        c1(number<V>(c, 2)),
        beta_2(number<V>(c, 3)),
        c2(number<V>(c, 4)) {}
  LAMINA_INLINE void operator()(V g, V& p, V (&s)[slots]) const {
    const V zero = V::splat(0), one = V::splat(1), x = fma(beta_1, s[0], c1 * g);
    const V sign = select(x > zero, one, select(x < zero, -one, x));  // 0 and NaN stay what they are
    p = fma(-rate, sign, p);
    s[0] = fma(beta_2, s[0], c2 * g);
  }
};

/// s[2] receives the step; the parameter stays.
template <class V>
struct Lamb {
  static constexpr int slots = 3;
  V c1, c2, correction_1, correction_2, epsilon;
  explicit LAMINA_INLINE Lamb(const typename V::Scalar* c)
      : c1(number<V>(c, 0)),
        c2(number<V>(c, 1)),
        correction_1(number<V>(c, 2)),
        correction_2(number<V>(c, 3)),
        epsilon(number<V>(c, 4)) {}
  LAMINA_INLINE void operator()(V g, V&, V (&s)[slots]) const {
    s[0] = drawn_to(s[0], g, c1);
    s[1] = drawn_to_square(s[1], g, c2);
    s[2] = (s[0] * correction_1) / (sqrt(s[1] * correction_2) + epsilon);
  }
};

}  // namespace
}  // namespace lamina::cpu::LAMINA_ISA
