// The logical vector in one 512-bit register. Needs AVX-512 F, BW, DQ and VL.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "numerics/policy.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

struct F32 {
  using Scalar = float;
  static constexpr int lanes = 16;

  struct Mask {
    __mmask16 bits;
    friend LAMINA_INLINE Mask operator&(Mask a, Mask b) { return {_kand_mask16(a.bits, b.bits)}; }
    friend LAMINA_INLINE Mask operator|(Mask a, Mask b) { return {_kor_mask16(a.bits, b.bits)}; }
    friend LAMINA_INLINE Mask operator!(Mask a) { return {_knot_mask16(a.bits)}; }
    friend LAMINA_INLINE bool any(Mask a) { return a.bits != 0; }
    friend LAMINA_INLINE bool all(Mask a) { return a.bits == 0xffff; }
  };
  static LAMINA_INLINE __mmask16 first(std::size_t n) { return static_cast<__mmask16>((1u << n) - 1u); }

  struct Int {
    __m512i v;
    static LAMINA_INLINE Int splat(std::int32_t s) { return {_mm512_set1_epi32(s)}; }
    static LAMINA_INLINE Int load(const std::uint32_t* p) { return {_mm512_loadu_si512(p)}; }
    static LAMINA_INLINE Int load_partial(const std::uint32_t* p, std::size_t n) {
      return {_mm512_maskz_loadu_epi32(first(n), p)};
    }
    LAMINA_INLINE void store(std::uint32_t* p) const { _mm512_storeu_si512(p, v); }
    LAMINA_INLINE void store_partial(std::uint32_t* p, std::size_t n) const {
      _mm512_mask_storeu_epi32(p, first(n), v);
    }
    friend LAMINA_INLINE Int operator+(Int a, Int b) { return {_mm512_add_epi32(a.v, b.v)}; }
    friend LAMINA_INLINE Int operator-(Int a, Int b) { return {_mm512_sub_epi32(a.v, b.v)}; }
    friend LAMINA_INLINE Int operator&(Int a, Int b) { return {_mm512_and_si512(a.v, b.v)}; }
    friend LAMINA_INLINE Int operator|(Int a, Int b) { return {_mm512_or_si512(a.v, b.v)}; }
    friend LAMINA_INLINE Int operator^(Int a, Int b) { return {_mm512_xor_si512(a.v, b.v)}; }
    friend LAMINA_INLINE Int operator~(Int a) { return {_mm512_xor_si512(a.v, _mm512_set1_epi32(-1))}; }
    friend LAMINA_INLINE Mask operator==(Int a, Int b) { return {_mm512_cmpeq_epi32_mask(a.v, b.v)}; }
    friend LAMINA_INLINE Mask operator<(Int a, Int b) { return {_mm512_cmplt_epi32_mask(a.v, b.v)}; }
    friend LAMINA_INLINE Mask operator>(Int a, Int b) { return {_mm512_cmpgt_epi32_mask(a.v, b.v)}; }
    friend LAMINA_INLINE Int select(Mask m, Int a, Int b) {
      return {_mm512_mask_blend_epi32(m.bits, b.v, a.v)};
    }
    friend LAMINA_INLINE F32 as_float(Int a) { return {_mm512_castsi512_ps(a.v)}; }
    template <int N>
    friend LAMINA_INLINE Int shift_left(Int a) {
      return {_mm512_slli_epi32(a.v, N)};
    }
    template <int N>
    friend LAMINA_INLINE Int shift_right(Int a) {
      return {_mm512_srli_epi32(a.v, N)};
    }
    /// low and high 32 bits of the unsigned product, lane by lane.
    friend LAMINA_INLINE void mul_wide(Int a, Int b, Int* low, Int* high) {
      const __m512i even = _mm512_mul_epu32(a.v, b.v);
      const __m512i odd = _mm512_mul_epu32(_mm512_srli_epi64(a.v, 32), _mm512_srli_epi64(b.v, 32));
      low->v = _mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64(odd, 32));
      high->v = _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 32), odd);
    }
  };

  __m512 v;

  static LAMINA_INLINE F32 splat(float s) { return {_mm512_set1_ps(s)}; }
  static LAMINA_INLINE F32 load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static LAMINA_INLINE F32 load_partial(const float* p, std::size_t n) {
    return {_mm512_maskz_loadu_ps(first(n), p)};
  }
  LAMINA_INLINE void store(float* p) const { _mm512_storeu_ps(p, v); }
  LAMINA_INLINE void store_partial(float* p, std::size_t n) const { _mm512_mask_storeu_ps(p, first(n), v); }

  friend LAMINA_INLINE F32 operator+(F32 a, F32 b) { return {_mm512_add_ps(a.v, b.v)}; }
  friend LAMINA_INLINE F32 operator-(F32 a, F32 b) { return {_mm512_sub_ps(a.v, b.v)}; }
  friend LAMINA_INLINE F32 operator*(F32 a, F32 b) { return {_mm512_mul_ps(a.v, b.v)}; }
  friend LAMINA_INLINE F32 operator/(F32 a, F32 b) { return {_mm512_div_ps(a.v, b.v)}; }
  friend LAMINA_INLINE F32 operator-(F32 a) { return {_mm512_xor_ps(a.v, _mm512_set1_ps(-0.0f))}; }
  friend LAMINA_INLINE F32 fma(F32 a, F32 b, F32 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
  /// The correctly rounded root, which is what the instruction gives, too. But that keeps the divider, and
  /// a quotient mostly follows: multiply-adds leave it to that one.
  friend LAMINA_INLINE F32 sqrt(F32 a) {
    // 2^-80 <= a < 2^80: neither what is left over nor a square leaves the range.
    constexpr std::int32_t least = 0x17800000, end = 0x67800000;
    const __m512i above = _mm512_sub_epi32(_mm512_castps_si512(a.v), _mm512_set1_epi32(least));
    const __mmask16 outside = _mm512_cmpge_epu32_mask(above, _mm512_set1_epi32(end - least));
    if (outside != 0) [[unlikely]]
      return {_mm512_sqrt_ps(a.v)};
    return sqrt_from(a, {_mm512_rsqrt14_ps(a.v)});
  }
  /// The correctly rounded root of a from an estimate of 1 / sqrt(a) whose relative error is at most 2^-14,
  /// whatever it is: one step of Goldschmidt's iteration, then what is left over, exactly, and its share
  /// (P. Markstein, IBM Journal of Research and Development 34 (1), 1990).
  static LAMINA_INLINE F32 sqrt_from(F32 a, F32 estimate) {
    const __m512 half = _mm512_set1_ps(0.5f);
    const __m512 root = _mm512_mul_ps(a.v, estimate.v), inverse = _mm512_mul_ps(estimate.v, half);
    const __m512 error = _mm512_fnmadd_ps(root, inverse, half);
    const __m512 better = _mm512_fmadd_ps(root, error, root);
    const __m512 half_inverse = _mm512_fmadd_ps(inverse, error, inverse);
    return {_mm512_fmadd_ps(_mm512_fnmadd_ps(better, better, a.v), half_inverse, better)};
  }
  friend LAMINA_INLINE F32 abs(F32 a) { return {_mm512_andnot_ps(_mm512_set1_ps(-0.0f), a.v)}; }
  friend LAMINA_INLINE F32 copysign(F32 magnitude, F32 sign) {
    // Bit by bit: top ? sign : magnitude.
    const __m512i top = _mm512_set1_epi32(static_cast<std::int32_t>(0x80000000u));
    return {_mm512_castsi512_ps(
        _mm512_ternarylogic_epi32(top, _mm512_castps_si512(sign.v), _mm512_castps_si512(magnitude.v), 0xca))};
  }
  friend LAMINA_INLINE Mask operator<(F32 a, F32 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
  friend LAMINA_INLINE Mask operator<=(F32 a, F32 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LE_OQ)}; }
  friend LAMINA_INLINE Mask operator>(F32 a, F32 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_GT_OQ)}; }
  friend LAMINA_INLINE Mask operator>=(F32 a, F32 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_GE_OQ)}; }
  friend LAMINA_INLINE Mask operator==(F32 a, F32 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ)}; }
  friend LAMINA_INLINE Mask operator!=(F32 a, F32 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_NEQ_UQ)}; }
  friend LAMINA_INLINE F32 select(Mask m, F32 a, F32 b) { return {_mm512_mask_blend_ps(m.bits, b.v, a.v)}; }
  friend LAMINA_INLINE Int as_int(F32 a) { return {_mm512_castps_si512(a.v)}; }
  friend LAMINA_INLINE float reduce_add(F32 a) {
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
  // MAXPS(a, b) is a > b ? a : b for every pair, NaN and zeros too: lane_max.
  friend LAMINA_INLINE float reduce_max(F32 a) {
    const __m256 eight = _mm256_max_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
  }
};

