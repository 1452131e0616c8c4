#include "cpu/peak/peak.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "core/buffer.h"
#include "core/threads.h"
#include "cpu/dispatch.h"

namespace lamina::cpu {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kWindows = 4;

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

/// The best rate of all windows, summed over the threads. `work(thread)` does a piece of some
/// 10 to 100 us and returns how much that was.
template <class Work>
double best_rate(int threads, double seconds, const Work& work) {
  double best = 0.0;
  std::vector<double> rates(static_cast<std::size_t>(threads));
  const std::chrono::duration<double> length(seconds / kWindows);
  for (int window = 0; window < kWindows; ++window) {
    const Clock::time_point opened = Clock::now();
    threads::parallel_for(
        threads,
        [&](std::int64_t thread) {
          // Counted from the window's opening: who begins late, or only after another because it got
          // no thread of its own, adds no more than it did in the window.
          double done = 0.0;
          Clock::time_point now;
          do {
            done += work(static_cast<int>(thread));
            now = Clock::now();
          } while (now - opened < length);
          rates[static_cast<std::size_t>(thread)] = done / seconds_between(opened, now);
        },
        threads);
    double rate = 0.0;
    for (const double r : rates) rate += r;
    best = std::max(best, rate);
  }
  return best;
}

template <class T>
double fma_peak_of(const PeakKernels::Loops<T>& loops, int threads, double seconds) {
  constexpr std::int64_t lanes = kPeakLanes<T>;
  std::vector<T> seeds(static_cast<std::size_t>(kPeakSeeds * lanes));
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    seeds[i] = static_cast<T>(0.5) * static_cast<T>(i + 1) / static_cast<T>(seeds.size());
  }
  std::vector<T> out(static_cast<std::size_t>(threads * lanes));
  // About 10 us at one vector a cycle, and not much more than a millisecond when emulated.
  const std::int64_t rounds = std::max<std::int64_t>(1, 32768 / loops.fma_vectors);
  const double operations = 2.0 * lanes * static_cast<double>(loops.fma_vectors * rounds);
  return best_rate(threads, seconds, [&](int thread) {
    loops.fma(rounds, seeds.data(), out.data() + thread * lanes);
    return operations;
  });
}

}  // namespace

double fma_peak(DType dtype, int threads, double seconds) {
  const PeakKernels& table = *kernels().peak;
  return dtype == DType::float32 ? fma_peak_of(table.f32, threads, seconds)
                                 : fma_peak_of(table.f64, threads, seconds);
}

double bandwidth(Traffic traffic, std::int64_t bytes, int threads, double seconds) {
  const PeakKernels::Loops<float>& loops = kernels().peak->f32;
  constexpr std::int64_t granule = 16 * kPeakLanes<float>;
  const std::int64_t streams = traffic == Traffic::read ? 1 : 2;
  const std::int64_t elements = bytes / static_cast<std::int64_t>(sizeof(float)) / streams / threads;
  const std::int64_t share = std::max(granule, elements / granule * granule);
  const std::size_t stream_bytes = static_cast<std::size_t>(share * threads) * sizeof(float);
  const Buffer x(stream_bytes), y(stream_bytes);
  std::vector<float> sums(static_cast<std::size_t>(threads * kPeakLanes<float>));
  threads::parallel_for(
      threads,
      [&](std::int64_t thread) {  // each share touched first by the thread that will read it
        std::fill_n(x.as<float>() + thread * share, share, 1.0f);
        std::fill_n(y.as<float>() + thread * share, share, 1.0f);
      },
      threads);
  // Small shares several times between two looks at the clock.
  const std::int64_t passes = std::max<std::int64_t>(1, (std::int64_t{1} << 18) / share);
  const std::int64_t counted = traffic == Traffic::read ? 1 : 3;
  const double moved = static_cast<double>(passes * share * counted) * sizeof(float);
  return best_rate(threads, seconds, [&](int thread) {
    float* const mine = x.as<float>() + thread * share;
    for (std::int64_t pass = 0; pass < passes; ++pass) {
      if (traffic == Traffic::read) {
        loops.read(share, mine, sums.data() + thread * kPeakLanes<float>);
      } else {
        loops.update(share, 1e-6f, mine, y.as<float>() + thread * share);
      }
    }
    return moved;
  });
}

}  // namespace lamina::cpu
