// atan, atan2, asin and acos; tan.
//
// Everything is the arctangent of a ratio n / d in [0, 1]: above tan(pi / 8) it is pi / 4 plus
// that of (n - d) / (n + d). The ratio carries the remainder of its division, so that the only
// full-size rounding is the last one.
#pragma once

#include "numerics/elementary_base.h"
#include "numerics/elementary_error.h"
#include "numerics/elementary_trigonometric.h"

namespace lamina::numerics {

namespace elementary {

/// atan(n / d) as high + low, for 0 <= n <= d, d > 0, n + d finite.
template <class V>
LAMINA_INLINE Pair<V> atan_of_ratio(V n, V d) {
  const V zero = V::splat(0);
  const auto far = n > d * constant<V>(0x1.a8279ap-2f, 0x1.a827999fcef32p-2);
  const Pair<V> above = two_sum(n, -d);
  const Pair<V> below = fast_two_sum(d, n);
  const V top = select(far, above.high, n), top_low = select(far, above.low, zero);
  const V bottom = select(far, below.high, d), bottom_low = select(far, below.low, zero);
  const V t = top / bottom;
  const V rest = (fma(-t, bottom, top) + (top_low - t * bottom_low)) / bottom;
  const V z = t * t;
  V tail;
  if constexpr (kSingle<V>) {
    tail = polynomial(z, -0x1.55554ap-2f, 0x1.9991e4p-3f, -0x1.23b9d4p-3f, 0x1.b22772p-4f, -0x1.f2f594p-5f);
  } else {
    tail =
        polynomial(z, -0x1.555555555553dp-2, 0x1.999999999586bp-3, -0x1.24924922ad589p-3,
                   0x1.c71c70e6078f2p-4, -0x1.745cf8db15acdp-4, 0x1.3b1118ff01a61p-4, -0x1.10ebb6d0841eap-4,
                   0x1.df0f34674a0a7p-5, -0x1.9cd25195e9e5dp-5, 0x1.37d48be4f71b7p-5, -0x1.2567e628339f1p-6);
  }
  const V quarter = constant<V>(0x1.921fb6p-1f, 0x1.921fb54442d18p-1);
  const V quarter_low = constant<V>(-0x1.777a5cp-26f, 0x1.1a62633145c07p-55);
  const Pair<V> lead = fast_two_sum(select(far, quarter, zero), t);
  const V low = fma(t * z, tail, rest) + select(far, quarter_low, zero);
  return {select(far, lead.high, t), select(far, lead.low, zero) + low};
}

/// base - p, for base = pi / 2 or pi given as high + low.
template <class V>
LAMINA_INLINE Pair<V> subtract_from(V base, V base_low, Pair<V> p) {
  const Pair<V> lead = fast_two_sum(base, -p.high);
  return {lead.high, lead.low + (base_low - p.low)};
}

template <class V>
LAMINA_INLINE Pair<V> half_turn_minus(Pair<V> p) {
  return subtract_from(constant<V>(0x1.921fb6p1f, 0x1.921fb54442d18p1),
                       constant<V>(-0x1.777a5cp-24f, 0x1.1a62633145c07p-53), p);
}
template <class V>
LAMINA_INLINE Pair<V> quarter_turn_minus(Pair<V> p) {
  return subtract_from(constant<V>(0x1.921fb6p0f, 0x1.921fb54442d18p0),
                       constant<V>(-0x1.777a5cp-25f, 0x1.1a62633145c07p-54), p);
}

template <class V>
LAMINA_INLINE Pair<V> select_pair(typename V::Mask m, Pair<V> a, Pair<V> b) {
  return {select(m, a.high, b.high), select(m, a.low, b.low)};
}

}  // namespace elementary

/// The angle whose tangent is x, in [-pi/2, pi/2]. atan(-0) = -0. Error: float 0.62, double 0.60.
template <class V>
LAMINA_ELEMENTARY V atan(V x) {
  using namespace elementary;
  const V one = V::splat(1), size = abs(x);
  const auto steep = size > one;
  // 1 / infinity is a zero, but its remainder would be NaN.
  const V most = constant<V>(0x1p100f, 0x1p1000);
  const V bounded = lane_min(most, size);
  const Pair<V> p = atan_of_ratio(select(steep, one, size), select(steep, bounded, one));
  const Pair<V> angle = select_pair(steep, quarter_turn_minus(p), p);
  return select(x != x, x, copysign(angle.high + angle.low, x));
}

/// The angle of the point (x, y), in [-pi, pi], with the signs and limits of C99 (Annex F).
/// Error: float 0.62, double 0.60 (more where the result is denormal).
template <class V>
LAMINA_ELEMENTARY V atan2(V y, V x) {
  using namespace elementary;
  const V zero = V::splat(0), one = V::splat(1), infinite = infinity<V>();
  V a = abs(y), b = abs(x);
  // Both infinite: the diagonal.
  const auto diagonal = (a == infinite) & (b == infinite);
  a = select(diagonal, one, a);
  b = select(diagonal, one, b);
  const auto steep = a > b;
  V n = select(steep, b, a), d = select(steep, a, b);
  // Away from over- and underflow, exactly but where n does not matter.
  const V scale = select(d > constant<V>(0x1p60f, 0x1p500), constant<V>(0x1p-64f, 0x1p-520),
                         select(d < constant<V>(0x1p-60f, 0x1p-500), constant<V>(0x1p64f, 0x1p520), one));
  n = n * scale;
  d = lane_min(constant<V>(0x1p100f, 0x1p1000), d * scale);
  n = select((d == zero) | (lane_max(a, b) == infinite), zero, n);
  d = select(d == zero, one, d);
  Pair<V> p = atan_of_ratio(n, d);
  p = select_pair(steep, quarter_turn_minus(p), p);
  const auto left = copysign(one, x) < zero;
  p = select_pair(left, half_turn_minus(p), p);
  const V angle = copysign(p.high + p.low, y);
  return select((x != x) | (y != y), x + y, angle);
}

/// The angle whose sine is x; NaN outside [-1, 1]. Error: float 1.7, double 1.7.
template <class V>
LAMINA_ELEMENTARY V asin(V x) {
  const V one = V::splat(1);
  return atan2(x, sqrt((one - x) * (one + x)));
}

/// The angle whose cosine is x, in [0, pi]; NaN outside [-1, 1]. Error: float 1.7, double 1.7.
template <class V>
LAMINA_ELEMENTARY V acos(V x) {
  const V one = V::splat(1);
  return atan2(sqrt((one - x) * (one + x)), x);
}

/// sin(x) / cos(x). Error: float 2.0, double 2.0.
template <class V>
LAMINA_ELEMENTARY V tan(V x) {
  const SineCosine<V> both = sincos(x);
  return both.sine / both.cosine;
}

}  // namespace lamina::numerics
