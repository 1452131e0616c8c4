// The arithmetic policy with one lane: the reference for every other policy,
// and what ordinary code uses for single numbers (schedules, shuffles, tests).
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(_MSC_VER) && !defined(__clang__)
#include <math.h>
#endif

#include "numerics/policy.h"

namespace lamina::numerics {

namespace builtin {
#if defined(_MSC_VER) && !defined(__clang__)
LAMINA_INLINE float fused(float a, float b, float c) { return ::fmaf(a, b, c); }
LAMINA_INLINE double fused(double a, double b, double c) { return ::fma(a, b, c); }
LAMINA_INLINE float root(float a) { return ::sqrtf(a); }
LAMINA_INLINE double root(double a) { return ::sqrt(a); }
#else
LAMINA_INLINE float fused(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
LAMINA_INLINE double fused(double a, double b, double c) { return __builtin_fma(a, b, c); }
LAMINA_INLINE float root(float a) { return __builtin_sqrtf(a); }
LAMINA_INLINE double root(double a) { return __builtin_sqrt(a); }
#endif

template <class To, class From>
LAMINA_INLINE To bits(From from) {
  static_assert(sizeof(To) == sizeof(From));
#if defined(__CUDA_ARCH__) || !defined(__has_builtin)
  To to;
  __builtin_memcpy(&to, &from, sizeof to);
  return to;
#else
  return __builtin_bit_cast(To, from);
#endif
}

template <class T>
struct IntegerOf;
template <>
struct IntegerOf<float> {
  using Signed = std::int32_t;
  using Unsigned = std::uint32_t;
};
template <>
struct IntegerOf<double> {
  using Signed = std::int64_t;
  using Unsigned = std::uint64_t;
};
}  // namespace builtin

/// One lane of `T` (float or double). See policy.h for the operations.
template <class T>
struct Lane {
  using Scalar = T;
  using Unsigned = typename builtin::IntegerOf<T>::Unsigned;
  using Signed = typename builtin::IntegerOf<T>::Signed;
  static constexpr int lanes = 1;

  struct Mask {
    bool set;
    friend LAMINA_INLINE Mask operator&(Mask a, Mask b) { return {a.set && b.set}; }
    friend LAMINA_INLINE Mask operator|(Mask a, Mask b) { return {a.set || b.set}; }
    friend LAMINA_INLINE Mask operator!(Mask a) { return {!a.set}; }
    friend LAMINA_INLINE bool any(Mask a) { return a.set; }
    friend LAMINA_INLINE bool all(Mask a) { return a.set; }
  };

  struct Int {
    Unsigned value;
    static LAMINA_INLINE Int splat(Signed s) { return {static_cast<Unsigned>(s)}; }
    friend LAMINA_INLINE Int operator+(Int a, Int b) { return {static_cast<Unsigned>(a.value + b.value)}; }
    friend LAMINA_INLINE Int operator-(Int a, Int b) { return {static_cast<Unsigned>(a.value - b.value)}; }
    friend LAMINA_INLINE Int operator&(Int a, Int b) { return {a.value & b.value}; }
    friend LAMINA_INLINE Int operator|(Int a, Int b) { return {a.value | b.value}; }
    friend LAMINA_INLINE Int operator^(Int a, Int b) { return {a.value ^ b.value}; }
    friend LAMINA_INLINE Int operator~(Int a) { return {~a.value}; }
    friend LAMINA_INLINE Mask operator==(Int a, Int b) { return {a.value == b.value}; }
    friend LAMINA_INLINE Mask operator<(Int a, Int b) {
      return {static_cast<Signed>(a.value) < static_cast<Signed>(b.value)};
    }
    friend LAMINA_INLINE Mask operator>(Int a, Int b) { return b < a; }
    friend LAMINA_INLINE Int select(Mask m, Int a, Int b) { return m.set ? a : b; }
    friend LAMINA_INLINE Lane as_float(Int a) { return {builtin::bits<T>(a.value)}; }
    template <int N>
    friend LAMINA_INLINE Int shift_left(Int a) {
      return {static_cast<Unsigned>(a.value << N)};
    }
    template <int N>
    friend LAMINA_INLINE Int shift_right(Int a) {
      return {static_cast<Unsigned>(a.value >> N)};
    }
    /// low and high 32 bits of the unsigned product. Only Lane<float>::Int.
    friend LAMINA_INLINE void mul_wide(Int a, Int b, Int* low, Int* high) {
      static_assert(sizeof(T) == 4);
      const std::uint64_t product = static_cast<std::uint64_t>(a.value) * b.value;
      *low = Int{static_cast<Unsigned>(product)};
      *high = Int{static_cast<Unsigned>(product >> 32)};
    }
  };

  T value;

  static LAMINA_INLINE Lane splat(T s) { return {s}; }
  static LAMINA_INLINE Lane load(const T* p) { return {*p}; }
  static LAMINA_INLINE Lane load_partial(const T* p, std::size_t n) { return {n > 0 ? *p : T(0)}; }
  LAMINA_INLINE void store(T* p) const { *p = value; }
  LAMINA_INLINE void store_partial(T* p, std::size_t n) const {
    if (n > 0) *p = value;
  }

  friend LAMINA_INLINE Lane operator+(Lane a, Lane b) { return {a.value + b.value}; }
  friend LAMINA_INLINE Lane operator-(Lane a, Lane b) { return {a.value - b.value}; }
  friend LAMINA_INLINE Lane operator*(Lane a, Lane b) { return {a.value * b.value}; }
  friend LAMINA_INLINE Lane operator/(Lane a, Lane b) { return {a.value / b.value}; }
  friend LAMINA_INLINE Lane operator-(Lane a) {
    return as_float(as_int(a) ^ Int{Unsigned(1) << (8 * sizeof(T) - 1)});
  }
  friend LAMINA_INLINE Lane fma(Lane a, Lane b, Lane c) {
    return {builtin::fused(a.value, b.value, c.value)};
  }
  friend LAMINA_INLINE Lane sqrt(Lane a) { return {builtin::root(a.value)}; }
  friend LAMINA_INLINE Lane abs(Lane a) {
    return as_float(as_int(a) & Int{~(Unsigned(1) << (8 * sizeof(T) - 1))});
  }
  friend LAMINA_INLINE Lane copysign(Lane magnitude, Lane sign) {
    const Int top{Unsigned(1) << (8 * sizeof(T) - 1)};
    return as_float((as_int(magnitude) & ~top) | (as_int(sign) & top));
  }
  friend LAMINA_INLINE Mask operator<(Lane a, Lane b) { return {a.value < b.value}; }
  friend LAMINA_INLINE Mask operator<=(Lane a, Lane b) { return {a.value <= b.value}; }
  friend LAMINA_INLINE Mask operator>(Lane a, Lane b) { return {a.value > b.value}; }
  friend LAMINA_INLINE Mask operator>=(Lane a, Lane b) { return {a.value >= b.value}; }
  friend LAMINA_INLINE Mask operator==(Lane a, Lane b) { return {a.value == b.value}; }
  friend LAMINA_INLINE Mask operator!=(Lane a, Lane b) { return {a.value != b.value}; }
  friend LAMINA_INLINE Lane select(Mask m, Lane a, Lane b) { return m.set ? a : b; }
  friend LAMINA_INLINE Int as_int(Lane a) { return {builtin::bits<Unsigned>(a.value)}; }
  friend LAMINA_INLINE T reduce_add(Lane a) { return a.value; }
  friend LAMINA_INLINE T reduce_max(Lane a) { return a.value; }
};

}  // namespace lamina::numerics