struct F64 {
  using Scalar = double;
  static constexpr int lanes = 8;

  struct Mask {
    __mmask8 bits;
    friend LAMINA_INLINE Mask operator&(Mask a, Mask b) { return {_kand_mask8(a.bits, b.bits)}; }
    friend LAMINA_INLINE Mask operator|(Mask a, Mask b) { return {_kor_mask8(a.bits, b.bits)}; }
    friend LAMINA_INLINE Mask operator!(Mask a) { return {_knot_mask8(a.bits)}; }
    friend LAMINA_INLINE bool any(Mask a) { return a.bits != 0; }
    friend LAMINA_INLINE bool all(Mask a) { return a.bits == 0xff; }
  };
  static LAMINA_INLINE __mmask8 first(std::size_t n) { return static_cast<__mmask8>((1u << n) - 1u); }

  struct Int {
    __m512i v;
    static LAMINA_INLINE Int splat(std::int64_t s) { return {_mm512_set1_epi64(s)}; }
    static LAMINA_INLINE Int load(const std::uint64_t* p) { return {_mm512_loadu_si512(p)}; }
    static LAMINA_INLINE Int load_partial(const std::uint64_t* p, std::size_t n) {
      return {_mm512_maskz_loadu_epi64(first(n), p)};
    }
    LAMINA_INLINE void store(std::uint64_t* p) const { _mm512_storeu_si512(p, v); }
    LAMINA_INLINE void store_partial(std::uint64_t* p, std::size_t n) const {
      _mm512_mask_storeu_epi64(p, first(n), v);
    }
    friend LAMINA_INLINE Int operator+(Int a, Int b) { return {_mm512_add_epi64(a.v, b.v)}; }
    friend LAMINA_INLINE Int operator-(Int a, Int b) { return {_mm512_sub_epi64(a.v, b.v)}; }
    friend LAMINA_INLINE Int operator&(Int a, Int b) { return {_mm512_and_si512(a.v, b.v)}; }
    friend LAMINA_INLINE Int operator|(Int a, Int b) { return {_mm512_or_si512(a.v, b.v)}; }
    friend LAMINA_INLINE Int operator^(Int a, Int b) { return {_mm512_xor_si512(a.v, b.v)}; }
    friend LAMINA_INLINE Int operator~(Int a) { return {_mm512_xor_si512(a.v, _mm512_set1_epi32(-1))}; }
    friend LAMINA_INLINE Mask operator==(Int a, Int b) { return {_mm512_cmpeq_epi64_mask(a.v, b.v)}; }
    friend LAMINA_INLINE Mask operator<(Int a, Int b) { return {_mm512_cmplt_epi64_mask(a.v, b.v)}; }
    friend LAMINA_INLINE Mask operator>(Int a, Int b) { return {_mm512_cmpgt_epi64_mask(a.v, b.v)}; }
    friend LAMINA_INLINE Int select(Mask m, Int a, Int b) {
      return {_mm512_mask_blend_epi64(m.bits, b.v, a.v)};
    }
    friend LAMINA_INLINE F64 as_float(Int a) { return {_mm512_castsi512_pd(a.v)}; }
    template <int N>
    friend LAMINA_INLINE Int shift_left(Int a) {
      return {_mm512_slli_epi64(a.v, N)};
    }
    template <int N>
    friend LAMINA_INLINE Int shift_right(Int a) {
      return {_mm512_srli_epi64(a.v, N)};
    }
  };

