// How fast products are on the device, beside a loop of nothing but fused multiply-adds; in the fast mode,
// beside the best that cuBLASLt has. Medians of rounds; the clock is read after the device has finished.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "core/error.h"
#include "cuda/cublaslt/gemm.h"
#include "cuda/cuda.h"
#include "cuda/peak/peak.h"

namespace {

using namespace lamina;

int rounds_taken = 9;

template <class Call>
double seconds_of(Device& on, const Call& call) {
  using Clock = std::chrono::steady_clock;
  call();
  on.synchronize();
  std::vector<double> rounds;
  for (int round = 0; round < rounds_taken; ++round) {
    constexpr int calls = 5;
    const auto begin = Clock::now();
    for (int i = 0; i < calls; ++i) call();
    on.synchronize();
    rounds.push_back(std::chrono::duration<double>(Clock::now() - begin).count() / calls);
  }
  const auto middle = rounds.begin() + rounds_taken / 2;
  std::nth_element(rounds.begin(), middle, rounds.end());
  return *middle;
}

void print(std::string_view precision, std::int64_t m, std::int64_t n, std::int64_t k, double seconds,
           const std::string& more) {
  const double work = 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  std::printf("%-8s %5lld x %5lld x %5lld  %10.2f us  %8.2f TFLOP/s  %s\n", std::string(precision).c_str(),
              static_cast<long long>(m), static_cast<long long>(n), static_cast<long long>(k), 1e6 * seconds,
              1e-12 * work / seconds, more.c_str());
}

std::string digits(double value, int after) {
  char digit[64];
  std::snprintf(digit, sizeof digit, "%.*f", after, value);
  return digit;
}

Device::Memory numbers(Device& on, DType dtype, std::int64_t count) {
  Device::Memory memory = on.make(static_cast<std::size_t>(count) * size_of(dtype));
  RandomArguments r;
  r.dtype = dtype;
  r.key = {1, 1};
  r.n = count;
  r.out = memory.get();
  r.a = -1.0, r.b = 1.0;
  on.random(r);
  return memory;
}

void product(Device& on, DType dtype, std::int64_t m, std::int64_t n, std::int64_t k, double peak) {
  const auto a = numbers(on, dtype, m * k), b = numbers(on, dtype, k * n), c = numbers(on, dtype, m * n);
  GemmArguments g;
  g.dtype = dtype;
  g.m = m, g.n = n, g.k = k;
  g.a = a.get(), g.a_row = k;
  g.b = b.get(), g.b_row = n;
  g.c = c.get(), g.c_row = n;
  const double seconds = seconds_of(on, [&] { on.gemm(g); });
  const double work = 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  print(name_of(dtype), m, n, k, seconds, digits(100.0 * work / seconds / peak, 1) + " % of the peak");
}

/// As a model's product, and the library's alone: what its heuristic names first, and the quickest it
/// proposes.
void fast_product(Precision precision, std::int64_t m, std::int64_t n, std::int64_t k) {
  namespace lt = cuda::cublaslt;
  Device& on = cuda::device(precision);
  const auto a = numbers(on, DType::float32, m * k), b = numbers(on, DType::float32, k * n),
             c = numbers(on, DType::float32, m * n);
  GemmArguments g;
  g.of_layer = true;
  g.m = m, g.n = n, g.k = k;
  g.a = a.get(), g.a_row = k;
  g.b = b.get(), g.b_row = n;
  g.c = c.get(), g.c_row = n;
  const double whole = seconds_of(on, [&] { on.gemm(g); });

  lt::ProductShape shape;
  shape.rows = n, shape.columns = m, shape.depth = k;
  shape.a_leading = n, shape.b_leading = k, shape.d_leading = n;
  const void *left = b.get(), *right = a.get();
  Device::Memory rounded[2] = {on.make(0), on.make(0)};
  if (precision == Precision::bf16) {
    const auto round = [&](Device::Memory& to, std::int64_t rows, std::int64_t columns, const void* from,
                           std::int64_t* leading) {
      *leading = (columns + 7) / 8 * 8;
      to = on.make(static_cast<std::size_t>(rows * *leading) * sizeof(std::uint16_t));
      lt::round_to_bfloat16(rows, columns, static_cast<const float*>(from), columns, 1,
                            static_cast<std::uint16_t*>(to.get()), *leading);
    };
    shape.type = lt::kBfloat16;
    round(rounded[0], k, n, b.get(), &shape.a_leading);
    round(rounded[1], m, k, a.get(), &shape.b_leading);
    left = rounded[0].get(), right = rounded[1].get();
  }
  shape.a_alignment = lt::alignment_of(left);
  shape.b_alignment = lt::alignment_of(right);
  shape.d_alignment = lt::alignment_of(c.get());
  const auto alone = [&] {
    return seconds_of(on, [&] { lt::multiply(shape, left, right, nullptr, static_cast<float*>(c.get())); });
  };
  const double first = alone();
  double best = first;
  const int proposals = lt::proposals(shape, nullptr);
  for (int place = 0; place < proposals; ++place) {
    lt::use_proposal(shape, nullptr, place);
    try {
      best = std::min(best, alone());
    } catch (const StateError&) {  // a proposal that cannot run is no best
    }
  }
  lt::use_proposal(shape, nullptr, 0);
  print(name_of(precision), m, n, k, whole,
        text("cuBLASLt's best of ", proposals, ": ", digits(1e6 * best, 2), " us, ratio ",
             digits(best / whole, 2), "; its heuristic's ", digits(best / first, 2)));
}

}  // namespace

int main(int argc, char**) {  // any argument: small products alone, to see that it runs
  const bool brief = argc > 1;
  if (brief) rounds_taken = 1;
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
    try {
      cuda::device(Precision::tf32);
    } catch (const StateError& error) {
      std::printf("no fast mode: %s\n", error.what());
      return EXIT_SUCCESS;
    }
    std::printf("cuBLASLt %s\n", cuda::library_status().c_str());
    for (const Precision precision : {Precision::tf32, Precision::bf16}) {
      for (const std::int64_t size : {64, 256, 1024, 2048, 4096, 8192}) {
        if (!brief || size == 64) fast_product(precision, size, size, size);
      }
      fast_product(precision, 128, 10, 128);
      if (brief) continue;
      fast_product(precision, 128, 128, 784);
      fast_product(precision, 8192, 1024, 1024);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
