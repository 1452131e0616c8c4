// The logical vector in four 128-bit registers of AArch64's Advanced SIMD: q[r] holds
// lanes 4r..4r+3 (of doubles: 2r, 2r+1).
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#include "numerics/policy.h"

// One intrinsic, register by register. Written out rather than looped, so that a vector is
// never an array in memory.
#define LAMINA_MAP1(f, a)                        \
  {                                              \
    {                                            \
      f(a.q[0]), f(a.q[1]), f(a.q[2]), f(a.q[3]) \
    }                                            \
  }
#define LAMINA_MAP2(f, a, b)                                                     \
  {                                                                              \
    {                                                                            \
      f(a.q[0], b.q[0]), f(a.q[1], b.q[1]), f(a.q[2], b.q[2]), f(a.q[3], b.q[3]) \
    }                                                                            \
  }
#define LAMINA_MAP3(f, a, b, c)                                                        \
  {                                                                                    \
    {                                                                                  \
      f(a.q[0], b.q[0], c.q[0]), f(a.q[1], b.q[1], c.q[1]), f(a.q[2], b.q[2], c.q[2]), \
          f(a.q[3], b.q[3], c.q[3])                                                    \
    }                                                                                  \
  }

namespace lamina::cpu::LAMINA_ISA {
namespace {

/// The register of type Q that starts at lane `from`, of which only the first n lanes of the vector
/// are in memory; the rest is zero.
template <int from, class Q, class T>
LAMINA_INLINE Q load_register(const T* p, std::size_t n) {
  constexpr int lanes = 16 / static_cast<int>(sizeof(T));
  Q q = {};
  if (n > from) q[0] = p[from];
  if (n > from + 1) q[1] = p[from + 1];
  if constexpr (lanes == 4) {
    if (n > from + 2) q[2] = p[from + 2];
    if (n > from + 3) q[3] = p[from + 3];
  }
  return q;
}
template <int from, class Q, class T>
LAMINA_INLINE void store_register(T* p, std::size_t n, Q q) {
  constexpr int lanes = 16 / static_cast<int>(sizeof(T));
  if (n > from) p[from] = q[0];
  if (n > from + 1) p[from + 1] = q[1];
  if constexpr (lanes == 4) {
    if (n > from + 2) p[from + 2] = q[2];
    if (n > from + 3) p[from + 3] = q[3];
  }
}

struct F32 {
  using Scalar = float;
  static constexpr int lanes = 16;

  struct Mask {
    uint32x4_t q[4];
    friend LAMINA_INLINE Mask operator&(Mask a, Mask b) { return LAMINA_MAP2(vandq_u32, a, b); }
    friend LAMINA_INLINE Mask operator|(Mask a, Mask b) { return LAMINA_MAP2(vorrq_u32, a, b); }
    friend LAMINA_INLINE Mask operator!(Mask a) { return LAMINA_MAP1(vmvnq_u32, a); }
    friend LAMINA_INLINE bool any(Mask a) {
      return vmaxvq_u32(vorrq_u32(vorrq_u32(a.q[0], a.q[1]), vorrq_u32(a.q[2], a.q[3]))) != 0;
    }
    friend LAMINA_INLINE bool all(Mask a) {
      return vminvq_u32(vandq_u32(vandq_u32(a.q[0], a.q[1]), vandq_u32(a.q[2], a.q[3]))) != 0;
    }
  };

