// What the elementary functions share: polynomials, exact sums and scaling by powers
// of two, over the arithmetic policy (policy.h).
#pragma once

#include <cstdint>

#include "numerics/policy.h"

namespace lamina::numerics::elementary {

/// Whether V holds floats (otherwise doubles).
template <class V>
constexpr bool kSingle = sizeof(typename V::Scalar) == 4;

/// The explicitly stored bits of the significand.
template <class V>
constexpr int kMantissaBits = kSingle<V> ? 23 : 52;

/// One of two constants, whichever is of V's type.
template <class V>
LAMINA_INLINE V constant(float single, double twice) {
  if constexpr (kSingle<V>) {
    return V::splat(single);
  } else {
    return V::splat(twice);
  }
}

/// The same for integer lanes.
template <class V>
LAMINA_INLINE typename V::Int integer(std::int32_t single, std::int64_t twice) {
  if constexpr (kSingle<V>) {
    return V::Int::splat(single);
  } else {
    return V::Int::splat(twice);
  }
}

template <class V>
LAMINA_INLINE V infinity() {
  return as_float(integer<V>(0x7f800000, 0x7ff0000000000000));
}
template <class V>
LAMINA_INLINE V not_a_number() {
  return as_float(integer<V>(0x7fc00000, 0x7ff8000000000000));
}

/// c0 + x (c1 + x (c2 + ...)): Horner's rule, each step one fma.
template <class V, class... Rest>
LAMINA_INLINE V polynomial(V x, typename V::Scalar c0, Rest... rest) {
  if constexpr (sizeof...(rest) == 0) {
    return V::splat(c0);
  } else {
    return fma(polynomial(x, rest...), x, V::splat(c0));
  }
}

/// A number as the unevaluated sum of two.
template <class V>
struct Pair {
  V high, low;
};

/// a + b exactly, where |a| >= |b| or a == 0.
template <class V>
LAMINA_INLINE Pair<V> fast_two_sum(V a, V b) {
  const V sum = a + b;
  return {sum, b - (sum - a)};
}

/// a + b exactly, whatever their sizes.
template <class V>
LAMINA_INLINE Pair<V> two_sum(V a, V b) {
  const V sum = a + b;
  const V b_part = sum - a;
  return {sum, (a - (sum - b_part)) + (b - b_part)};
}

/// a * b exactly (barring underflow).
template <class V>
LAMINA_INLINE Pair<V> two_product(V a, V b) {
  const V product = a * b;
  return {product, fma(a, b, -product)};
}

/// Adding this constant rounds to an integer n, to nearest even, and leaves
/// n + kScaleBias in the low bits of the sum.
template <class V>
LAMINA_INLINE V rounding_magic() {
  return constant<V>(0x1.8p23f + 254.0f, 0x1.8p52 + 2046.0);
}

/// 2^n as two factors, neither of which over- or underflows; `rounded` is n +
/// rounding_magic(). value * first is exact for 1/2 <= value <= 4, so that
/// (value * first) * second is rounded once, also into the denormals.
template <class V>
LAMINA_INLINE Pair<V> two_step_scale(V rounded) {
  constexpr int bits = kMantissaBits<V>;
  const auto n = as_int(rounded);
  const auto half = shift_right<1>(n);
  return {as_float(shift_left<bits>(half)), as_float(shift_left<bits>(n - half))};
}

}  // namespace lamina::numerics::elementary
