#include "cpu/peak/kernels.h"
#include "cpu/vec/vec.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

// Independent chains of logical vectors. Two FMA ports of latency 4 or 5 need ten registers
// in flight, four ports of latency 4 sixteen; more would leave the register file.
#if LAMINA_ISA_AVX512
constexpr int kChains = 12;  // 12 zmm
constexpr int kSums = 8;
#elif LAMINA_ISA_AVX2
constexpr int kChains = 6;  // 12 ymm, two for each logical vector
constexpr int kSums = 4;
#elif LAMINA_ISA_NEON
constexpr int kChains = 6;  // 24 q
constexpr int kSums = 4;
#else
constexpr int kChains = 1;
constexpr int kSums = 1;
#endif
constexpr int kStepsPerRound = 4;
static_assert(kChains < kPeakSeeds);

template <class T>
void fma_chains(std::int64_t rounds, const T* seeds, T* out) {
  using V = Vec<T>;
  const V factor = V::load(seeds + kChains * V::lanes);
  const V one = V::splat(T(1));
  V x[kChains];
  for (int i = 0; i < kChains; ++i) x[i] = V::load(seeds + i * V::lanes);
  for (std::int64_t round = 0; round < rounds; ++round) {
    for (int step = 0; step < kStepsPerRound; ++step) {
      for (int i = 0; i < kChains; ++i) x[i] = fma(x[i], factor, one);
    }
  }
  V sum = x[0];
  for (int i = 1; i < kChains; ++i) sum = sum + x[i];
  sum.store(out);
}

template <class T>
void read(std::int64_t n, const T* x, T* out) {
  using V = Vec<T>;
  V sums[kSums];
  for (int i = 0; i < kSums; ++i) sums[i] = V::splat(T(0));
  constexpr std::int64_t step = std::int64_t{kSums} * V::lanes;
  for (std::int64_t at = 0; at + step <= n; at += step) {
    for (int i = 0; i < kSums; ++i) sums[i] = sums[i] + V::load(x + at + i * V::lanes);
  }
  V sum = V::load(out);
  for (int i = 0; i < kSums; ++i) sum = sum + sums[i];
  sum.store(out);
}

template <class T>
void update(std::int64_t n, T s, const T* x, T* y) {
  using V = Vec<T>;
  const V factor = V::splat(s);
  for (std::int64_t at = 0; at + V::lanes <= n; at += V::lanes) {
    fma(factor, V::load(x + at), V::load(y + at)).store(y + at);
  }
}

template <class T>
constexpr PeakKernels::Loops<T> loops() {
  return {std::int64_t{kChains} * kStepsPerRound, fma_chains<T>, read<T>, update<T>};
}

}  // namespace

extern const PeakKernels peak_kernels;
const PeakKernels peak_kernels = {loops<float>(), loops<double>()};

}  // namespace lamina::cpu::LAMINA_ISA