  __m512d v;

  static LAMINA_INLINE F64 splat(double s) { return {_mm512_set1_pd(s)}; }
  static LAMINA_INLINE F64 load(const double* p) { return {_mm512_loadu_pd(p)}; }
  static LAMINA_INLINE F64 load_partial(const double* p, std::size_t n) {
    return {_mm512_maskz_loadu_pd(first(n), p)};
  }
  LAMINA_INLINE void store(double* p) const { _mm512_storeu_pd(p, v); }
  LAMINA_INLINE void store_partial(double* p, std::size_t n) const { _mm512_mask_storeu_pd(p, first(n), v); }

  friend LAMINA_INLINE F64 operator+(F64 a, F64 b) { return {_mm512_add_pd(a.v, b.v)}; }
  friend LAMINA_INLINE F64 operator-(F64 a, F64 b) { return {_mm512_sub_pd(a.v, b.v)}; }
  friend LAMINA_INLINE F64 operator*(F64 a, F64 b) { return {_mm512_mul_pd(a.v, b.v)}; }
  friend LAMINA_INLINE F64 operator/(F64 a, F64 b) { return {_mm512_div_pd(a.v, b.v)}; }
  friend LAMINA_INLINE F64 operator-(F64 a) { return {_mm512_xor_pd(a.v, _mm512_set1_pd(-0.0))}; }
  friend LAMINA_INLINE F64 fma(F64 a, F64 b, F64 c) { return {_mm512_fmadd_pd(a.v, b.v, c.v)}; }
  friend LAMINA_INLINE F64 sqrt(F64 a) { return {_mm512_sqrt_pd(a.v)}; }
  friend LAMINA_INLINE F64 abs(F64 a) { return {_mm512_andnot_pd(_mm512_set1_pd(-0.0), a.v)}; }
  friend LAMINA_INLINE F64 copysign(F64 magnitude, F64 sign) {
    const __m512i top = _mm512_set1_epi64(static_cast<std::int64_t>(0x8000000000000000u));
    return {_mm512_castsi512_pd(
        _mm512_ternarylogic_epi64(top, _mm512_castpd_si512(sign.v), _mm512_castpd_si512(magnitude.v), 0xca))};
  }
  friend LAMINA_INLINE Mask operator<(F64 a, F64 b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_LT_OQ)}; }
  friend LAMINA_INLINE Mask operator<=(F64 a, F64 b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_LE_OQ)}; }
  friend LAMINA_INLINE Mask operator>(F64 a, F64 b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_GT_OQ)}; }
  friend LAMINA_INLINE Mask operator>=(F64 a, F64 b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_GE_OQ)}; }
  friend LAMINA_INLINE Mask operator==(F64 a, F64 b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_EQ_OQ)}; }
  friend LAMINA_INLINE Mask operator!=(F64 a, F64 b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_NEQ_UQ)}; }
  friend LAMINA_INLINE F64 select(Mask m, F64 a, F64 b) { return {_mm512_mask_blend_pd(m.bits, b.v, a.v)}; }
  friend LAMINA_INLINE Int as_int(F64 a) { return {_mm512_castpd_si512(a.v)}; }
  friend LAMINA_INLINE double reduce_add(F64 a) {
    const __m256d four = _mm256_add_pd(_mm512_castpd512_pd256(a.v), _mm512_extractf64x4_pd(a.v, 1));
    const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
  }
  friend LAMINA_INLINE double reduce_max(F64 a) {
    const __m256d four = _mm256_max_pd(_mm512_castpd512_pd256(a.v), _mm512_extractf64x4_pd(a.v, 1));
    const __m128d two = _mm_max_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return _mm_cvtsd_f64(_mm_max_sd(two, _mm_unpackhi_pd(two, two)));
  }
};