  struct Int {
    uint32x4_t q[4];
    static LAMINA_INLINE Int splat(std::int32_t s) {
      const uint32x4_t r = vdupq_n_u32(static_cast<std::uint32_t>(s));
      return {{r, r, r, r}};
    }
    static LAMINA_INLINE Int load(const std::uint32_t* p) {
      return {{vld1q_u32(p), vld1q_u32(p + 4), vld1q_u32(p + 8), vld1q_u32(p + 12)}};
    }
    static LAMINA_INLINE Int load_partial(const std::uint32_t* p, std::size_t n) {
      return {{load_register<0, uint32x4_t>(p, n), load_register<4, uint32x4_t>(p, n),
               load_register<8, uint32x4_t>(p, n), load_register<12, uint32x4_t>(p, n)}};
    }
    LAMINA_INLINE void store(std::uint32_t* p) const {
      vst1q_u32(p, q[0]);
      vst1q_u32(p + 4, q[1]);
      vst1q_u32(p + 8, q[2]);
      vst1q_u32(p + 12, q[3]);
    }
    LAMINA_INLINE void store_partial(std::uint32_t* p, std::size_t n) const {
      store_register<0>(p, n, q[0]);
      store_register<4>(p, n, q[1]);
      store_register<8>(p, n, q[2]);
      store_register<12>(p, n, q[3]);
    }
    friend LAMINA_INLINE Int operator+(Int a, Int b) { return LAMINA_MAP2(vaddq_u32, a, b); }
    friend LAMINA_INLINE Int operator-(Int a, Int b) { return LAMINA_MAP2(vsubq_u32, a, b); }
    friend LAMINA_INLINE Int operator&(Int a, Int b) { return LAMINA_MAP2(vandq_u32, a, b); }
    friend LAMINA_INLINE Int operator|(Int a, Int b) { return LAMINA_MAP2(vorrq_u32, a, b); }
    friend LAMINA_INLINE Int operator^(Int a, Int b) { return LAMINA_MAP2(veorq_u32, a, b); }
    friend LAMINA_INLINE Int operator~(Int a) { return LAMINA_MAP1(vmvnq_u32, a); }
    static LAMINA_INLINE uint32x4_t greater(uint32x4_t a, uint32x4_t b) {
      return vcgtq_s32(vreinterpretq_s32_u32(a), vreinterpretq_s32_u32(b));
    }
    friend LAMINA_INLINE Mask operator==(Int a, Int b) { return LAMINA_MAP2(vceqq_u32, a, b); }
    friend LAMINA_INLINE Mask operator>(Int a, Int b) { return LAMINA_MAP2(greater, a, b); }
    friend LAMINA_INLINE Mask operator<(Int a, Int b) { return b > a; }
    friend LAMINA_INLINE Int select(Mask m, Int a, Int b) { return LAMINA_MAP3(vbslq_u32, m, a, b); }
    friend LAMINA_INLINE F32 as_float(Int a) { return LAMINA_MAP1(vreinterpretq_f32_u32, a); }
    template <int N>
    friend LAMINA_INLINE Int shift_left(Int a) {
      return {
          {vshlq_n_u32(a.q[0], N), vshlq_n_u32(a.q[1], N), vshlq_n_u32(a.q[2], N), vshlq_n_u32(a.q[3], N)}};
    }
    template <int N>
    friend LAMINA_INLINE Int shift_right(Int a) {
      return {
          {vshrq_n_u32(a.q[0], N), vshrq_n_u32(a.q[1], N), vshrq_n_u32(a.q[2], N), vshrq_n_u32(a.q[3], N)}};
    }
    static LAMINA_INLINE void multiply(uint32x4_t a, uint32x4_t b, uint32x4_t* low, uint32x4_t* high) {
      const uint32x4_t first = vreinterpretq_u32_u64(vmull_u32(vget_low_u32(a), vget_low_u32(b)));
      const uint32x4_t second = vreinterpretq_u32_u64(vmull_high_u32(a, b));
      *low = vuzp1q_u32(first, second);
      *high = vuzp2q_u32(first, second);
    }
    /// low and high 32 bits of the unsigned product, lane by lane.
    friend LAMINA_INLINE void mul_wide(Int a, Int b, Int* low, Int* high) {
      multiply(a.q[0], b.q[0], &low->q[0], &high->q[0]);
      multiply(a.q[1], b.q[1], &low->q[1], &high->q[1]);
      multiply(a.q[2], b.q[2], &low->q[2], &high->q[2]);
      multiply(a.q[3], b.q[3], &low->q[3], &high->q[3]);
    }
  };

  float32x4_t q[4];

