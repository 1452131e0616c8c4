// sin and cos of radians, sinpi and cospi of half turns.
//
// The argument is reduced to r in a quarter turn around a multiple of a quarter turn;
// two short polynomials give sine and cosine of r, and the multiple's last two bits
// select one and its sign.
#pragma once

#include "numerics/elementary_base.h"
#include "numerics/elementary_reduction.h"

namespace lamina::numerics {

/// The sine and cosine of one angle.
template <class V>
struct SineCosine {
  V sine, cosine;
};

namespace elementary {

/// sine and cosine of r + quarters * (quarter turn), from those of r. `quarters` holds
/// an integer in its low bits.
template <class V>
LAMINA_INLINE SineCosine<V> rotate(typename V::Int quarters, V sine, V cosine) {
  constexpr int bits = 8 * static_cast<int>(sizeof(typename V::Scalar));
  using Int = typename V::Int;
  const Int one = Int::splat(1);
  const Int two = Int::splat(2);
  const auto odd = (quarters & one) == one;
  const Int sine_sign = shift_left<bits - 2>(quarters & two);
  const Int cosine_sign = shift_left<bits - 2>((quarters + one) & two);
  return {as_float(as_int(select(odd, cosine, sine)) ^ sine_sign),
          as_float(as_int(select(odd, sine, cosine)) ^ cosine_sign)};
}

/// Adding this rounds to an integer and leaves it, modulo four, in the low bits.
template <class V>
LAMINA_INLINE V quarter_magic() {
  return constant<V>(0x1.8p23f, 0x1.8p52);
}

}  // namespace elementary

/// sin(pi x) and cos(pi x). Exact at multiples of 1/2: sinpi of an integer is a zero with
/// x's sign, cospi of an odd multiple of 1/2 is +0; NaN for infinities.
/// Error: sine float 1.0, double 0.99; cosine float 0.88, double 0.84.
template <class V>
LAMINA_INLINE SineCosine<V> sincospi(V x) {
  using namespace elementary;
  const V zero = V::splat(0);
  const V magic = quarter_magic<V>();
  // From 2^24 (2^53) on every number is even; below 2^23 (2^52) rounding x / 2 by the magic
  // constant works; between them an even integer is taken off.
  const V step = constant<V>(0x1p23f, 0x1p52);
  const V size = abs(x);
  V y = select(size < step, x, x - copysign(step, x));
  y = select(size < step + step, y, x * zero);
  const V turns = fma(y, V::splat(typename V::Scalar(0.5)), magic) - magic;
  y = fma(turns, V::splat(-2), y);
  const V rounded = fma(y, V::splat(2), magic);
  const V r = fma(rounded - magic, V::splat(typename V::Scalar(-0.5)), y);  // exact, |r| <= 1/4
  const V z = r * r;
  V sine_tail, cosine_tail;
  if constexpr (kSingle<V>) {
    sine_tail = polynomial(z, -0x1.4abbcep2f, 0x1.466b84p1f, -0x1.32b5a2p-1f, 0x1.46c1c8p-4f);
    cosine_tail = polynomial(z, -0x1.3bd3ccp2f, 0x1.03c1b8p2f, -0x1.55b7cep0f, 0x1.d684cp-3f);
  } else {
    sine_tail =
        polynomial(z, -0x1.4abbce625be53p2, 0x1.466bc6775ab5cp1, -0x1.32d2cce636077p-1, 0x1.50783494b9f6fp-4,
                   -0x1.e3075fde93429p-8, 0x1.e8fcfffa08017p-12, -0x1.703bd1fe775a3p-16);
    cosine_tail =
        polynomial(z, -0x1.3bd3cc9be45dep2, 0x1.03c1f081b5a67p2, -0x1.55d3c7e3c325bp0, 0x1.e1f5067b90cadp-3,
                   -0x1.a6d1e7297f27cp-6, 0x1.f9c89ce9b4b58p-10, -0x1.b16750d222bc4p-14);
  }
  const Pair<V> pi_r = two_product(r, constant<V>(0x1.921fb6p1f, 0x1.921fb54442d18p1));
  const V pi_r_low = fma(r, constant<V>(-0x1.777a5cp-24f, 0x1.1a62633145c07p-53), pi_r.low);
  const V sine = pi_r.high + fma(r * z, sine_tail, pi_r_low);
  const V cosine = fma(z, cosine_tail, V::splat(1));
  const SineCosine<V> turned = rotate(as_int(rounded), sine, cosine);
  return {select(turned.sine == zero, copysign(zero, x), turned.sine), turned.cosine + zero};
}

template <class V>
LAMINA_ELEMENTARY V sinpi(V x) {
  return sincospi(x).sine;
}
template <class V>
LAMINA_ELEMENTARY V cospi(V x) {
  return sincospi(x).cosine;
}

/// sin(x) and cos(x), x in radians, for every finite x; NaN for infinities. sin(-0) = -0.
/// Error: float 0.79, double 0.75.
template <class V>
LAMINA_INLINE SineCosine<V> sincos(V x) {
  using namespace elementary;
  const QuarterTurns<V> turn = reduce_quarter_turns(x, quarter_magic<V>());
  const V r = turn.r.high;
  const V z = r * r;
  V sine_tail, cosine_tail;
  if constexpr (kSingle<V>) {
    sine_tail = polynomial(z, -0x1.555546p-3f, 0x1.110778p-7f, -0x1.9953ep-13f);
    cosine_tail = polynomial(z, 0x1.55554ap-5f, -0x1.6c0c2ap-10f, 0x1.99e904p-16f);
  } else {
    sine_tail = polynomial(z, -0x1.5555555555548p-3, 0x1.111111110f755p-7, -0x1.a01a019bf0908p-13,
                           0x1.71de355d52c5ap-19, -0x1.ae5e52eba222dp-26, 0x1.5d8db854a2756p-33);
    cosine_tail = polynomial(z, 0x1.555555555554bp-5, -0x1.6c16c16c15012p-10, 0x1.a01a019c8e8abp-16,
                             -0x1.27e4f7f0eaf04p-22, 0x1.1ee9db3ba0ba8p-29, -0x1.8fa627fb35a7bp-37);
  }
  const V one = V::splat(1);
  const V half_square = V::splat(typename V::Scalar(0.5)) * z;
  const V sine = r + fma(r * z, sine_tail, fma(-half_square, turn.r.low, turn.r.low));
  const Pair<V> lead = fast_two_sum(one, -half_square);
  const V cosine = lead.high + (lead.low + fma(z * z, cosine_tail, -(r * turn.r.low)));
  const SineCosine<V> turned = rotate(turn.quarters, sine, cosine);
  return {select(abs(x) < constant<V>(0x1p-13f, 0x1p-27), x, turned.sine), turned.cosine};
}

template <class V>
LAMINA_ELEMENTARY V sin(V x) {
  return sincos(x).sine;
}
template <class V>
LAMINA_ELEMENTARY V cos(V x) {
  return sincos(x).cosine;
}

}  // namespace lamina::numerics
