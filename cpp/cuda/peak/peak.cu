#include "cuda/launch.h"
#include "cuda/memory.h"
#include "cuda/peak/peak.h"

namespace lamina::cuda {
namespace {

constexpr int kChains = 16, kTurns = 4096;

template <class T>
struct FmaLoop {
  static constexpr const char* kName = "fma";
  T factor, term;
  T* out;
  LAMINA_KERNEL void operator()(std::int64_t i) const {
    T chain[kChains];
    LAMINA_UNROLL
    for (int c = 0; c < kChains; ++c) chain[c] = static_cast<T>(i + c);
    LAMINA_NO_UNROLL
    for (int turn = 0; turn < kTurns; ++turn) {
      LAMINA_UNROLL
      for (int c = 0; c < kChains; ++c) chain[c] = numerics::builtin::fused(chain[c], factor, term);
    }
    T sum = T(0);
    LAMINA_UNROLL
    for (int c = 0; c < kChains; ++c) sum = sum + chain[c];
    if (sum == T(-1)) *out = sum;  // never; but nobody knows
  }
};

template <class T>
double run() {
  const std::int64_t threads = static_cast<std::int64_t>(runtime::processors()) * 2048;
  const Scratch out_memory(sizeof(T));
  for_each_item(threads, FmaLoop<T>{T(0.999), T(0.001), out_memory.as<T>()});
  return 2.0 * kChains * kTurns * static_cast<double>(threads);
}

}  // namespace

double run_fma_loop(DType dtype) { return dtype == DType::float32 ? run<float>() : run<double>(); }

}  // namespace lamina::cuda
