// The logical vector in two 256-bit registers: `low` holds the first half of the lanes.
// Needs AVX2 and FMA.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "numerics/policy.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

/// For masked loads and stores: the lanes of one register, which starts at lane `from`, that are among
/// the first n.
template <int from>
LAMINA_INLINE __m256i first_32(std::size_t n) {
  return _mm256_cmpgt_epi32(
      _mm256_set1_epi32(static_cast<int>(n)),
      _mm256_setr_epi32(from, from + 1, from + 2, from + 3, from + 4, from + 5, from + 6, from + 7));
}
template <int from>
LAMINA_INLINE __m256i first_64(std::size_t n) {
  return _mm256_cmpgt_epi64(_mm256_set1_epi64x(static_cast<long long>(n)),
                            _mm256_setr_epi64x(from, from + 1, from + 2, from + 3));
}

struct F32 {
  using Scalar = float;
  static constexpr int lanes = 16;

  struct Mask {
    __m256 low, high;
    friend LAMINA_INLINE Mask operator&(Mask a, Mask b) {
      return {_mm256_and_ps(a.low, b.low), _mm256_and_ps(a.high, b.high)};
    }
    friend LAMINA_INLINE Mask operator|(Mask a, Mask b) {
      return {_mm256_or_ps(a.low, b.low), _mm256_or_ps(a.high, b.high)};
    }
    friend LAMINA_INLINE Mask operator!(Mask a) {
      const __m256 ones = _mm256_castsi256_ps(_mm256_set1_epi32(-1));
      return {_mm256_xor_ps(a.low, ones), _mm256_xor_ps(a.high, ones)};
    }
    friend LAMINA_INLINE bool any(Mask a) { return _mm256_movemask_ps(_mm256_or_ps(a.low, a.high)) != 0; }
    friend LAMINA_INLINE bool all(Mask a) { return _mm256_movemask_ps(_mm256_and_ps(a.low, a.high)) == 0xff; }
  };