  static LAMINA_INLINE F32 splat(float s) {
    const float32x4_t r = vdupq_n_f32(s);
    return {{r, r, r, r}};
  }
  static LAMINA_INLINE F32 load(const float* p) {
    return {{vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)}};
  }
  static LAMINA_INLINE F32 load_partial(const float* p, std::size_t n) {
    return {{load_register<0, float32x4_t>(p, n), load_register<4, float32x4_t>(p, n),
             load_register<8, float32x4_t>(p, n), load_register<12, float32x4_t>(p, n)}};
  }
  LAMINA_INLINE void store(float* p) const {
    vst1q_f32(p, q[0]);
    vst1q_f32(p + 4, q[1]);
    vst1q_f32(p + 8, q[2]);
    vst1q_f32(p + 12, q[3]);
  }
  LAMINA_INLINE void store_partial(float* p, std::size_t n) const {
    store_register<0>(p, n, q[0]);
    store_register<4>(p, n, q[1]);
    store_register<8>(p, n, q[2]);
    store_register<12>(p, n, q[3]);
  }

  friend LAMINA_INLINE F32 operator+(F32 a, F32 b) { return LAMINA_MAP2(vaddq_f32, a, b); }
  friend LAMINA_INLINE F32 operator-(F32 a, F32 b) { return LAMINA_MAP2(vsubq_f32, a, b); }
  friend LAMINA_INLINE F32 operator*(F32 a, F32 b) { return LAMINA_MAP2(vmulq_f32, a, b); }
  friend LAMINA_INLINE F32 operator/(F32 a, F32 b) { return LAMINA_MAP2(vdivq_f32, a, b); }
  friend LAMINA_INLINE F32 operator-(F32 a) { return LAMINA_MAP1(vnegq_f32, a); }
  friend LAMINA_INLINE F32 fma(F32 a, F32 b, F32 c) { return LAMINA_MAP3(vfmaq_f32, c, a, b); }
  friend LAMINA_INLINE F32 sqrt(F32 a) { return LAMINA_MAP1(vsqrtq_f32, a); }
  friend LAMINA_INLINE F32 abs(F32 a) { return LAMINA_MAP1(vabsq_f32, a); }
  friend LAMINA_INLINE F32 copysign(F32 magnitude, F32 sign) {
    const uint32x4_t top = vdupq_n_u32(0x80000000u);
    const Mask m = {{top, top, top, top}};
    return LAMINA_MAP3(vbslq_f32, m, sign, magnitude);
  }
  friend LAMINA_INLINE Mask operator<(F32 a, F32 b) { return LAMINA_MAP2(vcltq_f32, a, b); }
  friend LAMINA_INLINE Mask operator<=(F32 a, F32 b) { return LAMINA_MAP2(vcleq_f32, a, b); }
  friend LAMINA_INLINE Mask operator>(F32 a, F32 b) { return LAMINA_MAP2(vcgtq_f32, a, b); }
  friend LAMINA_INLINE Mask operator>=(F32 a, F32 b) { return LAMINA_MAP2(vcgeq_f32, a, b); }
  friend LAMINA_INLINE Mask operator==(F32 a, F32 b) { return LAMINA_MAP2(vceqq_f32, a, b); }
  friend LAMINA_INLINE Mask operator!=(F32 a, F32 b) { return !(a == b); }
  friend LAMINA_INLINE F32 select(Mask m, F32 a, F32 b) { return LAMINA_MAP3(vbslq_f32, m, a, b); }
  friend LAMINA_INLINE Int as_int(F32 a) { return LAMINA_MAP1(vreinterpretq_u32_f32, a); }
  friend LAMINA_INLINE float reduce_add(F32 a) {
    const float32x4_t four = vaddq_f32(vaddq_f32(a.q[0], a.q[2]), vaddq_f32(a.q[1], a.q[3]));
    const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
  }
  // lane_max: the machine's own maximum treats NaN and zeros in another way.
  static LAMINA_INLINE float32x4_t larger(float32x4_t a, float32x4_t b) {
    return vbslq_f32(vcgtq_f32(a, b), a, b);
  }
  friend LAMINA_INLINE float reduce_max(F32 a) {
    const float32x4_t four = larger(larger(a.q[0], a.q[2]), larger(a.q[1], a.q[3]));
    const float32x2_t low = vget_low_f32(four), high = vget_high_f32(four);
    const float32x2_t two = vbsl_f32(vcgt_f32(low, high), low, high);
    const float x = vget_lane_f32(two, 0), y = vget_lane_f32(two, 1);
    return x > y ? x : y;
  }
};

struct F64 {
  using Scalar = double;
  static constexpr int lanes = 8;

