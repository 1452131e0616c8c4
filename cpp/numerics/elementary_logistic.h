// The logistic family: sigmoid, tanh and softplus.
//
// Each is made of an exponential that is kept as high + low and, for the first two, one
// division whose rounding is corrected by its exact remainder.
#pragma once

#include "numerics/elementary_exp.h"
#include "numerics/elementary_log.h"

namespace lamina::numerics {

namespace elementary {

/// numerator / denominator with one division, rounded once at full size.
template <class V>
LAMINA_INLINE V divide_pairs(Pair<V> numerator, Pair<V> denominator) {
  const V reciprocal = V::splat(1) / denominator.high;
  const V quotient = numerator.high * reciprocal;
  const V remainder = fma(-quotient, denominator.high, numerator.high) + numerator.low;
  return fma(fma(-quotient, denominator.low, remainder), reciprocal, quotient);
}

/// exp(-|x|) as high + low.
template <class V>
LAMINA_INLINE Pair<V> exp_of_minus_abs(V x) {
  return exp_pair(lane_max(constant<V>(-105.0f, -746.0), -abs(x)));
}

}  // namespace elementary

/// 1 / (1 + e^-x). sigmoid(-inf) = 0, sigmoid(inf) = 1; relative accuracy is kept down
/// to the denormals. Error: float 0.80, double 0.75.
template <class V>
LAMINA_ELEMENTARY V sigmoid(V x) {
  using namespace elementary;
  // With z = exp(-|x|): z / (1 + z) for x < 0, 1 / (1 + z) otherwise.
  const V zero = V::splat(0);
  const V one = V::splat(1);
  const Pair<V> z = exp_of_minus_abs(x);
  const Pair<V> sum = fast_two_sum(one, z.high);
  const auto negative = x < zero;
  const Pair<V> numerator = {select(negative, z.high, one), select(negative, z.low, zero)};
  return divide_pairs(numerator, {sum.high, sum.low + z.low});
}

/// The hyperbolic tangent. tanh(-0) = -0, tanh(+-inf) = +-1. Error: float 0.77, double 0.82.
template <class V>
LAMINA_ELEMENTARY V tanh(V x) {
  using namespace elementary;
  // E / (E + 2) with E = expm1(2 |x|) = s (1 + r + tail) - 1, s = 2^n. From the first
  // bound on the result is 1 less half an ulp of 1, from the second on it is 1.
  const V one = V::splat(1);
  const V two = V::splat(2);
  const V size = abs(x);
  const V a = lane_min(constant<V>(8.6f, 18.6), size);
  const ExpArgument<V> arg = reduce_exp(a + a);
  const V s = as_float(shift_left<kMantissaBits<V>>(as_int(arg.rounded) - integer<V>(127, 1023)));
  const Pair<V> lead = fast_two_sum(s - one, s * arg.r);
  const Pair<V> e = fast_two_sum(lead.high, fma(s, expm1_tail(arg.r, arg.c), lead.low));
  const V sum = e.high + two;
  const V sum_low = e.high - (sum - two);
  const V y = divide_pairs(e, {sum, sum_low + e.low});
  return copysign(select(size > constant<V>(0x1.205966p3f, 0x1.30fc1931f09cap4), one, y), x);
}

/// log(1 + e^x). softplus(-inf) = 0, softplus(inf) = inf; relative accuracy is kept
/// down to the denormals. Error: float 0.80, double 0.77.
template <class V>
LAMINA_ELEMENTARY V softplus(V x) {
  using namespace elementary;
  // max(x, 0) + log(1 + z) with z = exp(-|x|) and 1 + z = 2^k (1 + f), k = 0 or 1.
  const V zero = V::splat(0);
  const V one = V::splat(1);
  const V half = V::splat(typename V::Scalar(0.5));
  const Pair<V> z = exp_of_minus_abs(x);
  const auto upper = z.high > constant<V>(0x1.555554p-2f, 0x1.a827999fcef32p-2);
  const V scale = select(upper, half, one);
  const Pair<V> f = fast_two_sum(select(upper, -half, zero), scale * z.high);
  const Pair<V> tail = log_tail(f.high);
  const V tail_low = fma(fma(scale, z.low, f.low), one - f.high, tail.low);
  const V k_ln2 = select(upper, constant<V>(0x1.62e43p-1f, 0x1.62e42fefa39efp-1), zero);
  const V k_ln2_low = select(upper, constant<V>(-0x1.05c61p-29f, 0x1.abc9e3b39803fp-56), zero);
  const Pair<V> logarithm = fast_two_sum(k_ln2, f.high);
  const Pair<V> sum = two_sum(lane_max(zero, x), logarithm.high);
  const Pair<V> joined = fast_two_sum(sum.high, tail.high);
  const V y = joined.high + (joined.low + (sum.low + (logarithm.low + (tail_low + k_ln2_low))));
  return select(x < constant<V>(20.0f, 40.0), y, x);
}

}  // namespace lamina::numerics
