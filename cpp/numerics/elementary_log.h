// log and log1p.
//
// x = 2^k (1 + f) with 1 + f around 1, and log(1 + f) = f + tail(f). The sum k ln2 + f
// is kept exactly as a pair, so the only full-size rounding is the last one.
#pragma once

#include "numerics/elementary_base.h"

namespace lamina::numerics {

namespace elementary {

/// The least significand 1 + f, as bits: 2/3 for float, sqrt(1/2) for double.
template <class V>
LAMINA_INLINE typename V::Int least_significand() {
  return integer<V>(0x3f2aaaab, 0x3fe6a09e667f3bcd);
}

/// log(1 + f) - f as high + low, high = -f^2 / 2 rounded, for f from least_significand() - 1
/// to 2 least_significand() - 1. Largest error, relative to the logarithm: 2^-29.9 (float),
/// 2^-58.4 (double).
template <class V>
LAMINA_INLINE Pair<V> log_tail(V f) {
  if constexpr (kSingle<V>) {
    const V p = polynomial(f, 0x1.555556p-2f, -0x1.ffff0ep-3f, 0x1.999806p-3f, -0x1.559928p-3f,
                           0x1.24e7d4p-3f, -0x1.f38698p-4f, 0x1.b9773ep-4f, -0x1.07183ep-3f, 0x1.e87522p-4f);
    const Pair<V> half_square = two_product(V::splat(0.5f) * f, f);
    return {-half_square.high, fma(V::splat(2) * f * half_square.high, p, -half_square.low)};
  } else {
    const V s = f / (V::splat(2.0) + f);
    const V z = s * s;
    const V p =
        polynomial(z, 0x1.5555555555592p-1, 0x1.999999997ff18p-2, 0x1.24924941e1c24p-2, 0x1.c71c52139e9dep-3,
                   0x1.74663d24534p-3, 0x1.39a1e181b9f88p-3, 0x1.2f0413f40dabap-3);
    const Pair<V> half_square = two_product(V::splat(0.5) * f, f);
    return {-half_square.high, fma(s, fma(z, p, half_square.high), -half_square.low)};
  }
}

/// k ln2 + f + tail, rounded once at full size; k is an integer.
template <class V>
LAMINA_INLINE V join_logarithm(V k, V f, Pair<V> tail) {
  const Pair<V> lead = fast_two_sum(k * constant<V>(0x1.62e4p-1f, 0x1.62e42fefa38p-1), f);
  const Pair<V> sum = fast_two_sum(lead.high, tail.high);
  const V rest = fma(k, constant<V>(0x1.7f7d1cp-20f, 0x1.ef35793c7673p-45), tail.low);
  return sum.high + (sum.low + (lead.low + rest));
}

/// The integer in the exponent field of `bits`, less its bias, as a number. `extra`
/// is subtracted too.
template <class V>
LAMINA_INLINE V exponent_of(typename V::Int bits, V extra) {
  const auto field = shift_right<kMantissaBits<V>>(bits);
  return as_float(field | integer<V>(0x4b000000, 0x4330000000000000)) -
         (constant<V>(0x1p23f + 127.0f, 0x1p52 + 1023.0) + extra);
}

}  // namespace elementary

/// The natural logarithm. log(+-0) = -inf, log(x < 0) = NaN, log(inf) = inf.
/// Error: float 0.59, double 0.60.
template <class V>
LAMINA_ELEMENTARY V log(V x) {
  using namespace elementary;
  const V zero = V::splat(0);
  const auto denormal = x < constant<V>(0x1p-126f, 0x1p-1022);
  const V scaled = select(denormal, x * constant<V>(0x1p24f, 0x1p54), x);
  const auto bits = as_int(scaled) + (integer<V>(0x3f800000, 0x3ff0000000000000) - least_significand<V>());
  const V k = exponent_of(bits, select(denormal, constant<V>(24.0f, 54.0), zero));
  const auto fraction = bits & integer<V>(0x007fffff, 0x000fffffffffffff);
  const V f = as_float(fraction + least_significand<V>()) - V::splat(1);
  V y = join_logarithm(k, f, log_tail(f));
  y = select(x < infinity<V>(), y, x);  // inf and NaN
  return select(x > zero, y, select(x == zero, -infinity<V>(), not_a_number<V>()));
}

/// log(1 + x) without cancellation. log1p(-0) = -0, log1p(-1) = -inf, log1p(x < -1) = NaN.
/// Error: float 0.66, double 0.60.
template <class V>
LAMINA_ELEMENTARY V log1p(V x) {
  using namespace elementary;
  const V one = V::splat(1);
  const V minus_one = V::splat(-1);
  // k comes from the rounded 1 + x, but f = (1 + x) / 2^k - 1 is formed from x itself as
  // an exact pair: x / 2^k + (1 / 2^k - 1).
  const auto bits = as_int(one + x) - least_significand<V>();
  const auto k_bits = bits & integer<V>(-0x00800000, -0x0010000000000000);
  const V k = exponent_of(bits + integer<V>(0x3f800000, 0x3ff0000000000000), V::splat(0));
  const V x_part = as_float(as_int(x) - k_bits);
  const V quarter_of = as_float(integer<V>(0x40800000, 0x4010000000000000) - k_bits);
  const V one_part = fma(quarter_of, V::splat(typename V::Scalar(0.25)), minus_one);
  const Pair<V> f = two_sum(one_part, x_part);
  Pair<V> tail = log_tail(f.high);
  tail.low = fma(f.low, one - f.high, tail.low);
  V y = join_logarithm(k, f.high, tail);
  y = select(abs(x) < constant<V>(0x1p-25f, 0x1p-54), x, y);
  y = select(x < infinity<V>(), y, x);
  return select(x > minus_one, y, select(x == minus_one, -infinity<V>(), not_a_number<V>()));
}

}  // namespace lamina::numerics