  struct Mask {
    uint64x2_t q[4];
    static LAMINA_INLINE uint64x2_t inverted(uint64x2_t a) {
      return vreinterpretq_u64_u32(vmvnq_u32(vreinterpretq_u32_u64(a)));
    }
    friend LAMINA_INLINE Mask operator&(Mask a, Mask b) { return LAMINA_MAP2(vandq_u64, a, b); }
    friend LAMINA_INLINE Mask operator|(Mask a, Mask b) { return LAMINA_MAP2(vorrq_u64, a, b); }
    friend LAMINA_INLINE Mask operator!(Mask a) { return LAMINA_MAP1(inverted, a); }
    friend LAMINA_INLINE bool any(Mask a) {
      return vmaxvq_u32(
                 vreinterpretq_u32_u64(vorrq_u64(vorrq_u64(a.q[0], a.q[1]), vorrq_u64(a.q[2], a.q[3])))) != 0;
    }
    friend LAMINA_INLINE bool all(Mask a) {
      return vminvq_u32(
                 vreinterpretq_u32_u64(vandq_u64(vandq_u64(a.q[0], a.q[1]), vandq_u64(a.q[2], a.q[3])))) != 0;
    }
  };

  struct Int {
    uint64x2_t q[4];
    static LAMINA_INLINE Int splat(std::int64_t s) {
      const uint64x2_t r = vdupq_n_u64(static_cast<std::uint64_t>(s));
      return {{r, r, r, r}};
    }
    static LAMINA_INLINE Int load(const std::uint64_t* p) {
      return {{vld1q_u64(p), vld1q_u64(p + 2), vld1q_u64(p + 4), vld1q_u64(p + 6)}};
    }
    static LAMINA_INLINE Int load_partial(const std::uint64_t* p, std::size_t n) {
      return {{load_register<0, uint64x2_t>(p, n), load_register<2, uint64x2_t>(p, n),
               load_register<4, uint64x2_t>(p, n), load_register<6, uint64x2_t>(p, n)}};
    }
    LAMINA_INLINE void store(std::uint64_t* p) const {
      vst1q_u64(p, q[0]);
      vst1q_u64(p + 2, q[1]);
      vst1q_u64(p + 4, q[2]);
      vst1q_u64(p + 6, q[3]);
    }
    LAMINA_INLINE void store_partial(std::uint64_t* p, std::size_t n) const {
      store_register<0>(p, n, q[0]);
      store_register<2>(p, n, q[1]);
      store_register<4>(p, n, q[2]);
      store_register<6>(p, n, q[3]);
    }
    friend LAMINA_INLINE Int operator+(Int a, Int b) { return LAMINA_MAP2(vaddq_u64, a, b); }
    friend LAMINA_INLINE Int operator-(Int a, Int b) { return LAMINA_MAP2(vsubq_u64, a, b); }
    friend LAMINA_INLINE Int operator&(Int a, Int b) { return LAMINA_MAP2(vandq_u64, a, b); }
    friend LAMINA_INLINE Int operator|(Int a, Int b) { return LAMINA_MAP2(vorrq_u64, a, b); }
    friend LAMINA_INLINE Int operator^(Int a, Int b) { return LAMINA_MAP2(veorq_u64, a, b); }
    friend LAMINA_INLINE Int operator~(Int a) { return LAMINA_MAP1(Mask::inverted, a); }
    static LAMINA_INLINE uint64x2_t greater(uint64x2_t a, uint64x2_t b) {
      return vcgtq_s64(vreinterpretq_s64_u64(a), vreinterpretq_s64_u64(b));
    }
    friend LAMINA_INLINE Mask operator==(Int a, Int b) { return LAMINA_MAP2(vceqq_u64, a, b); }
    friend LAMINA_INLINE Mask operator>(Int a, Int b) { return LAMINA_MAP2(greater, a, b); }
    friend LAMINA_INLINE Mask operator<(Int a, Int b) { return b > a; }
    friend LAMINA_INLINE Int select(Mask m, Int a, Int b) { return LAMINA_MAP3(vbslq_u64, m, a, b); }
    friend LAMINA_INLINE F64 as_float(Int a) { return LAMINA_MAP1(vreinterpretq_f64_u64, a); }
    template <int N>
    friend LAMINA_INLINE Int shift_left(Int a) {
      return {
          {vshlq_n_u64(a.q[0], N), vshlq_n_u64(a.q[1], N), vshlq_n_u64(a.q[2], N), vshlq_n_u64(a.q[3], N)}};
    }
    template <int N>
    friend LAMINA_INLINE Int shift_right(Int a) {
      return {
          {vshrq_n_u64(a.q[0], N), vshrq_n_u64(a.q[1], N), vshrq_n_u64(a.q[2], N), vshrq_n_u64(a.q[3], N)}};
    }
  };

