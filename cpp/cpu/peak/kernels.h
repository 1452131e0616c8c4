// The loops that measure what this machine can do at most. They compute nothing anyone
// needs: `lamina bench` compares the other kernels with them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lamina::cpu {

/// One 64-byte vector holds this many elements of T.
template <class T>
inline constexpr std::int64_t kPeakLanes = 64 / static_cast<std::int64_t>(sizeof(T));

/// How many vectors `seeds` of PeakKernels::Loops::fma must have.
inline constexpr std::int64_t kPeakSeeds = 16;

/// Plain pointers; one table per instruction set, defined in peak.isa.cpp.
struct PeakKernels {
  template <class T>
  struct Loops {
    /// How many vectors of FMAs one round of `fma` does: 2 * kPeakLanes<T> operations each.
    std::int64_t fma_vectors;
    /// x = x * seed + 1, `rounds` times over, on independent chains that stay in registers:
    /// enough of them to fill every FMA port for the whole latency. Reads kPeakSeeds vectors
    /// (numbers in (0, 0.5], so that nothing overflows or becomes denormal), writes one to `out`.
    void (*fma)(std::int64_t rounds, const T* seeds, T* out);
    /// Reads n elements (a multiple of 16 vectors' worth; the rest is left out); adds them to `out`,
    /// one vector, in no order that anybody relies on.
    void (*read)(std::int64_t n, const T* x, T* out);
    /// y = y + s * x over n elements: what an optimizer does at least, two streams read, one
    /// written where it was read.
    void (*update)(std::int64_t n, T s, const T* x, T* y);
  };
  Loops<float> f32;
  Loops<double> f64;
};

}  // namespace lamina::cpu
