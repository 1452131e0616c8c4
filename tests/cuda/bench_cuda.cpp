// How fast products are on the device, beside a loop of nothing but fused multiply-adds. Medians of rounds;
// the clock is read after the device has finished.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "core/error.h"
#include "cuda/cuda.h"
#include "cuda/peak/peak.h"

namespace {

using namespace lamina;

template <class Call>
double seconds_of(Device& on, const Call& call) {
  using Clock = std::chrono::steady_clock;
  call();
  on.synchronize();
  std::vector<double> rounds;
  for (int round = 0; round < 9; ++round) {
    constexpr int calls = 5;
    const auto begin = Clock::now();
    for (int i = 0; i < calls; ++i) call();
    on.synchronize();
    rounds.push_back(std::chrono::duration<double>(Clock::now() - begin).count() / calls);
  }
  std::nth_element(rounds.begin(), rounds.begin() + 4, rounds.end());
  return rounds[4];
}

void product(Device& on, DType dtype, std::int64_t m, std::int64_t n, std::int64_t k, double peak) {
  const std::size_t item = size_of(dtype);
  const auto a = on.make(static_cast<std::size_t>(m * k) * item),
             b = on.make(static_cast<std::size_t>(k * n) * item);
  const auto c = on.make(static_cast<std::size_t>(m * n) * item);
  for (const auto& [memory, count] : {std::pair{a.get(), m * k}, {b.get(), k * n}}) {
    RandomArguments r;
    r.dtype = dtype;
    r.key = {1, 1};
    r.n = count;
    r.out = memory;
    r.a = -1.0, r.b = 1.0;
    on.random(r);
  }
  GemmArguments g;
  g.dtype = dtype;
  g.m = m, g.n = n, g.k = k;
  g.a = a.get(), g.a_row = k;
  g.b = b.get(), g.b_row = n;
  g.c = c.get(), g.c_row = n;
  const double seconds = seconds_of(on, [&] { on.gemm(g); });
  const double rate =
      2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k) / seconds;
  std::printf("%-8s %5lld x %5lld x %5lld  %10.2f us  %8.2f TFLOP/s  %5.1f %% of the peak\n",
              std::string(name_of(dtype)).c_str(), static_cast<long long>(m), static_cast<long long>(n),
              static_cast<long long>(k), 1e6 * seconds, 1e-12 * rate, 100.0 * rate / peak);
}

}  // namespace

int main(int argc, char**) {  // any argument: small products alone, to see that it runs
  const bool brief = argc > 1;
  try {
    Device& on = cuda::device();
    std::printf("%s\n", cuda::status().c_str());
    for (const DType dtype : {DType::float32, DType::float64}) {
      const double work = cuda::run_fma_loop(dtype);
      const double peak = work / seconds_of(on, [&] { cuda::run_fma_loop(dtype); });
      std::printf("%-8s FMA loop %.2f TFLOP/s\n", std::string(name_of(dtype)).c_str(), 1e-12 * peak);
      for (const std::int64_t size : {64, 256, 1024, 4096}) {
        if (!brief || size == 64) product(on, dtype, size, size, size, peak);
      }
      product(on, dtype, 1, 512, 512, peak);
      product(on, dtype, 128, 128, 784, peak);
      product(on, dtype, 128, 10, 128, peak);
      if (!brief) product(on, dtype, 8192, 64, 64, peak);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
