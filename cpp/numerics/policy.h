// The arithmetic policy: what a type must offer so that the formulas of
// numerics/ can be written once and compiled for every machine.
//
// A formula is a function template over V. V is one lane (numerics/scalar.h),
// sixteen floats or eight doubles (cpu/vec/), or a CUDA thread's register.
// Every operation below is exact or correctly rounded by IEEE 754, so equal
// text gives equal bits wherever it is compiled with contraction off.
//
// Types
//   V::Scalar           float or double
//   V::Int              integer lanes as wide as Scalar, as many as V has
//   V::Mask             the result of a comparison
//   V::lanes            static constexpr int
// Made of
//   V::splat(Scalar)    every lane the same;  V::Int::splat(integer)
//   V::load(p) v.store(p) V::load_partial(p, n) v.store_partial(p, n)
//                       n < lanes leading lanes; the rest load as +0 and are
//                       not stored, and memory behind them is not touched
// On V
//   + - * /  unary -    (unary minus flips the sign bit, of NaN too)
//   fma(a, b, c)        a * b + c rounded once
//   sqrt(a) abs(a) copysign(magnitude, sign)
//   < <= > >= ==        false when a lane is NaN;  != true when a lane is NaN
//   select(mask, a, b)  mask ? a : b, lane by lane, bits untouched
//   as_int(v)           the bits of V as V::Int
//   reduce_add(v)       the fixed tree: the upper half of the lanes is added to
//                       the lower half (lane i += lane i + lanes/2) until one
//                       is left; reduce_max(v) the same tree with lane_max
// On V::Int (two's complement, wrapping)
//   + - & | ^ ~         shift_left<N>(i) shift_right<N>(i) (zeros shifted in)
//   == and signed < >   give V::Mask
//   select(mask, a, b)
//   as_float(i)         the bits as V
// On V::Mask
//   & | !   any(m) all(m)
//
// There is on purpose no conversion between V and V::Int: AVX2 has none for 64
// bits. Formulas add a magic constant (1.5 * 2^23 or 1.5 * 2^52) and read the
// integer from the low bits.
#pragma once

#if defined(__CUDACC__)
#define LAMINA_HOST_DEVICE __host__ __device__
#else
#define LAMINA_HOST_DEVICE
#endif

#if defined(_MSC_VER) && !defined(__clang__)
#define LAMINA_INLINE LAMINA_HOST_DEVICE __forceinline
#else
#define LAMINA_INLINE LAMINA_HOST_DEVICE inline __attribute__((always_inline))
#endif

// Elementary functions are a part of their caller where a vector is a register or two. As plain lanes
// they are hundreds of instructions each, and instrumented ones thousands: there one copy is called,
// or compilers would take minutes for a file.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define LAMINA_INSTRUMENTED 1
#endif
#endif
#if !defined(_MSC_VER) && !defined(__CUDACC__) && \
    (defined(LAMINA_ISA_SCALAR) || defined(LAMINA_INSTRUMENTED) || defined(__SANITIZE_ADDRESS__))
#define LAMINA_ELEMENTARY __attribute__((noinline))
#else
#define LAMINA_ELEMENTARY LAMINA_INLINE
#endif

namespace lamina::numerics {

/// min and max as the contract defines them: a comparison and a selection, so
/// that no machine's own minimum decides about NaN and zeros. A NaN in `a`
/// gives `b`; a NaN in `b` gives `b`; of two zeros, `b`.
template <class V>
LAMINA_INLINE V lane_min(V a, V b) {
  return select(a < b, a, b);
}
template <class V>
LAMINA_INLINE V lane_max(V a, V b) {
  return select(a > b, a, b);
}

}  // namespace lamina::numerics
