// Threads: every task runs once, exceptions arrive, nesting and concurrent callers fall
// back to one thread, a forked child never hangs, and the floating-point environment is
// the contract's inside and the caller's outside.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "core/cpu_limits.h"
#include "core/error.h"
#include "core/threads.h"

#if !defined(_WIN32)
#include <sys/wait.h>
#include <unistd.h>
#endif
#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace threads = lamina::threads;

namespace {

/// Whether each of `tasks` tasks ran exactly once, and its writes are visible here.
bool each_once(std::int64_t tasks, int limit = 0) {
  std::vector<int> runs(static_cast<std::size_t>(tasks), 0);
  threads::parallel_for(tasks, [&](std::int64_t task) { runs[static_cast<std::size_t>(task)] += 1; }, limit);
  for (const int n : runs) {
    if (n != 1) return false;
  }
  return true;
}

#if defined(__linux__)
constexpr bool kKnowsForks = true;
#else
constexpr bool kKnowsForks = false;
#endif

void sleep_microseconds(int n) { std::this_thread::sleep_for(std::chrono::microseconds(n)); }

void test_every_task_once() {
  for (const int n : {1, 2, 3, 5, 16}) {
    threads::set_count(n);
    CHECK(threads::count() == n);
    for (const std::int64_t tasks : {0, 1, 2, 3, 7, 64, 1000}) {
      for (const int limit : {0, 1, 2, 100}) CHECK(each_once(tasks, limit));
    }
  }
  // Back to back, with and without pauses that let the workers fall asleep.
  threads::set_count(3);
  bool ok = true;
  for (int round = 0; round < 2000; ++round) {
    ok = ok && each_once(5);
    if (round % 100 == 0) sleep_microseconds(200);
  }
  CHECK(ok);
}

void test_counts() {
  CHECK(threads::default_count() >= 1);
  for (const int bad : {0, -1, 1025, -2147483647}) CHECK_THROWS(threads::set_count(bad), lamina::ValueError);
  threads::set_count(1024);
  CHECK(threads::count() == 1024);
  threads::set_count(4);
  CHECK(threads::worthwhile(0, 100) == 1);
  CHECK(threads::worthwhile(-1, 100) == 1);
  CHECK(threads::worthwhile(1000, 100) == 1);
  CHECK(threads::worthwhile(1e9, 100) == 4);
  CHECK(threads::worthwhile(1e300, 100) == 4);
  CHECK(threads::worthwhile(1e9, 3) == 3);
  CHECK(threads::worthwhile(1e9, 0) == 1);
  CHECK(threads::worthwhile(0.0 / 0.0 * 1.0, 3) == 1);
}

void test_at_most_limit() {
  threads::set_count(8);
  for (const int limit : {1, 2, 3}) {
    std::atomic<int> now{0}, most{0};
    threads::parallel_for(
        64,
        [&](std::int64_t) {
          const int mine = ++now;
          int seen = most.load();
          while (mine > seen && !most.compare_exchange_weak(seen, mine)) {
          }
          sleep_microseconds(50);
          --now;
        },
        limit);
    CHECK(most.load() <= limit);
  }
}

/// Loop after loop a thread begins with the same share of the tasks: its caches hold what it needs.
void test_shares() {
  threads::set_count(2);
  const auto here = std::this_thread::get_id();
  std::atomic<bool> caller_first{true}, together{true};
  std::atomic<int> begun;
  for (int round = 0; round < 200 && together; ++round) {
    begun = 0;
    threads::parallel_for(2, [&](std::int64_t task) {
      // Neither task ends before both have begun, so neither thread can take both.
      ++begun;
      for (int waits = 0; begun < 2 && waits < 20000; ++waits) sleep_microseconds(100);
      if (begun < 2) together = false;
      if ((std::this_thread::get_id() == here) != (task == 0)) caller_first = false;
    });
  }
  if (!together) {
    std::puts("no second thread came: shares are not tested");
    return;
  }
  CHECK(caller_first);
}

void test_exceptions() {
  for (const int n : {1, 2, 4}) {
    threads::set_count(n);
    for (int round = 0; round < 50; ++round) {
      std::string met;
      try {
        threads::parallel_for(100, [&](std::int64_t task) {
          if (task >= 30 && task % 10 == 0) throw std::runtime_error(std::to_string(task));
        });
      } catch (const std::runtime_error& error) {
        met = error.what();
      }
      CHECK(met == "30");  // the lowest, as with one thread
    }
    CHECK(each_once(100));
  }
}

void test_nesting() {
  threads::set_count(3);
  std::atomic<std::int64_t> total{0};
  std::atomic<bool> stayed{true};
  threads::parallel_for(20, [&](std::int64_t) {
    const auto here = std::this_thread::get_id();
    threads::parallel_for(10, [&](std::int64_t task) {
      total += task;
      if (std::this_thread::get_id() != here) stayed = false;
    });
  });
  CHECK(total == 20 * 45);
  CHECK(stayed);
  bool caught = false;
  try {
    threads::parallel_for(4, [&](std::int64_t) {
      threads::parallel_for(4, [](std::int64_t) { throw std::runtime_error("inner"); });
    });
  } catch (const std::runtime_error&) {
    caught = true;
  }
  CHECK(caught);
  CHECK(each_once(9));
}

void test_concurrent_callers() {
  threads::set_count(3);
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int i = 0; i < 6; ++i) {
    callers.emplace_back([&] {
      for (int round = 0; round < 200; ++round) wrong += !each_once(17);
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(wrong == 0);
}

void test_float_environment() {
#if defined(__SSE2__)
  threads::set_count(3);
  const unsigned before = _mm_getcsr();
  const unsigned flushing = (before & ~0x3fu) | 0x8040u;  // FTZ and DAZ
  for (const std::int64_t tasks : {1, 8}) {
    _mm_setcsr(flushing);
    std::atomic<int> lost{0};
    threads::parallel_for(tasks, [&](std::int64_t) {
      volatile float small = 1e-38f;
      if (small * 0.125f == 0.0f) ++lost;
      sleep_microseconds(100);
    });
    CHECK((_mm_getcsr() & ~0x3fu) == flushing);
    _mm_setcsr(before);
    CHECK(lost == 0);
  }
  // Also when the body throws.
  _mm_setcsr(flushing);
  try {
    threads::parallel_for(8, [](std::int64_t) { throw 1; });
  } catch (int) {
  }
  CHECK((_mm_getcsr() & ~0x3fu) == flushing);
  _mm_setcsr(before);
#endif
}

#if !defined(_WIN32)
/// QEMU's user mode aborts now and then when a process with threads forks.
bool emulated() {
#if defined(__aarch64__) && defined(__linux__)
  std::ifstream file("/proc/cpuinfo");
  const std::string all((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return all.find("CPU implementer") == std::string::npos;
#else
  return false;
#endif
}

/// Runs `body` in a forked child under a watchdog; whether it returned true.
template <class Body>
bool in_child(Body body, bool through_exit = false) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    const int code = body() ? 0 : 1;
    if (through_exit) std::exit(code);  // static destructors run with the workers parked
    _exit(code);
  }
  int status = 0;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void test_fork_before_use() {
  CHECK(in_child([] {
    threads::set_count(3);
    return each_once(100) && each_once(100);
  }));
  CHECK(in_child([] { return each_once(100); }, true));
  CHECK(in_child([] { return threads::detail::forked_without_exec(); }) || !kKnowsForks || emulated());
}

void test_fork_after_use() {
  threads::set_count(3);
  CHECK(each_once(100));
  int failed = 0;
  for (int round = 0; round < 100; ++round) {
    failed += !in_child([] { return each_once(64) && each_once(5); }, round % 2 == 0);
    if (round % 10 == 0) CHECK(each_once(10));  // the parent goes on
  }
  CHECK(failed == 0);
  CHECK(in_child([] { return each_once(20) && in_child([] { return each_once(20); }) && each_once(20); }));
}

void test_fork_while_another_thread_holds_the_workers() {
  threads::set_count(3);
  std::atomic<bool> stop{false};
  std::thread other([&] {
    while (!stop) each_once(50);
  });
  int failed = 0;
  for (int round = 0; round < 30; ++round) {
    failed += !in_child([] {
      threads::set_count(2);
      return each_once(30);
    });
  }
  stop = true;
  other.join();
  CHECK(failed == 0);
}
#endif

void test_limits() {
  namespace detail = threads::detail;
  CHECK(detail::first_of_list("4") == 4);
  CHECK(detail::first_of_list(" 3,2,1") == 3);
  CHECK(detail::first_of_list("") == 0);
  CHECK(detail::first_of_list("zero") == 0);
  CHECK(detail::first_of_list("0") == 0);
  CHECK(detail::first_of_list("-2") == 0);
  CHECK(detail::first_of_list("99999999999999999999") == 0);
  CHECK(detail::processors_in_affinity() >= 1);
  CHECK(detail::usable_processors() >= 1);

  namespace fs = std::filesystem;
  const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
  const fs::path root = fs::temp_directory_path() / ("lamina_test_threads_" + std::to_string(now));
  const auto put = [&](const std::string& path, const std::string& what) {
    fs::create_directories((root / path).parent_path());
    std::ofstream(root / path) << what;
  };
  const auto quota = [&](const std::string& membership) {
    put("membership", membership);
    return detail::cgroup_processors((root / "membership").string(), (root / "mount").string());
  };
  CHECK(quota("0::/\n") == 0.0);
  put("mount/a/cpu.max", "250000 100000\n");
  put("mount/a/b/cpu.max", "max 100000\n");
  CHECK(quota("0::/a/b\n") == 2.5);
  put("mount/cpu.max", "150000 100000\n");
  CHECK(quota("0::/a/b\n") == 1.5);
  CHECK(quota("0::/not/below/the/mount\n") == 1.5);
  put("mount/cpu.max", "garbage");
  CHECK(quota("0::/a\n") == 2.5);
  put("mount/cpu.max", "0 0\n");
  CHECK(quota("nonsense\n\n:\n::\n0::/a\n") == 2.5);
  put("mount/cpu,cpuacct/c/cpu.cfs_quota_us", "300000\n");
  put("mount/cpu,cpuacct/c/cpu.cfs_period_us", "100000\n");
  put("mount/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  put("mount/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  CHECK(quota("5:cpuset:/c\n4:cpu,cpuacct:/c\n") == 3.0);
  CHECK(quota("5:cpuset:/c\n") == 0.0);
  CHECK(detail::cgroup_processors((root / "missing").string(), root.string()) == 0.0);
  fs::remove_all(root);
}

}  // namespace

int main() {
#if !defined(_WIN32)
  test_fork_before_use();
#endif
  test_limits();
  test_counts();
  test_every_task_once();
  test_at_most_limit();
  test_shares();
  test_exceptions();
  test_nesting();
  test_concurrent_callers();
  test_float_environment();
#if !defined(_WIN32)
  if (emulated()) {
    std::puts("emulated: not forking a process with threads");
  } else {
    test_fork_after_use();
    test_fork_while_another_thread_holds_the_workers();
  }
#endif
  return lamina::test::result();
}
