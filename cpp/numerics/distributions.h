// Distributions as functions of one random word: element i of an array is a function of
// word i alone. Float32 takes 32-bit words, float64 64-bit words; below, B is that width.
#pragma once

#include <cstdint>

#include "numerics/elementary_base.h"
#include "numerics/elementary_log.h"
#include "numerics/philox.h"

namespace lamina::numerics {

namespace distributions {

/// i + fraction rounded once, for integers 0 <= i < 2^(B-1) and fraction 0 or 1/2: the two
/// halves of the bits become numbers exactly, under the exponents of 2^23 and 2^39 (2^52
/// and 2^84), and are added.
template <class V>
LAMINA_INLINE V to_number(typename V::Int i, typename V::Scalar fraction) {
  using namespace elementary;
  constexpr int kHalf = kSingle<V> ? 16 : 32;
  const V upper = as_float(shift_right<kHalf>(i) | integer<V>(0x53000000, 0x4530000000000000)) -
                  constant<V>(0x1p39f, 0x1p84);
  const V lower =
      as_float((i & integer<V>(0xffff, 0xffffffff)) | integer<V>(0x4b000000, 0x4330000000000000)) -
      (constant<V>(0x1p23f, 0x1p52) - V::splat(fraction));
  return upper + lower;
}

template <class V>
LAMINA_INLINE typename V::Int top_bit() {
  return elementary::integer<V>(INT32_MIN, INT64_MIN);
}

/// A word folded at its middle: with p = (word + 1/2) / 2^B, `below` / 2^B is the tail
/// min(p, 1 - p) and `centre` / 2^B is |p - 1/2|, each less 1/2^(B+1).
template <class V>
struct Folded {
  typename V::Int below, centre, sign;
};
template <class V>
LAMINA_INLINE Folded<V> fold(typename V::Int word) {
  using Int = typename V::Int;
  const Int flip = Int::splat(0) - shift_right<elementary::kSingle<V> ? 31 : 63>(word);
  const Int below = word ^ flip;
  return {below, below ^ elementary::integer<V>(INT32_MAX, INT64_MAX), ~word & top_bit<V>()};
}

/// z / t of the normal quantile as a polynomial of y = -log(1 - 4 t^2) <= 5, t = p - 1/2.
template <class V>
LAMINA_INLINE V central_ratio(V y) {
  using elementary::polynomial;
  const V x = y - V::splat(2.5f);
  if constexpr (elementary::kSingle<V>) {
    return polynomial(x, 0x1.0fc8bcp2f, 0x1.652c5cp-1f, -0x1.832b0ap-7f, -0x1.d06d0cp-9f, 0x1.43c8fap-11f,
                      -0x1.d70f08p-17f, -0x1.48a134p-17f, 0x1.61f3a2p-20f, 0x1.1a3498p-24f, -0x1.ab3b4ep-26f);
  } else {
    return polynomial(x, 0x1.0fc8bc55fe004p2, 0x1.652c5b9e4a45cp-1, -0x1.83296808f6a2fp-7,
                      -0x1.d069d456b5739p-9, 0x1.43a5452e4dc4ap-11, -0x1.da28c5286abf6p-17,
                      -0x1.444233ec79dc8p-17, 0x1.6b78e1b6d2fafp-20, 0x1.45f95c6400b63p-25,
                      -0x1.07e223c9a04b5p-25, 0x1.60b5724adc4ddp-29, 0x1.73fd38b4ee13ep-32,
                      -0x1.830087a9770acp-34, 0x1.69c985f728485p-39, 0x1.ac24a23fae116p-40,
                      -0x1.e12e17c7f1d46p-43, -0x1.4c29a07598181p-47, 0x1.733de37bd9ba2p-48,
                      -0x1.3634dd1a7f5bap-52, -0x1.16969252c7a39p-54, 0x1.e7b2cc2c59314p-58);
  }
}

/// |z| of the normal quantile as a rational function of r = sqrt(-log q) >= 5/2, q the tail.
template <class V>
LAMINA_INLINE V tail_quantile(V q) {
  using elementary::polynomial;
  const V r = sqrt(-log(q));
  if constexpr (elementary::kSingle<V>) {
    return polynomial(r, -0x1.42134ep1f, -0x1.8293aep-3f, 0x1.9491b2p1f, 0x1.b41b1ap-1f) /
           polynomial(r, 1.0f, 0x1.212f0cp1f, 0x1.3419c2p-1f);
  } else {
    return polynomial(r, -0x1.9127eb4ed40dap1, -0x1.eca84218d8132p2, 0x1.a4ab44cf2551bp3, 0x1.e04f8d0f8ef45p2,
                      -0x1.7f901e135ba8cp2, -0x1.32fb09fdd301dp1, -0x1.749a26f97ffa8p-3,
                      -0x1.3d69e32f230fap-9) /
           polynomial(r, 1.0, 0x1.98ba09c19b3f5p2, 0x1.5505d7c4fe885p1, -0x1.223d519f28916p2,
                      -0x1.b39f460e9ef18p0, -0x1.0778f9a3dd01ap-3, -0x1.c0e5c4be865e7p-10);
  }
}

}  // namespace distributions

/// Uniform in [0, 1): floor(word / 2^8) / 2^24 for float32, floor(word / 2^11) / 2^53 for
/// float64, exactly.
template <class V>
LAMINA_INLINE V unit_uniform(typename V::Int word) {
  using namespace elementary;
  return distributions::to_number<V>(shift_right<kSingle<V> ? 8 : 11>(word), 0) *
         constant<V>(0x1p-24f, 0x1p-53);
}

/// The interval [low, high) of uniform(): its ends rounded to T, their difference rounded
/// to T (it must be finite), and the largest T below `high` (`low` itself if there is none
/// in between).
template <class T>
struct UniformRange {
  T low, span, largest;
};
template <class T>
LAMINA_INLINE UniformRange<T> uniform_range(double low, double high) {
  using Signed = typename builtin::IntegerOf<T>::Signed;
  const T a = static_cast<T>(low), b = static_cast<T>(high);
  const Signed bits = builtin::bits<Signed>(b);
  const T below = b == T(0) ? -builtin::bits<T>(Signed{1}) : builtin::bits<T>(b > T(0) ? bits - 1 : bits + 1);
  return {a, b - a, a < b ? below : a};
}

/// Uniform in [low, high): low + span * unit_uniform(word) with one rounding (an fma), and
/// `largest` where that would reach `high`.
template <class V>
LAMINA_INLINE V uniform(typename V::Int word, const UniformRange<typename V::Scalar>& range) {
  return lane_min(fma(V::splat(range.span), unit_uniform<V>(word), V::splat(range.low)),
                  V::splat(range.largest));
}

/// Standard normal: the quantile function at p = (word + 1/2) / 2^B, so symmetric and (but
/// for rounding) increasing in the word. Reaches 6.33 (float32) and 9.15 (float64) standard
/// deviations. With t = |p - 1/2| and q = min(p, 1 - p), y = -log(4 q (1/2 + t)):
///   y <= 5: |z| = t * polynomial(y - 5/2);  else |z| = P(r) / Q(r), r = sqrt(-log q).
/// Error: at most 4.6 ulp for float32 (over all words), 4.1 ulp seen for float64.
template <class V>
LAMINA_INLINE V standard_normal(typename V::Int word) {
  using namespace elementary;
  const distributions::Folded<V> folded = distributions::fold<V>(word);
  const V scale = constant<V>(0x1p-32f, 0x1p-64);
  const V t = distributions::to_number<V>(folded.centre, 0.5f) * scale;
  const V q = distributions::to_number<V>(folded.below, 0.5f) * scale;
  const V y = -log((V::splat(4) * q) * (V::splat(0.5f) + t));
  V z = t * distributions::central_ratio(y);
  const auto in_tail = y > V::splat(5);
  if (any(in_tail)) z = select(in_tail, distributions::tail_quantile(q), z);
  return as_float(as_int(z) | folded.sign);
}

/// Standard normal given that it lies within two standard deviations: the quantile function
/// at 1/2 + c (p - 1/2), c = erf(sqrt 2). With t and q as above, t' = c t and
/// q' = (1 - c) / 2 + c q (one fma), y = -log(4 q' (1/2 + t')):
///   |z| = min(t' * polynomial(y - 5/2), 2).
/// Error: at most 4.2 ulp for float32 (over all words), 2.6 ulp seen for float64.
template <class V>
LAMINA_INLINE V truncated_normal(typename V::Int word) {
  using namespace elementary;
  const distributions::Folded<V> folded = distributions::fold<V>(word);
  const V scale = constant<V>(0x1p-32f, 0x1p-64);
  const V inside = constant<V>(0x1.e8b43p-1f, 0x1.e8b4307d3627ap-1);  // erf(sqrt 2)
  const V beyond = constant<V>(0x1.74bcf8p-6f, 0x1.74bcf82c9d86p-6);  // (1 - erf(sqrt 2)) / 2
  const V t = distributions::to_number<V>(folded.centre, 0.5f) * scale * inside;
  const V q = fma(distributions::to_number<V>(folded.below, 0.5f) * scale, inside, beyond);
  const V y = -log((V::splat(4) * q) * (V::splat(0.5f) + t));
  const V z = lane_min(t * distributions::central_ratio(y), V::splat(2));
  return as_float(as_int(z) | folded.sign);
}

/// mean + stddev * z with one rounding.
template <class V>
LAMINA_INLINE V shifted(V z, typename V::Scalar mean, typename V::Scalar stddev) {
  return fma(z, V::splat(stddev), V::splat(mean));
}

// Dropout's mask. Element (row, column) of a matrix has the 32-bit word
//   row * (columns rounded up to a multiple of 64) + column
// whatever the matrix's dtype, so each row starts a group. It is dropped if its word is
// less than floor(rate * 2^32), which is exact, and otherwise kept.

/// floor(rate * 2^32) for 0 <= rate < 1.
LAMINA_INLINE std::uint32_t drop_below(double rate) {
  return static_cast<std::uint32_t>(static_cast<std::uint64_t>(rate * 0x1p32));
}

/// What kept elements are multiplied by: 1 / (1 - rate) in double, rounded to T.
template <class T>
LAMINA_INLINE T keep_scale(double rate) {
  return static_cast<T>(1.0 / (1.0 - rate));
}

/// The groups of 64 words that one row takes.
LAMINA_HOST_DEVICE constexpr std::uint64_t row_groups(std::uint64_t columns) {
  return (columns + kGroupWords32 - 1) / kGroupWords32;
}

}  // namespace lamina::numerics
