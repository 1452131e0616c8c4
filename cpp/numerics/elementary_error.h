// The error function and the normal distribution.
//
// For t >= 0, Phi(-t) = exp(-t^2 / 2) P(u) / (t + k) with u = (t - k) / (t + k): P is
// smooth for every t, and no digit is lost however far in the tail. t^2, the
// exponential, the division and the leading term of P are kept as pairs.
#pragma once

#include "numerics/elementary_exp.h"

namespace lamina::numerics {

/// The standard normal distribution at one point.
template <class V>
struct NormalDistribution {
  V cdf;  // the probability of a value below x
  V pdf;  // the density at x
};

namespace elementary {

/// exp(-y.high - y.low), y >= 0, before its scaling by a power of two.
template <class V>
struct ScaledExp {
  Pair<V> value;
  Pair<V> scale;  // two factors
};
template <class V>
LAMINA_INLINE ScaledExp<V> exp_of_minus(Pair<V> y) {
  const ExpArgument<V> a = reduce_exp(-y.high);
  const Pair<V> lead = fast_two_sum(V::splat(1), a.r);
  return {fast_two_sum(lead.high, lead.low + exp_tail(a.r, a.c - y.low)), two_step_scale(a.rounded)};
}

/// P(u) / (t + k) with u = 1 - 2 k / (t + k). The error of P, relative: 2^-27.3 (float), 2^-56.8 (double).
template <class V>
LAMINA_INLINE Pair<V> normal_tail(V t, V k) {
  const V one = V::splat(1);
  const Pair<V> sum = two_sum(t, k);
  const V w = one / sum.high;
  const V w_low = w * fma(-w, sum.low, fma(-w, sum.high, one));
  const V minus_2k = V::splat(-2) * k;
  const V u = fma(minus_2k, w, one);
  const Pair<V> span = fast_two_sum(one, -u);
  const V u_low = fma(minus_2k, w_low, fma(minus_2k, w, span.high) + span.low);
  V rest, slope, second, first, first_low;  // slope: P'(u), roughly, for what u lacks
  if constexpr (kSingle<V>) {
    rest = polynomial(u, 0x1.38d77ap-2f, -0x1.b7188cp-4f, 0x1.a7e5c2p-7f, 0x1.dc45bp-8f, -0x1.66b94ap-9f,
                      -0x1.68965ep-11f, 0x1.840658p-12f, 0x1.0411a2p-13f);
    slope = polynomial(u, -0.5607f, 0.6267f, -0.3089f);
    second = V::splat(-0x1.1e684p-1f);
    first = V::splat(0x1.7c4e3ap-1f);
    first_low = V::splat(0x1.2f424ap-28f);
  } else {
    rest = polynomial(
        u, 0x1.11909222ab9a5p-1, -0x1.760cd76bbcf5dp-2, 0x1.ba79ed4fa56bep-3, -0x1.bb45c1d792684p-4,
        0x1.69899f948c9dcp-5, -0x1.b822a1a533bc3p-7, 0x1.28369a9119d13p-9, 0x1.4323f0195bdeap-12,
        -0x1.5027a280f40bdp-12, 0x1.11e01e918c82p-14, 0x1.2b8a491aeb9c4p-16, -0x1.8a471f5c4fc7fp-17,
        0x1.318b48c4433f8p-23, 0x1.911f1486c7d9ep-20, -0x1.e0d707ff4dcaap-23, -0x1.8c5839f60b2c7p-23,
        0x1.7a98c8aa4f997p-25, 0x1.99bfb56e47af2p-26, -0x1.50d7393608228p-28, -0x1.5aa93e1f72df3p-29);
    slope = polynomial(u, -0.6446, 1.0385, -1.5641, 1.2011);
    second = V::splat(-0x1.5e7ed29ae3f51p-1);
    first = V::splat(0x1.8c18e61145ea9p-1);
    first_low = V::splat(0x1.6e3798b43378ap-55);
  }
  // P = first + u (second + u rest); what the inner fma rounds off is recovered.
  const V p = fma(rest, u, second);
  const V p_low = fma(rest, u, second - p);
  const Pair<V> product = two_product(u, p);
  const Pair<V> q = two_sum(first, product.high);
  const V q_low = q.low + fma(u, p_low, product.low + fma(u_low, slope, first_low));
  const Pair<V> result = two_product(w, q.high);
  return {result.high, fma(w, q_low, fma(w_low, q.high, result.low))};
}

template <class V>
LAMINA_INLINE Pair<V> multiply_pairs(Pair<V> a, Pair<V> b) {
  const Pair<V> product = two_product(a.high, b.high);
  return fast_two_sum(product.high, fma(a.high, b.low, fma(a.low, b.high, product.low)));
}

}  // namespace elementary

/// Phi(x), the standard normal distribution function (1 + erf(x / sqrt(2))) / 2, without
/// cancellation for negative x, and its density exp(-x^2 / 2) / sqrt(2 pi).
/// Error: cdf float 0.85, double 1.5; pdf float 0.80, double 0.68.
template <class V>
LAMINA_INLINE NormalDistribution<V> normal(V x) {
  using namespace elementary;
  const V half = V::splat(typename V::Scalar(0.5));
  const V t = lane_min(constant<V>(15.0f, 39.0), abs(x));
  const Pair<V> square = two_product(t, t);
  const ScaledExp<V> e = exp_of_minus(Pair<V>{half * square.high, half * square.low});
  const Pair<V> tail = multiply_pairs(e.value, normal_tail(t, constant<V>(3.4375f, 5.482421875)));
  const V lower = tail.high * e.scale.high * e.scale.low;
  const V lower_low = tail.low * e.scale.high * e.scale.low;
  const Pair<V> upper = fast_two_sum(V::splat(1), -lower);
  const Pair<V> density =
      multiply_pairs(e.value, Pair<V>{constant<V>(0x1.988454p-2f, 0x1.9884533d43651p-2),
                                      constant<V>(-0x1.857936p-27f, -0x1.cbc0d30ebfd15p-56)});
  return {select(x < V::splat(0), lower, upper.high + (upper.low - lower_low)),
          density.high * e.scale.high * e.scale.low};
}

template <class V>
LAMINA_ELEMENTARY V normal_cdf(V x) {
  return normal(x).cdf;
}
template <class V>
LAMINA_ELEMENTARY V normal_pdf(V x) {
  return normal(x).pdf;
}

namespace elementary {

/// erfc(a) for a >= 0 as high + low.
template <class V>
LAMINA_ELEMENTARY Pair<V> erfc_pair(V a) {
  a = lane_min(constant<V>(10.5f, 27.5), a);
  const ScaledExp<V> e = exp_of_minus(two_product(a, a));
  // erfc(a) = 2 Phi(-sqrt(2) a), so k is divided by sqrt(2) (the k above is chosen to make
  // that nearly exact) and the result multiplied by it.
  const Pair<V> tail =
      multiply_pairs(multiply_pairs(e.value, normal_tail(a, constant<V>(0x1.372082p1f, 0x1.f03651abba316p1))),
                     Pair<V>{constant<V>(0x1.6a09e6p0f, 0x1.6a09e667f3bcdp0),
                             constant<V>(0x1.9fcef4p-26f, -0x1.bdd3413b26456p-54)});
  return {tail.high * e.scale.high * e.scale.low, tail.low * e.scale.high * e.scale.low};
}

}  // namespace elementary

/// The error function. erf(-0) = -0, erf(+-inf) = +-1. Error: float 1.0, double 0.93.
template <class V>
LAMINA_ELEMENTARY V erf(V x) {
  using namespace elementary;
  const V a = abs(x);
  const V z = x * x;
  V p;
  if constexpr (kSingle<V>) {
    p = polynomial(z, 0x1.06eba8p-3f, -0x1.81273ep-2f, 0x1.ce2cf2p-4f, -0x1.b7f88cp-6f, 0x1.54017p-8f,
                   -0x1.a3d7eap-11f, 0x1.4916e2p-14f);
  } else {
    p = polynomial(z, 0x1.06eba8214db68p-3, -0x1.812746b0379b2p-2, 0x1.ce2f21a0408cfp-4,
                   -0x1.b82ce311edfc2p-6, 0x1.565bccf7e045p-8, -0x1.c02db01438751p-11, 0x1.f9a2b74aaaa2ep-14,
                   -0x1.f4ca1f9d56dd1p-17, 0x1.b97e3cfa4fb0cp-20, -0x1.5bfe48069f259p-23,
                   0x1.d6e291114470dp-27, -0x1.ab11c00a1ae51p-31);
  }
  const Pair<V> c = erfc_pair(a);
  const Pair<V> large = fast_two_sum(V::splat(1), -c.high);
  const V one = V::splat(1);
  return select(a < one, fma(x, p, x), copysign(large.high + (large.low - c.low), x));
}

/// 1 - erf(x) without cancellation. erfc(-inf) = 2, erfc(inf) = 0.
/// Error: float 0.96, double 1.6.
template <class V>
LAMINA_ELEMENTARY V erfc(V x) {
  using namespace elementary;
  const Pair<V> c = erfc_pair(abs(x));
  const Pair<V> reflected = fast_two_sum(V::splat(2), -c.high);
  return select(x < V::splat(0), reflected.high + (reflected.low - c.low), c.high + c.low);
}

}  // namespace lamina::numerics