  struct Int {
    __m256i low, high;
    static LAMINA_INLINE Int splat(std::int32_t s) { return {_mm256_set1_epi32(s), _mm256_set1_epi32(s)}; }
    static LAMINA_INLINE Int load(const std::uint32_t* p) {
      return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
              _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 8))};
    }
    static LAMINA_INLINE Int load_partial(const std::uint32_t* p, std::size_t n) {
      const int* q = reinterpret_cast<const int*>(p);
      return {_mm256_maskload_epi32(q, first_32<0>(n)), _mm256_maskload_epi32(q + 8, first_32<8>(n))};
    }
    LAMINA_INLINE void store(std::uint32_t* p) const {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), low);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 8), high);
    }
    LAMINA_INLINE void store_partial(std::uint32_t* p, std::size_t n) const {
      int* q = reinterpret_cast<int*>(p);
      _mm256_maskstore_epi32(q, first_32<0>(n), low);
      _mm256_maskstore_epi32(q + 8, first_32<8>(n), high);
    }
    friend LAMINA_INLINE Int operator+(Int a, Int b) {
      return {_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)};
    }
    friend LAMINA_INLINE Int operator-(Int a, Int b) {
      return {_mm256_sub_epi32(a.low, b.low), _mm256_sub_epi32(a.high, b.high)};
    }
    friend LAMINA_INLINE Int operator&(Int a, Int b) {
      return {_mm256_and_si256(a.low, b.low), _mm256_and_si256(a.high, b.high)};
    }
    friend LAMINA_INLINE Int operator|(Int a, Int b) {
      return {_mm256_or_si256(a.low, b.low), _mm256_or_si256(a.high, b.high)};
    }
    friend LAMINA_INLINE Int operator^(Int a, Int b) {
      return {_mm256_xor_si256(a.low, b.low), _mm256_xor_si256(a.high, b.high)};
    }
    friend LAMINA_INLINE Int operator~(Int a) { return a ^ splat(-1); }
    friend LAMINA_INLINE Mask operator==(Int a, Int b) {
      return {_mm256_castsi256_ps(_mm256_cmpeq_epi32(a.low, b.low)),
              _mm256_castsi256_ps(_mm256_cmpeq_epi32(a.high, b.high))};
    }
    friend LAMINA_INLINE Mask operator>(Int a, Int b) {
      return {_mm256_castsi256_ps(_mm256_cmpgt_epi32(a.low, b.low)),
              _mm256_castsi256_ps(_mm256_cmpgt_epi32(a.high, b.high))};
    }
    friend LAMINA_INLINE Mask operator<(Int a, Int b) { return b > a; }
    friend LAMINA_INLINE Int select(Mask m, Int a, Int b) {
      return {_mm256_blendv_epi8(b.low, a.low, _mm256_castps_si256(m.low)),
              _mm256_blendv_epi8(b.high, a.high, _mm256_castps_si256(m.high))};
    }
    friend LAMINA_INLINE F32 as_float(Int a) {
      return {_mm256_castsi256_ps(a.low), _mm256_castsi256_ps(a.high)};
    }
    template <int N>
    friend LAMINA_INLINE Int shift_left(Int a) {
      return {_mm256_slli_epi32(a.low, N), _mm256_slli_epi32(a.high, N)};
    }
    template <int N>
    friend LAMINA_INLINE Int shift_right(Int a) {
      return {_mm256_srli_epi32(a.low, N), _mm256_srli_epi32(a.high, N)};
    }
    static LAMINA_INLINE void multiply(__m256i a, __m256i b, __m256i* low_bits, __m256i* high_bits) {
      const __m256i even = _mm256_mul_epu32(a, b);
      const __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32));
      *low_bits = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
      *high_bits = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
    }
    /// low and high 32 bits of the unsigned product, lane by lane.
    friend LAMINA_INLINE void mul_wide(Int a, Int b, Int* low_bits, Int* high_bits) {
      multiply(a.low, b.low, &low_bits->low, &high_bits->low);
      multiply(a.high, b.high, &low_bits->high, &high_bits->high);
    }
  };

  __m256 low, high;

  static LAMINA_INLINE F32 splat(float s) { return {_mm256_set1_ps(s), _mm256_set1_ps(s)}; }
  static LAMINA_INLINE F32 load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  static LAMINA_INLINE F32 load_partial(const float* p, std::size_t n) {
    return {_mm256_maskload_ps(p, first_32<0>(n)), _mm256_maskload_ps(p + 8, first_32<8>(n))};
  }
  LAMINA_INLINE void store(float* p) const {
    _mm256_storeu_ps(p, low);
    _mm256_storeu_ps(p + 8, high);
  }
  LAMINA_INLINE void store_partial(float* p, std::size_t n) const {
    _mm256_maskstore_ps(p, first_32<0>(n), low);
    _mm256_maskstore_ps(p + 8, first_32<8>(n), high);
  }

  friend LAMINA_INLINE F32 operator+(F32 a, F32 b) {
    return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
  }
  friend LAMINA_INLINE F32 operator-(F32 a, F32 b) {
    return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
  }
  friend LAMINA_INLINE F32 operator*(F32 a, F32 b) {
    return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
  }
  friend LAMINA_INLINE F32 operator/(F32 a, F32 b) {
    return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)};
  }
  friend LAMINA_INLINE F32 operator-(F32 a) {
    const __m256 top = _mm256_set1_ps(-0.0f);
    return {_mm256_xor_ps(a.low, top), _mm256_xor_ps(a.high, top)};
  }
  friend LAMINA_INLINE F32 fma(F32 a, F32 b, F32 c) {
    return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
  }
  friend LAMINA_INLINE F32 sqrt(F32 a) { return {_mm256_sqrt_ps(a.low), _mm256_sqrt_ps(a.high)}; }
  friend LAMINA_INLINE F32 abs(F32 a) {
    const __m256 top = _mm256_set1_ps(-0.0f);
    return {_mm256_andnot_ps(top, a.low), _mm256_andnot_ps(top, a.high)};
  }
  friend LAMINA_INLINE F32 copysign(F32 magnitude, F32 sign) {
    const __m256 top = _mm256_set1_ps(-0.0f);
    return {_mm256_or_ps(_mm256_andnot_ps(top, magnitude.low), _mm256_and_ps(top, sign.low)),
            _mm256_or_ps(_mm256_andnot_ps(top, magnitude.high), _mm256_and_ps(top, sign.high))};
  }
  friend LAMINA_INLINE Mask operator<(F32 a, F32 b) {
    return {_mm256_cmp_ps(a.low, b.low, _CMP_LT_OQ), _mm256_cmp_ps(a.high, b.high, _CMP_LT_OQ)};
  }
  friend LAMINA_INLINE Mask operator<=(F32 a, F32 b) {
    return {_mm256_cmp_ps(a.low, b.low, _CMP_LE_OQ), _mm256_cmp_ps(a.high, b.high, _CMP_LE_OQ)};
  }
  friend LAMINA_INLINE Mask operator>(F32 a, F32 b) { return b < a; }
  friend LAMINA_INLINE Mask operator>=(F32 a, F32 b) { return b <= a; }
  friend LAMINA_INLINE Mask operator==(F32 a, F32 b) {
    return {_mm256_cmp_ps(a.low, b.low, _CMP_EQ_OQ), _mm256_cmp_ps(a.high, b.high, _CMP_EQ_OQ)};
  }
  friend LAMINA_INLINE Mask operator!=(F32 a, F32 b) {
    return {_mm256_cmp_ps(a.low, b.low, _CMP_NEQ_UQ), _mm256_cmp_ps(a.high, b.high, _CMP_NEQ_UQ)};
  }
  friend LAMINA_INLINE F32 select(Mask m, F32 a, F32 b) {
    return {_mm256_blendv_ps(b.low, a.low, m.low), _mm256_blendv_ps(b.high, a.high, m.high)};
  }
  friend LAMINA_INLINE Int as_int(F32 a) { return {_mm256_castps_si256(a.low), _mm256_castps_si256(a.high)}; }
  friend LAMINA_INLINE float reduce_add(F32 a) {
    const __m256 eight = _mm256_add_ps(a.low, a.high);
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
  // MAXPS(a, b) is a > b ? a : b for every pair, NaN and zeros too: lane_max.
  friend LAMINA_INLINE float reduce_max(F32 a) {
    const __m256 eight = _mm256_max_ps(a.low, a.high);
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
  }
};

