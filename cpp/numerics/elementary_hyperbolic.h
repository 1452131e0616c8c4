// sinh and cosh, their inverses, and the inverse of tanh.
#pragma once

#include "numerics/elementary_base.h"
#include "numerics/elementary_exp.h"
#include "numerics/elementary_log.h"

namespace lamina::numerics {

namespace elementary {
/// e^|x| / 2 where e^|x| may overflow and its half does not.
template <class V>
LAMINA_INLINE V half_exp(V size) {
  const V half = V::splat(typename V::Scalar(0.5));
  const V root = exp(size * half);
  return (half * root) * root;
}
template <class V>
LAMINA_INLINE V large_exponent() {
  return constant<V>(80.0f, 700.0);
}
template <class V>
LAMINA_INLINE V ln2() {
  return constant<V>(0x1.62e43p-1f, 0x1.62e42fefa39efp-1);
}
}  // namespace elementary

/// (e^x - e^-x) / 2. sinh(-0) = -0. Error: float 2.5, double 2.5.
template <class V>
LAMINA_ELEMENTARY V sinh(V x) {
  using namespace elementary;
  const V size = abs(x), limit = large_exponent<V>();
  const V t = expm1(lane_min(limit, size));
  const V y = V::splat(typename V::Scalar(0.5)) * (t + t / (t + V::splat(1)));
  // Squares of denormals vanish, so tiny results are x itself.
  const V result = select(size > limit, half_exp(size), y);
  return select(size < constant<V>(0x1p-13f, 0x1p-28), x, select(x != x, x, copysign(result, x)));
}

/// (e^x + e^-x) / 2. Error: float 2.5, double 2.5.
template <class V>
LAMINA_ELEMENTARY V cosh(V x) {
  using namespace elementary;
  const V size = abs(x), limit = large_exponent<V>(), half = V::splat(typename V::Scalar(0.5));
  const V e = exp(lane_min(limit, size));
  return select(x != x, x, select(size > limit, half_exp(size), half * e + half / e));
}

/// The inverse of sinh. asinh(-0) = -0. Error: float 2.5, double 2.5.
template <class V>
LAMINA_ELEMENTARY V asinh(V x) {
  using namespace elementary;
  const V one = V::splat(1), size = abs(x), large = constant<V>(0x1p14f, 0x1p30);
  const V bounded = lane_min(large, size), square = bounded * bounded;
  const V near = log1p(bounded + square / (one + sqrt(square + one)));
  const V far = log(size) + ln2<V>();
  return select(x != x, x, copysign(select(size < large, near, far), x));
}

/// The inverse of cosh, not negative; NaN below 1. Error: float 2.5, double 2.5.
template <class V>
LAMINA_ELEMENTARY V acosh(V x) {
  using namespace elementary;
  const V one = V::splat(1), large = constant<V>(0x1p14f, 0x1p30);
  const V t = lane_min(large, x) - one;
  const V near = log1p(t + sqrt(t * (t + V::splat(2))));
  const V y = select(x < large, near, log(x) + ln2<V>());
  return select(x != x, x, select(x < one, not_a_number<V>(), y));
}

/// The inverse of tanh; infinite at -1 and 1, NaN outside. atanh(-0) = -0. Error: float 2.5, double 2.5.
template <class V>
LAMINA_ELEMENTARY V atanh(V x) {
  using namespace elementary;
  const V one = V::splat(1), size = abs(x);
  const V y = V::splat(typename V::Scalar(0.5)) * log1p((size + size) / (one - size));
  return select(size < constant<V>(0x1p-13f, 0x1p-28), x, copysign(y, x));
}

}  // namespace lamina::numerics
