// Element-wise functions of arrays that are neither activations nor elementary functions of
// their own, over an arithmetic policy V: signs, roundings, NaN-propagating extremes.
#pragma once

#include "numerics/elementary_base.h"
#include "numerics/policy.h"

namespace lamina::numerics {

/// The nearest integer, ties to even; keeps the sign of zero.
template <class V>
LAMINA_INLINE V round_even(V x) {
  const V step = elementary::constant<V>(0x1p23f, 0x1p52);
  const V size = abs(x);
  const V rounded = (size + step) - step;
  return copysign(select(size < step, rounded, size), x);
}
template <class V>
LAMINA_INLINE V floor(V x) {
  const V nearest = round_even(x);
  return copysign(select(nearest > x, nearest - V::splat(1), nearest), x);
}
template <class V>
LAMINA_INLINE V ceil(V x) {
  return -floor(-x);
}
template <class V>
LAMINA_INLINE V trunc(V x) {
  return copysign(floor(abs(x)), x);
}

/// -1, +0 or 1; NaN for NaN.
template <class V>
LAMINA_INLINE V sign(V x) {
  const V zero = V::splat(0), one = V::splat(1);
  const V signed_one = select(x > zero, one, select(x < zero, -one, x));
  return select(x == zero, zero, signed_one);
}

/// The larger; NaN where one is NaN; of two zeros, b.
template <class V>
LAMINA_INLINE V maximum(V a, V b) {
  return select(a != a, a, select(a > b, a, b));
}
template <class V>
LAMINA_INLINE V minimum(V a, V b) {
  return select(a != a, a, select(a < b, a, b));
}

}  // namespace lamina::numerics