struct F64 {
  using Scalar = double;
  static constexpr int lanes = 8;

  struct Mask {
    __m256d low, high;
    friend LAMINA_INLINE Mask operator&(Mask a, Mask b) {
      return {_mm256_and_pd(a.low, b.low), _mm256_and_pd(a.high, b.high)};
    }
    friend LAMINA_INLINE Mask operator|(Mask a, Mask b) {
      return {_mm256_or_pd(a.low, b.low), _mm256_or_pd(a.high, b.high)};
    }
    friend LAMINA_INLINE Mask operator!(Mask a) {
      const __m256d ones = _mm256_castsi256_pd(_mm256_set1_epi32(-1));
      return {_mm256_xor_pd(a.low, ones), _mm256_xor_pd(a.high, ones)};
    }
    friend LAMINA_INLINE bool any(Mask a) { return _mm256_movemask_pd(_mm256_or_pd(a.low, a.high)) != 0; }
    friend LAMINA_INLINE bool all(Mask a) { return _mm256_movemask_pd(_mm256_and_pd(a.low, a.high)) == 0xf; }
  };

  struct Int {
    __m256i low, high;
    static LAMINA_INLINE Int splat(std::int64_t s) { return {_mm256_set1_epi64x(s), _mm256_set1_epi64x(s)}; }
    static LAMINA_INLINE Int load(const std::uint64_t* p) {
      return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
              _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 4))};
    }
    static LAMINA_INLINE Int load_partial(const std::uint64_t* p, std::size_t n) {
      const long long* q = reinterpret_cast<const long long*>(p);
      return {_mm256_maskload_epi64(q, first_64<0>(n)), _mm256_maskload_epi64(q + 4, first_64<4>(n))};
    }
    LAMINA_INLINE void store(std::uint64_t* p) const {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), low);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 4), high);
    }
    LAMINA_INLINE void store_partial(std::uint64_t* p, std::size_t n) const {
      long long* q = reinterpret_cast<long long*>(p);
      _mm256_maskstore_epi64(q, first_64<0>(n), low);
      _mm256_maskstore_epi64(q + 4, first_64<4>(n), high);
    }
    friend LAMINA_INLINE Int operator+(Int a, Int b) {
      return {_mm256_add_epi64(a.low, b.low), _mm256_add_epi64(a.high, b.high)};
    }
    friend LAMINA_INLINE Int operator-(Int a, Int b) {
      return {_mm256_sub_epi64(a.low, b.low), _mm256_sub_epi64(a.high, b.high)};
    }
    friend LAMINA_INLINE Int operator&(Int a, Int b) {
      return {_mm256_and_si256(a.low, b.low), _mm256_and_si256(a.high, b.high)};
    }
    friend LAMINA_INLINE Int operator|(Int a, Int b) {
      return {_mm256_or_si256(a.low, b.low), _mm256_or_si256(a.high, b.high)};
    }
    friend LAMINA_INLINE Int operator^(Int a, Int b) {
      return {_mm256_xor_si256(a.low, b.low), _mm256_xor_si256(a.high, b.high)};
    }
    friend LAMINA_INLINE Int operator~(Int a) { return a ^ splat(-1); }
    friend LAMINA_INLINE Mask operator==(Int a, Int b) {
      return {_mm256_castsi256_pd(_mm256_cmpeq_epi64(a.low, b.low)),
              _mm256_castsi256_pd(_mm256_cmpeq_epi64(a.high, b.high))};
    }
    friend LAMINA_INLINE Mask operator>(Int a, Int b) {
      return {_mm256_castsi256_pd(_mm256_cmpgt_epi64(a.low, b.low)),
              _mm256_castsi256_pd(_mm256_cmpgt_epi64(a.high, b.high))};
    }
    friend LAMINA_INLINE Mask operator<(Int a, Int b) { return b > a; }
    friend LAMINA_INLINE Int select(Mask m, Int a, Int b) {
      return {_mm256_blendv_epi8(b.low, a.low, _mm256_castpd_si256(m.low)),
              _mm256_blendv_epi8(b.high, a.high, _mm256_castpd_si256(m.high))};
    }
    friend LAMINA_INLINE F64 as_float(Int a) {
      return {_mm256_castsi256_pd(a.low), _mm256_castsi256_pd(a.high)};
    }
    template <int N>
    friend LAMINA_INLINE Int shift_left(Int a) {
      return {_mm256_slli_epi64(a.low, N), _mm256_slli_epi64(a.high, N)};
    }
    template <int N>
    friend LAMINA_INLINE Int shift_right(Int a) {
      return {_mm256_srli_epi64(a.low, N), _mm256_srli_epi64(a.high, N)};
    }
  };

  __m256d low, high;

  static LAMINA_INLINE F64 splat(double s) { return {_mm256_set1_pd(s), _mm256_set1_pd(s)}; }
  static LAMINA_INLINE F64 load(const double* p) { return {_mm256_loadu_pd(p), _mm256_loadu_pd(p + 4)}; }
  static LAMINA_INLINE F64 load_partial(const double* p, std::size_t n) {
    return {_mm256_maskload_pd(p, first_64<0>(n)), _mm256_maskload_pd(p + 4, first_64<4>(n))};
  }
  LAMINA_INLINE void store(double* p) const {
    _mm256_storeu_pd(p, low);
    _mm256_storeu_pd(p + 4, high);
  }
  LAMINA_INLINE void store_partial(double* p, std::size_t n) const {
    _mm256_maskstore_pd(p, first_64<0>(n), low);
    _mm256_maskstore_pd(p + 4, first_64<4>(n), high);
  }

  friend LAMINA_INLINE F64 operator+(F64 a, F64 b) {
    return {_mm256_add_pd(a.low, b.low), _mm256_add_pd(a.high, b.high)};
  }
  friend LAMINA_INLINE F64 operator-(F64 a, F64 b) {
    return {_mm256_sub_pd(a.low, b.low), _mm256_sub_pd(a.high, b.high)};
  }
  friend LAMINA_INLINE F64 operator*(F64 a, F64 b) {
    return {_mm256_mul_pd(a.low, b.low), _mm256_mul_pd(a.high, b.high)};
  }
  friend LAMINA_INLINE F64 operator/(F64 a, F64 b) {
    return {_mm256_div_pd(a.low, b.low), _mm256_div_pd(a.high, b.high)};
  }
  friend LAMINA_INLINE F64 operator-(F64 a) {
    const __m256d top = _mm256_set1_pd(-0.0);
    return {_mm256_xor_pd(a.low, top), _mm256_xor_pd(a.high, top)};
  }
  friend LAMINA_INLINE F64 fma(F64 a, F64 b, F64 c) {
    return {_mm256_fmadd_pd(a.low, b.low, c.low), _mm256_fmadd_pd(a.high, b.high, c.high)};
  }
  friend LAMINA_INLINE F64 sqrt(F64 a) { return {_mm256_sqrt_pd(a.low), _mm256_sqrt_pd(a.high)}; }
  friend LAMINA_INLINE F64 abs(F64 a) {
    const __m256d top = _mm256_set1_pd(-0.0);
    return {_mm256_andnot_pd(top, a.low), _mm256_andnot_pd(top, a.high)};
  }
  friend LAMINA_INLINE F64 copysign(F64 magnitude, F64 sign) {
    const __m256d top = _mm256_set1_pd(-0.0);
    return {_mm256_or_pd(_mm256_andnot_pd(top, magnitude.low), _mm256_and_pd(top, sign.low)),
            _mm256_or_pd(_mm256_andnot_pd(top, magnitude.high), _mm256_and_pd(top, sign.high))};
  }
  friend LAMINA_INLINE Mask operator<(F64 a, F64 b) {
    return {_mm256_cmp_pd(a.low, b.low, _CMP_LT_OQ), _mm256_cmp_pd(a.high, b.high, _CMP_LT_OQ)};
  }
  friend LAMINA_INLINE Mask operator<=(F64 a, F64 b) {
    return {_mm256_cmp_pd(a.low, b.low, _CMP_LE_OQ), _mm256_cmp_pd(a.high, b.high, _CMP_LE_OQ)};
  }
  friend LAMINA_INLINE Mask operator>(F64 a, F64 b) { return b < a; }
  friend LAMINA_INLINE Mask operator>=(F64 a, F64 b) { return b <= a; }
  friend LAMINA_INLINE Mask operator==(F64 a, F64 b) {
    return {_mm256_cmp_pd(a.low, b.low, _CMP_EQ_OQ), _mm256_cmp_pd(a.high, b.high, _CMP_EQ_OQ)};
  }
  friend LAMINA_INLINE Mask operator!=(F64 a, F64 b) {
    return {_mm256_cmp_pd(a.low, b.low, _CMP_NEQ_UQ), _mm256_cmp_pd(a.high, b.high, _CMP_NEQ_UQ)};
  }
  friend LAMINA_INLINE F64 select(Mask m, F64 a, F64 b) {
    return {_mm256_blendv_pd(b.low, a.low, m.low), _mm256_blendv_pd(b.high, a.high, m.high)};
  }
  friend LAMINA_INLINE Int as_int(F64 a) { return {_mm256_castpd_si256(a.low), _mm256_castpd_si256(a.high)}; }
  friend LAMINA_INLINE double reduce_add(F64 a) {
    const __m256d four = _mm256_add_pd(a.low, a.high);
    const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
  }
  friend LAMINA_INLINE double reduce_max(F64 a) {
    const __m256d four = _mm256_max_pd(a.low, a.high);
    const __m128d two = _mm_max_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return _mm_cvtsd_f64(_mm_max_sd(two, _mm_unpackhi_pd(two, two)));
  }
};