/// Lanes 0..7, and lanes 8..15, exactly.
LAMINA_INLINE F64 widen_low(F32 a) { return {_mm512_cvtps_pd(_mm512_castps512_ps256(a.v))}; }
LAMINA_INLINE F64 widen_high(F32 a) { return {_mm512_cvtps_pd(_mm512_extractf32x8_ps(a.v, 1))}; }
/// Each lane rounded to the nearest float.
LAMINA_INLINE F32 narrow(F64 low, F64 high) {
  return {_mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(low.v)), _mm512_cvtpd_ps(high.v), 1)};
}

/// rows[i] lane j becomes rows[j] lane i.
LAMINA_INLINE void transpose(F32 (&rows)[16]) {
  __m512 t[16], u[16];
  // Pairs, then fours, within each 128-bit part: u[4g + c] holds column 4p + c of rows
  // 4g..4g+3 in part p.
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_ps(rows[i].v, rows[i + 1].v);
    t[i + 1] = _mm512_unpackhi_ps(rows[i].v, rows[i + 1].v);
  }
  for (int g = 0; g < 16; g += 4) {
    u[g] = _mm512_shuffle_ps(t[g], t[g + 2], 0x44);
    u[g + 1] = _mm512_shuffle_ps(t[g], t[g + 2], 0xee);
    u[g + 2] = _mm512_shuffle_ps(t[g + 1], t[g + 3], 0x44);
    u[g + 3] = _mm512_shuffle_ps(t[g + 1], t[g + 3], 0xee);
  }
  // Then the 4x4 matrix of 128-bit parts.
  for (int c = 0; c < 4; ++c) {
    const __m512 low01 = _mm512_shuffle_f32x4(u[c], u[c + 4], 0x44);
    const __m512 high01 = _mm512_shuffle_f32x4(u[c], u[c + 4], 0xee);
    const __m512 low23 = _mm512_shuffle_f32x4(u[c + 8], u[c + 12], 0x44);
    const __m512 high23 = _mm512_shuffle_f32x4(u[c + 8], u[c + 12], 0xee);
    rows[c].v = _mm512_shuffle_f32x4(low01, low23, 0x88);
    rows[c + 4].v = _mm512_shuffle_f32x4(low01, low23, 0xdd);
    rows[c + 8].v = _mm512_shuffle_f32x4(high01, high23, 0x88);
    rows[c + 12].v = _mm512_shuffle_f32x4(high01, high23, 0xdd);
  }
}
LAMINA_INLINE void transpose(F64 (&rows)[8]) {
  __m512d t[8];
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm512_unpacklo_pd(rows[i].v, rows[i + 1].v);
    t[i + 1] = _mm512_unpackhi_pd(rows[i].v, rows[i + 1].v);
  }
  for (int c = 0; c < 2; ++c) {
    const __m512d low01 = _mm512_shuffle_f64x2(t[c], t[c + 2], 0x44);
    const __m512d high01 = _mm512_shuffle_f64x2(t[c], t[c + 2], 0xee);
    const __m512d low23 = _mm512_shuffle_f64x2(t[c + 4], t[c + 6], 0x44);
    const __m512d high23 = _mm512_shuffle_f64x2(t[c + 4], t[c + 6], 0xee);
    rows[c].v = _mm512_shuffle_f64x2(low01, low23, 0x88);
    rows[c + 2].v = _mm512_shuffle_f64x2(low01, low23, 0xdd);
    rows[c + 4].v = _mm512_shuffle_f64x2(high01, high23, 0x88);
    rows[c + 6].v = _mm512_shuffle_f64x2(high01, high23, 0xdd);
  }
}

}  // namespace
}  // namespace lamina::cpu::LAMINA_ISA