  float64x2_t q[4];

  static LAMINA_INLINE F64 splat(double s) {
    const float64x2_t r = vdupq_n_f64(s);
    return {{r, r, r, r}};
  }
  static LAMINA_INLINE F64 load(const double* p) {
    return {{vld1q_f64(p), vld1q_f64(p + 2), vld1q_f64(p + 4), vld1q_f64(p + 6)}};
  }
  static LAMINA_INLINE F64 load_partial(const double* p, std::size_t n) {
    return {{load_register<0, float64x2_t>(p, n), load_register<2, float64x2_t>(p, n),
             load_register<4, float64x2_t>(p, n), load_register<6, float64x2_t>(p, n)}};
  }
  LAMINA_INLINE void store(double* p) const {
    vst1q_f64(p, q[0]);
    vst1q_f64(p + 2, q[1]);
    vst1q_f64(p + 4, q[2]);
    vst1q_f64(p + 6, q[3]);
  }
  LAMINA_INLINE void store_partial(double* p, std::size_t n) const {
    store_register<0>(p, n, q[0]);
    store_register<2>(p, n, q[1]);
    store_register<4>(p, n, q[2]);
    store_register<6>(p, n, q[3]);
  }

  friend LAMINA_INLINE F64 operator+(F64 a, F64 b) { return LAMINA_MAP2(vaddq_f64, a, b); }
  friend LAMINA_INLINE F64 operator-(F64 a, F64 b) { return LAMINA_MAP2(vsubq_f64, a, b); }
  friend LAMINA_INLINE F64 operator*(F64 a, F64 b) { return LAMINA_MAP2(vmulq_f64, a, b); }
  friend LAMINA_INLINE F64 operator/(F64 a, F64 b) { return LAMINA_MAP2(vdivq_f64, a, b); }
  friend LAMINA_INLINE F64 operator-(F64 a) { return LAMINA_MAP1(vnegq_f64, a); }
  friend LAMINA_INLINE F64 fma(F64 a, F64 b, F64 c) { return LAMINA_MAP3(vfmaq_f64, c, a, b); }
  friend LAMINA_INLINE F64 sqrt(F64 a) { return LAMINA_MAP1(vsqrtq_f64, a); }
  friend LAMINA_INLINE F64 abs(F64 a) { return LAMINA_MAP1(vabsq_f64, a); }
  friend LAMINA_INLINE F64 copysign(F64 magnitude, F64 sign) {
    const uint64x2_t top = vdupq_n_u64(0x8000000000000000u);
    const Mask m = {{top, top, top, top}};
    return LAMINA_MAP3(vbslq_f64, m, sign, magnitude);
  }
  friend LAMINA_INLINE Mask operator<(F64 a, F64 b) { return LAMINA_MAP2(vcltq_f64, a, b); }
  friend LAMINA_INLINE Mask operator<=(F64 a, F64 b) { return LAMINA_MAP2(vcleq_f64, a, b); }
  friend LAMINA_INLINE Mask operator>(F64 a, F64 b) { return LAMINA_MAP2(vcgtq_f64, a, b); }
  friend LAMINA_INLINE Mask operator>=(F64 a, F64 b) { return LAMINA_MAP2(vcgeq_f64, a, b); }
  friend LAMINA_INLINE Mask operator==(F64 a, F64 b) { return LAMINA_MAP2(vceqq_f64, a, b); }
  friend LAMINA_INLINE Mask operator!=(F64 a, F64 b) { return !(a == b); }
  friend LAMINA_INLINE F64 select(Mask m, F64 a, F64 b) { return LAMINA_MAP3(vbslq_f64, m, a, b); }
  friend LAMINA_INLINE Int as_int(F64 a) { return LAMINA_MAP1(vreinterpretq_u64_f64, a); }
  friend LAMINA_INLINE double reduce_add(F64 a) {
    const float64x2_t two = vaddq_f64(vaddq_f64(a.q[0], a.q[2]), vaddq_f64(a.q[1], a.q[3]));
    return vgetq_lane_f64(two, 0) + vgetq_lane_f64(two, 1);
  }
  static LAMINA_INLINE float64x2_t larger(float64x2_t a, float64x2_t b) {
    return vbslq_f64(vcgtq_f64(a, b), a, b);
  }
  friend LAMINA_INLINE double reduce_max(F64 a) {
    const float64x2_t two = larger(larger(a.q[0], a.q[2]), larger(a.q[1], a.q[3]));
    const double x = vgetq_lane_f64(two, 0), y = vgetq_lane_f64(two, 1);
    return x > y ? x : y;
  }
};

#undef LAMINA_MAP1
#undef LAMINA_MAP2
#undef LAMINA_MAP3

/// Lanes 0..7, and lanes 8..15, exactly.
LAMINA_INLINE F64 widen(float32x4_t a, float32x4_t b) {
  return {{vcvt_f64_f32(vget_low_f32(a)), vcvt_high_f64_f32(a), vcvt_f64_f32(vget_low_f32(b)),
           vcvt_high_f64_f32(b)}};
}
LAMINA_INLINE F64 widen_low(F32 a) { return widen(a.q[0], a.q[1]); }
LAMINA_INLINE F64 widen_high(F32 a) { return widen(a.q[2], a.q[3]); }
/// Each lane rounded to the nearest float.
LAMINA_INLINE float32x4_t narrow_pair(float64x2_t a, float64x2_t b) {
  return vcvt_high_f32_f64(vcvt_f32_f64(a), b);
}
LAMINA_INLINE F32 narrow(F64 low, F64 high) {
  return {{narrow_pair(low.q[0], low.q[1]), narrow_pair(low.q[2], low.q[3]),
           narrow_pair(high.q[0], high.q[1]), narrow_pair(high.q[2], high.q[3])}};
}

/// rows[i] lane j becomes rows[j] lane i.
LAMINA_INLINE void transpose(F32 (&rows)[16]) {
  F32 out[16];
  // 4x4 blocks; block (g, r) is register r of rows 4g..4g+3 and becomes block (r, g).
  for (int g = 0; g < 4; ++g) {
    for (int r = 0; r < 4; ++r) {
      const float32x4_t a = rows[4 * g].q[r], b = rows[4 * g + 1].q[r];
      const float32x4_t c = rows[4 * g + 2].q[r], d = rows[4 * g + 3].q[r];
      const float64x2_t t0 = vreinterpretq_f64_f32(vtrn1q_f32(a, b));
      const float64x2_t t1 = vreinterpretq_f64_f32(vtrn2q_f32(a, b));
      const float64x2_t t2 = vreinterpretq_f64_f32(vtrn1q_f32(c, d));
      const float64x2_t t3 = vreinterpretq_f64_f32(vtrn2q_f32(c, d));
      out[4 * r].q[g] = vreinterpretq_f32_f64(vtrn1q_f64(t0, t2));
      out[4 * r + 1].q[g] = vreinterpretq_f32_f64(vtrn1q_f64(t1, t3));
      out[4 * r + 2].q[g] = vreinterpretq_f32_f64(vtrn2q_f64(t0, t2));
      out[4 * r + 3].q[g] = vreinterpretq_f32_f64(vtrn2q_f64(t1, t3));
    }
  }
  for (int i = 0; i < 16; ++i) rows[i] = out[i];
}
LAMINA_INLINE void transpose(F64 (&rows)[8]) {
  F64 out[8];
  for (int g = 0; g < 4; ++g) {
    for (int r = 0; r < 4; ++r) {
      out[2 * r].q[g] = vtrn1q_f64(rows[2 * g].q[r], rows[2 * g + 1].q[r]);
      out[2 * r + 1].q[g] = vtrn2q_f64(rows[2 * g].q[r], rows[2 * g + 1].q[r]);
    }
  }
  for (int i = 0; i < 8; ++i) rows[i] = out[i];
}

}  // namespace
}  // namespace lamina::cpu::LAMINA_ISA