/// Lanes 0..7, and lanes 8..15, exactly.
LAMINA_INLINE F64 widen(__m256 a) {
  return {_mm256_cvtps_pd(_mm256_castps256_ps128(a)), _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1))};
}
LAMINA_INLINE F64 widen_low(F32 a) { return widen(a.low); }
LAMINA_INLINE F64 widen_high(F32 a) { return widen(a.high); }
/// Each lane rounded to the nearest float.
LAMINA_INLINE F32 narrow(F64 low, F64 high) {
  return {_mm256_set_m128(_mm256_cvtpd_ps(low.high), _mm256_cvtpd_ps(low.low)),
          _mm256_set_m128(_mm256_cvtpd_ps(high.high), _mm256_cvtpd_ps(high.low))};
}

/// rows[i] lane j becomes rows[j] lane i, for one 8x8 block.
LAMINA_INLINE void transpose_8x8(__m256 (&r)[8]) {
  __m256 t[8], u[8];
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  }
  for (int g = 0; g < 8; g += 4) {
    u[g] = _mm256_shuffle_ps(t[g], t[g + 2], 0x44);
    u[g + 1] = _mm256_shuffle_ps(t[g], t[g + 2], 0xee);
    u[g + 2] = _mm256_shuffle_ps(t[g + 1], t[g + 3], 0x44);
    u[g + 3] = _mm256_shuffle_ps(t[g + 1], t[g + 3], 0xee);
  }
  for (int c = 0; c < 4; ++c) {
    r[c] = _mm256_permute2f128_ps(u[c], u[c + 4], 0x20);
    r[c + 4] = _mm256_permute2f128_ps(u[c], u[c + 4], 0x31);
  }
}
/// rows[i] lane j becomes rows[j] lane i.
LAMINA_INLINE void transpose(F32 (&rows)[16]) {
  __m256 a[8], b[8], c[8], d[8];
  for (int i = 0; i < 8; ++i) {
    a[i] = rows[i].low;
    b[i] = rows[i].high;
    c[i] = rows[i + 8].low;
    d[i] = rows[i + 8].high;
  }
  transpose_8x8(a);
  transpose_8x8(b);
  transpose_8x8(c);
  transpose_8x8(d);
  for (int i = 0; i < 8; ++i) {
    rows[i] = {a[i], c[i]};
    rows[i + 8] = {b[i], d[i]};
  }
}
LAMINA_INLINE void transpose_4x4(__m256d (&r)[4]) {
  const __m256d t0 = _mm256_unpacklo_pd(r[0], r[1]), t1 = _mm256_unpackhi_pd(r[0], r[1]);
  const __m256d t2 = _mm256_unpacklo_pd(r[2], r[3]), t3 = _mm256_unpackhi_pd(r[2], r[3]);
  r[0] = _mm256_permute2f128_pd(t0, t2, 0x20);
  r[1] = _mm256_permute2f128_pd(t1, t3, 0x20);
  r[2] = _mm256_permute2f128_pd(t0, t2, 0x31);
  r[3] = _mm256_permute2f128_pd(t1, t3, 0x31);
}
LAMINA_INLINE void transpose(F64 (&rows)[8]) {
  __m256d a[4], b[4], c[4], d[4];
  for (int i = 0; i < 4; ++i) {
    a[i] = rows[i].low;
    b[i] = rows[i].high;
    c[i] = rows[i + 4].low;
    d[i] = rows[i + 4].high;
  }
  transpose_4x4(a);
  transpose_4x4(b);
  transpose_4x4(c);
  transpose_4x4(d);
  for (int i = 0; i < 4; ++i) {
    rows[i] = {a[i], c[i]};
    rows[i + 4] = {b[i], d[i]};
  }
}

}  // namespace
}  // namespace lamina::cpu::LAMINA_ISA
