// How long a parallel_for of one small task for each thread takes, on the machine as it is
// and with other processes on its cores. Built with LAMINA_OPENMP=ON it times the OpenMP team,
// with OFF lamina's own workers.
//
//   bench_threads [processes that keep the cores busy, default 0]
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "core/openmp.h"
#include "core/threads.h"

namespace {

using Clock = std::chrono::steady_clock;

double microseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

void work_for(double microseconds) {
  const Clock::time_point start = Clock::now();
  while (microseconds_since(start) < microseconds) {
  }
}

}  // namespace

int main(int argc, char** argv) {
  constexpr double kTask = 5.0;
  constexpr int kRounds = 3000;
  const int busy = argc > 1 ? std::atoi(argv[1]) : 0;
  std::vector<pid_t> children;
  for (int i = 0; i < busy; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      for (;;) work_for(1e6);
    }
    if (child > 0) children.push_back(child);
  }

  const int threads = lamina::threads::count();
  std::vector<double> times;
  const Clock::time_point begin = Clock::now();
  while (static_cast<int>(times.size()) < kRounds && microseconds_since(begin) < 2e7) {
    const Clock::time_point start = Clock::now();
    lamina::threads::parallel_for(threads, [](std::int64_t) { work_for(kTask); }, threads);
    times.push_back(microseconds_since(start));
    work_for(2 * kTask);  // what a step does between two products
  }
  for (const pid_t child : children) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }

  std::sort(times.begin(), times.end());
  const auto at = [&times](double share) {
    return times[static_cast<std::size_t>(share * (times.size() - 1))];
  };
  std::printf("%s, %d threads, %d busy processes, %zu rounds: median %.1f us, 90 %% %.1f us, 99 %% %.1f us\n",
              lamina::threads::detail::has_openmp() ? "OpenMP" : "own workers", threads, busy, times.size(),
              at(0.5), at(0.9), at(0.99));
  return EXIT_SUCCESS;
}
