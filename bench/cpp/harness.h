// What the microbenchmarks of the kernel families share: options, data, rounds, and the lines
// they print. A kernel is held against the bandwidth that this machine has for a working set of
// the same size, measured in the same run.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/buffer.h"
#include "core/error.h"
#include "core/threads.h"
#include "core/types.h"
#include "cpu/dispatch.h"
#include "cpu/peak/peak.h"

namespace lamina::bench {

/// bench_<family> [threads [seconds per line [filter]]]
class Bench {
 public:
  Bench(int argc, char** argv)
      : seconds_(argc > 2 ? std::atof(argv[2]) : 0.2), filter_(argc > 3 ? argv[3] : "") {
    threads::set_count(argc > 1 ? std::max(1, std::atoi(argv[1])) : 1);
    std::printf("%s, %d thread(s)\n", cpu::kernels().isa, threads::count());
    std::printf("%-44s %11s  %-21s %11s %10s %6s\n", "", "median", "spread", "an element", "rate", "share");
  }

  /// One line, if `name` contains the filter. `call` does the work once over `elements` and moves
  /// `bytes` in and out; `working_set` is what it comes back to from call to call.
  template <class Call>
  void line(const std::string& name, double elements, double bytes, double working_set, Call&& call) {
    if (name.find(filter_) == std::string::npos) return;
    call();
    const double once = std::max(1e-8, time(call, 1));
    const auto calls = static_cast<int>(std::max(1.0, seconds_ / kRounds / once));
    std::vector<double> rounds;
    for (int round = 0; round < kRounds; ++round) rounds.push_back(time(call, calls));
    std::sort(rounds.begin(), rounds.end());
    const double median = rounds[rounds.size() / 2];
    const double share = bytes / bandwidth(static_cast<std::int64_t>(working_set)) / median;
    std::printf("%-44s %8.2f us  (%7.2f - %8.2f) %8.3f ns %5.1f GB/s %4.0f %%\n", name.c_str(), median * 1e6,
                rounds.front() * 1e6, rounds.back() * 1e6, median / elements * 1e9, bytes / median * 1e-9,
                100.0 * share);
    std::fflush(stdout);
  }

  /// Numbers from low to high, the same ones in every run.
  static Buffer numbers(DType dtype, std::int64_t n, double low, double high) {
    Buffer buffer(static_cast<std::size_t>(n) * size_of(dtype));
    std::uint32_t state = 1;
    for (std::int64_t i = 0; i < n; ++i) {
      state = state * 1664525u + 1013904223u;
      const double value = low + (high - low) * static_cast<double>(state >> 8) * 0x1p-24;
      if (dtype == DType::float32) {
        buffer.as<float>()[i] = static_cast<float>(value);
      } else {
        buffer.as<double>()[i] = value;
      }
    }
    return buffer;
  }

 private:
  static constexpr int kRounds = 15;

  template <class Call>
  static double time(Call& call, int calls) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < calls; ++i) call();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / calls;
  }

  /// Of the update y += s * x over a working set of about so many bytes: measured once for each power of two.
  double bandwidth(std::int64_t working_set) {
    std::int64_t size = 1 << 14;
    while (size < working_set) size *= 2;
    const auto found = bandwidths_.find(size);
    if (found != bandwidths_.end()) return found->second;
    const double measured = cpu::bandwidth(cpu::Traffic::update, size, threads::count(), 0.05);
    return bandwidths_.emplace(size, measured).first->second;
  }

  double seconds_;
  std::string filter_;
  std::map<std::int64_t, double> bandwidths_;
};

}  // namespace lamina::bench
