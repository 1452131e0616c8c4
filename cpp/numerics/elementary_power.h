// pow: exp(y log|x|) with the logarithm as a pair of numbers, so that its error stays
// small even after y has multiplied it.
#pragma once

#include "numerics/elementary_error.h"
#include "numerics/elementary_log.h"

namespace lamina::numerics {

namespace elementary {

/// log(x) as high + low for finite x > 0, to about 2^-35 (float) or 2^-66 (double) relative.
template <class V>
LAMINA_ELEMENTARY Pair<V> log_pair(V x) {
  // x = 2^k m with m in [sqrt(1/2), sqrt(2)); s = (m - 1) / (m + 1) as a pair;
  // log(m) = 2 s + s z P(z), z = s^2, with P's leading coefficient as a pair.
  const V one = V::splat(1);
  const V two = V::splat(2);
  const auto lowest = integer<V>(0x3f3504f3, 0x3fe6a09e667f3bcd);
  const auto denormal = x < constant<V>(0x1p-126f, 0x1p-1022);
  const V scaled = select(denormal, x * constant<V>(0x1p24f, 0x1p54), x);
  const auto bits = as_int(scaled) + (integer<V>(0x3f800000, 0x3ff0000000000000) - lowest);
  const V k = exponent_of(bits, select(denormal, constant<V>(24.0f, 54.0), V::splat(0)));
  const V m = as_float((bits & integer<V>(0x007fffff, 0x000fffffffffffff)) + lowest);

  const V numerator = m - one;  // exact
  const Pair<V> denominator = fast_two_sum(one, m);
  const V reciprocal = one / denominator.high;
  const V quotient = numerator * reciprocal;
  const V remainder = fma(-quotient, denominator.low, fma(-quotient, denominator.high, numerator));
  const Pair<V> s = fast_two_sum(quotient, remainder * reciprocal);

  const Pair<V> z = multiply_pairs(s, s);
  Pair<V> p;
  if constexpr (kSingle<V>) {
    const V rest = polynomial(z.high, 0x1.999a7ap-2f, 0x1.243908p-2f, 0x1.e2ee7p-3f);
    p = fast_two_sum(V::splat(0x1.555554p-1f), z.high * rest);
    p.low = p.low + V::splat(0x1.fb257p-26f);
  } else {
    const V rest = polynomial(z.high, 0x1.999999999998ep-2, 0x1.24924924939c6p-2, 0x1.c71c71c4bd53dp-3,
                              0x1.745d1878cea79p-3, 0x1.3b13539e7674cp-3, 0x1.11229b5a0973bp-3,
                              0x1.ddf12f039c9afp-4, 0x1.ecf586b2d874fp-4);
    p = fast_two_sum(V::splat(0x1.5555555555555p-1), z.high * rest);
    p.low = p.low + V::splat(0x1.59b00aef87521p-55);
  }
  const Pair<V> tail = multiply_pairs(multiply_pairs(s, z), p);

  const Pair<V> lead = fast_two_sum(k * constant<V>(0x1.62e4p-1f, 0x1.62e42fefa38p-1), two * s.high);
  const Pair<V> sum = fast_two_sum(lead.high, tail.high);
  const V low = fma(k, constant<V>(0x1.7f7d1cp-20f, 0x1.ef35793c7673p-45), fma(two, s.low, tail.low));
  return fast_two_sum(sum.high, sum.low + (lead.low + low));
}

}  // namespace elementary

/// x to the power y, with the special cases of C99 (Annex F): pow(x, +-0) = 1 and
/// pow(1, y) = 1 even for NaN, pow(-1, +-inf) = 1, a negative finite x with a y that is no
/// integer gives NaN, and odd integers y keep the sign of x (of -0 and -inf too).
/// Error: float 0.80, double 0.79.
template <class V>
LAMINA_ELEMENTARY V pow(V x, V y) {
  using namespace elementary;
  using Int = typename V::Int;
  const V zero = V::splat(0);
  const V one = V::splat(1);
  const V infinite = infinity<V>();
  const V size = abs(x);
  Pair<V> logarithm = log_pair(size);
  logarithm.high = select(size < infinite, logarithm.high, size);  // inf and NaN
  logarithm.high = select(size == zero, -infinite, logarithm.high);

  const Pair<V> product = two_product(y, logarithm.high);
  const auto regular = abs(product.high) < constant<V>(150.0f, 1000.0);
  const V low = select(regular, fma(y, logarithm.low, product.low), zero);
  const V high = lane_max(constant<V>(-105.0f, -746.0), lane_min(constant<V>(89.0f, 710.0), product.high));
  const ExpArgument<V> a = reduce_exp(high);
  const Pair<V> lead = fast_two_sum(one, a.r);
  const V unscaled = lead.high + (lead.low + exp_tail(a.r, a.c + low));
  const Pair<V> scale = two_step_scale(a.rounded);
  V result = unscaled * scale.high * scale.low;

  // Adding 2^23 (2^52) rounds smaller magnitudes to integers, whose last bit is then the
  // sum's; from twice that on, every number is even.
  const V exponent = abs(y);
  const V unit = constant<V>(0x1p23f, 0x1p52);
  const auto fractional_range = exponent < unit;
  const V rounded = select(fractional_range, exponent + unit, exponent);
  const auto integral = (!fractional_range) | (rounded - unit == exponent);
  const Int last_bit = Int::splat(1);
  const auto odd = ((as_int(rounded) & last_bit) == last_bit) & integral & (exponent < unit + unit);
  result = select(odd, copysign(result, x), result);
  result = select((x < zero) & (size < infinite) & (!integral), not_a_number<V>(), result);
  return select((y == zero) | (x == one) | ((size == one) & (exponent == infinite)), one, result);
}

}  // namespace lamina::numerics
