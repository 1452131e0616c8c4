// Threads. This header and its .cpp files are the only place that knows how work
// is spread over cores (an own pool of workers, or OpenMP); everything else calls
// parallel_for. No result depends on the number of threads: a task's outcome is a
// function of its index alone.
#pragma once

#include <cstdint>
#include <type_traits>

namespace lamina::threads {

/// The number of threads that a parallel_for may use, the caller included. At start:
/// OMP_NUM_THREADS if set, else the smaller of the CPU affinity mask and the cgroup's
/// CPU quota (rounded up), at least 1.
int count();
/// Sets it; ValueError unless 1 <= n <= 1024. Takes effect from the next parallel_for.
void set_count(int n);
/// What count() was at start, before set_count.
int default_count();

namespace detail {
using Body = void (*)(void* context, std::int64_t task);
void run(std::int64_t tasks, Body body, void* context, int limit);
}  // namespace detail

/// Calls body(task) once for each task in [0, tasks), on at most `limit` threads
/// (0: count()). Returns when all are done; the first exception is rethrown.
/// Runs in the calling thread alone when there is one task, when called from inside
/// another parallel_for, or while another host thread's parallel_for holds the
/// workers (so several models training in several threads never oversubscribe).
/// In a forked child fresh workers start on first use: a child never hangs.
/// Each worker and the caller run with the contract's floating-point environment.
template <class F>
void parallel_for(std::int64_t tasks, F&& body, int limit = 0) {
  using Fn = std::remove_reference_t<F>;
  detail::run(
      tasks, [](void* context, std::int64_t task) { (*static_cast<Fn*>(context))(task); },
      const_cast<void*>(static_cast<const void*>(&body)), limit);
}

/// How many threads are worth waking for `cost` (about one unit a nanosecond of one
/// core's work): 1 for small work, count() for large, never more than `tasks`.
int worthwhile(double cost, std::int64_t tasks);
/// Whether it could ever be: false where one thread does the work in any case.
bool may_be_worthwhile(double cost);

}  // namespace lamina::threads
