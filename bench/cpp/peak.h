// The fused multiply-add peak: chains that never leave the registers, on all threads at once.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "core/threads.h"

namespace lamina::bench {

/// Seconds since some moment. With one thread, of this process's own time on the processor, so that
/// work of others costs it no turn (though still its share of caches and pipelines).
inline double now() {
  if (lamina::threads::count() == 1) return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// The fused multiply-adds of one chain are a latency apart: enough chains hide it.
#if defined(__GNUC__) && !defined(__clang__)
#define UNROLLED _Pragma("GCC unroll 16")
#else
#define UNROLLED _Pragma("clang loop unroll(full)")
#endif
#define PEAK_LOOP(name, attributes, Vector, Scalar, chains)                           \
  attributes inline double name(std::int64_t steps) {                                 \
    Vector sum[chains], factor, term;                                                 \
    for (unsigned i = 0; i < sizeof(Vector) / sizeof(Scalar); ++i) {                  \
      factor[i] = Scalar(0.999), term[i] = Scalar(0.001);                             \
    }                                                                                 \
    UNROLLED for (int c = 0; c < chains; ++c) sum[c] = factor * Scalar(c);            \
    for (std::int64_t s = 0; s < steps; ++s) {                                        \
      UNROLLED for (int c = 0; c < chains; ++c) sum[c] = FUSED(sum[c], factor, term); \
    }                                                                                 \
    double total = 0.0;                                                               \
    for (int c = 0; c < chains; ++c) total += static_cast<double>(sum[c][0]);         \
    return total;                                                                     \
  }

constexpr int kChains = 14;
#pragma GCC diagnostic ignored "-Wpsabi"

#if defined(__x86_64__)
typedef float Float8 __attribute__((vector_size(32)));
typedef double Double4 __attribute__((vector_size(32)));
typedef float Float16 __attribute__((vector_size(64)));
typedef double Double8 __attribute__((vector_size(64)));
#define FUSED(a, b, c) (Float8) _mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c))
PEAK_LOOP(peak_avx2_f32, __attribute__((target("avx2,fma"))), Float8, float, kChains)
#undef FUSED
#define FUSED(a, b, c) (Double4) _mm256_fmadd_pd((__m256d)(a), (__m256d)(b), (__m256d)(c))
PEAK_LOOP(peak_avx2_f64, __attribute__((target("avx2,fma"))), Double4, double, kChains)
#undef FUSED
#define FUSED(a, b, c) (Float16) _mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c))
PEAK_LOOP(peak_avx512_f32, __attribute__((target("avx512f,fma"))), Float16, float, kChains)
#undef FUSED
#define FUSED(a, b, c) (Double8) _mm512_fmadd_pd((__m512d)(a), (__m512d)(b), (__m512d)(c))
PEAK_LOOP(peak_avx512_f64, __attribute__((target("avx512f,fma"))), Double8, double, kChains)
#undef FUSED
#elif defined(__aarch64__)
#define FUSED(a, b, c) vfmaq_f32(c, a, b)
PEAK_LOOP(peak_neon_f32, , float32x4_t, float, kChains)
#undef FUSED
#define FUSED(a, b, c) vfmaq_f64(c, a, b)
PEAK_LOOP(peak_neon_f64, , float64x2_t, double, kChains)
#undef FUSED
#endif

struct Peak {
  double (*loop)(std::int64_t) = nullptr;
  int lanes = 0;
};

inline Peak peak_of(const std::string& isa, bool is_double) {
#if defined(__x86_64__)
  if (isa == "avx512") return is_double ? Peak{peak_avx512_f64, 8} : Peak{peak_avx512_f32, 16};
  if (isa == "avx2") return is_double ? Peak{peak_avx2_f64, 4} : Peak{peak_avx2_f32, 8};
#elif defined(__aarch64__)
  if (isa == "neon") return is_double ? Peak{peak_neon_f64, 2} : Peak{peak_neon_f32, 4};
#endif
  (void)is_double;
  return {};
}

/// Seconds of work and of the loop beside it. Cores clock down within a millisecond of arithmetic with
/// operands from memory, and up again in some milliseconds of a loop without: a longer loop would tell a
/// clock that the work never has.
constexpr double kWorkSlice = 1e-3, kPeakSlice = 3e-4;

inline volatile double sink;

/// FLOP/s of the register loop on all threads at once.
inline double measure_peak(const Peak& peak, double span) {
  if (peak.loop == nullptr) return 0.0;
  const int threads = lamina::threads::count();
  const auto steps = static_cast<std::int64_t>(span * 1.5e9 / (kChains / 2.0));
  const auto start = now();
  lamina::threads::parallel_for(threads, [&](std::int64_t) { sink = peak.loop(steps); });
  return 2.0 * kChains * peak.lanes * static_cast<double>(steps) * threads / (now() - start);
}

}  // namespace lamina::bench
