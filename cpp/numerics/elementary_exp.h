// exp and expm1.
//
// x = n ln2 + r, |r| <= ln2 / 2, and exp(r) = 1 + r + r^2 P(r) with a minimax P. The
// leading part of r is exact (n ln2_high is subtracted by one fma); what ln2_high lacks
// is carried as a small correction c, so the only full-size rounding is the last one.
#pragma once

#include "numerics/elementary_base.h"

namespace lamina::numerics {

namespace elementary {

/// x = n ln2 + r + c.
template <class V>
struct ExpArgument {
  V rounded;  // n + rounding_magic()
  V r;        // exact
  V c;        // n times what the high part of ln2 lacks
};

template <class V>
LAMINA_INLINE ExpArgument<V> reduce_exp(V x) {
  const V magic = rounding_magic<V>();
  const V rounded = fma(x, constant<V>(0x1.715476p0f, 0x1.71547652b82fep0), magic);
  const V n = rounded - magic;
  const V r = fma(n, constant<V>(-0x1.62e43p-1f, -0x1.62e42fefa39efp-1), x);
  return {rounded, r, n * constant<V>(0x1.05c61p-29f, -0x1.abc9e3b39803fp-56)};
}

/// exp(r + c) - 1 - r. Largest error, relative to exp(r): 2^-28.2 (float), 2^-57.8 (double).
template <class V>
LAMINA_INLINE V exp_tail(V r, V c) {
  const V z = r + c;
  V p;
  if constexpr (kSingle<V>) {
    p = polynomial(z, 0x1.fffffcp-2f, 0x1.55549p-3f, 0x1.5558a6p-5f, 0x1.123aecp-7f, 0x1.6a5a4cp-10f);
  } else {
    p = polynomial(z, 0x1.000000000000ap-1, 0x1.55555555554fap-3, 0x1.5555555550649p-5, 0x1.1111111127942p-7,
                   0x1.6c16c1849e5c2p-10, 0x1.a01a012bd07e7p-13, 0x1.a01998da5508cp-16, 0x1.71df20bebdad9p-19,
                   0x1.28ae895c6a6bep-22, 0x1.ad88b45ac881p-26);
  }
  return fma(z * z, p, c);
}

/// The same with an error that is small even relative to expm1(r): 2^-31 (float), 2^-61.5 (double).
template <class V>
LAMINA_INLINE V expm1_tail(V r, V c) {
  const V z = r + c;
  V p;
  if constexpr (kSingle<V>) {
    p = polynomial(z, 0x1p-1f, 0x1.555554p-3f, 0x1.5554fp-5f, 0x1.111306p-7f, 0x1.6d43bp-10f,
                   0x1.9e0dacp-13f);
  } else {
    p = polynomial(z, 0x1p-1, 0x1.5555555555559p-3, 0x1.555555555554dp-5, 0x1.111111110f63bp-7,
                   0x1.6c16c16c1ab0ep-10, 0x1.a01a01b0156d3p-13, 0x1.a01a018e10096p-16, 0x1.71ddf7d2575b6p-19,
                   0x1.27e5131a29c68p-22, 0x1.af5faea7313f1p-26, 0x1.1f1aa5a6f85d3p-29);
  }
  return fma(z * z, p, c);
}

/// exp(x) as high + low, for x <= 0 (at least -200 or -1400 after clamping by the caller).
template <class V>
LAMINA_INLINE Pair<V> exp_pair(V x) {
  const ExpArgument<V> a = reduce_exp(x);
  const Pair<V> lead = fast_two_sum(V::splat(1), a.r);
  const Pair<V> y = fast_two_sum(lead.high, lead.low + exp_tail(a.r, a.c));
  const Pair<V> scale = two_step_scale(a.rounded);
  return {y.high * scale.high * scale.low, y.low * scale.high * scale.low};
}

}  // namespace elementary

/// e^x. exp(-inf) = 0, exp(inf) = inf; results below the normal range are denormal.
/// Error: float 0.78, double 0.72.
template <class V>
LAMINA_ELEMENTARY V exp(V x) {
  using namespace elementary;
  // Beyond these the result is inf or 0 by the arithmetic below; a NaN passes through.
  x = lane_max(constant<V>(-105.0f, -746.0), lane_min(constant<V>(89.0f, 710.0), x));
  const ExpArgument<V> a = reduce_exp(x);
  const Pair<V> lead = fast_two_sum(V::splat(1), a.r);
  const V y = lead.high + (lead.low + exp_tail(a.r, a.c));
  const Pair<V> scale = two_step_scale(a.rounded);
  return y * scale.high * scale.low;
}

/// e^x - 1 without cancellation. expm1(-0) = -0, expm1(-inf) = -1.
/// Error: float 0.90, double 0.99.
template <class V>
LAMINA_ELEMENTARY V expm1(V x) {
  using namespace elementary;
  const V original = x;
  x = lane_max(constant<V>(-20.0f, -40.0), lane_min(constant<V>(89.0f, 710.0), x));
  const ExpArgument<V> a = reduce_exp(x);
  // Half the result is formed, so that 2^n cannot overflow before the result does:
  // s (1 + r + tail) - 1/2 with s = 2^(n - 1), the constant s - 1/2 as an exact pair.
  const V half = V::splat(typename V::Scalar(0.5));
  const V s = as_float(shift_left<kMantissaBits<V>>(as_int(a.rounded) - integer<V>(128, 1024)));
  const V base = s - half;
  const V base_low = (s - base) - half;
  const Pair<V> sum = fast_two_sum(base, s * a.r);
  const V y = sum.high + fma(s, expm1_tail(a.r, a.c), sum.low + base_low);
  return select(abs(original) < constant<V>(0x1p-25f, 0x1p-54), original, y + y);
}

}  // namespace lamina::numerics
