#include "core/threads.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>

#if !defined(_WIN32)
#include <pthread.h>
#endif

#include "core/cpu_limits.h"
#include "core/error.h"
#include "core/float_environment.h"
#include "core/openmp.h"
#include "core/worker_pool.h"

namespace lamina::threads {

namespace {

constexpr int kMaxThreads = 1024;

// No function-local statics here: their guards could be held by a thread that a fork
// leaves behind. Two threads may compute a value twice; both get the same.
std::atomic<int> chosen_count{0};   // 0: the default
std::atomic<int> default_value{0};  // 0: not yet computed
std::atomic<int> processors_value{0};

/// How often this process has become a child since lamina was loaded. The handler
/// neither locks nor joins anything, so that a fork can never hang in it.
std::atomic<unsigned> forks{0};
#if !defined(_WIN32)
[[maybe_unused]] const int fork_handler =
    pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1, std::memory_order_relaxed); });
#endif
/// A child forked before lamina was loaded may have inherited an OpenMP runtime whose
/// threads stayed in the parent: a region there would wait for them for ever.
const bool forked_before = detail::forked_without_exec();

thread_local bool inside = false;

int processors() {
  int n = processors_value.load(std::memory_order_relaxed);
  if (n == 0) processors_value.store(n = detail::usable_processors(), std::memory_order_relaxed);
  return n;
}

/// The tasks of a loop that one thread takes first: what comes next, on a line of its own.
struct alignas(64) Share {
  std::atomic<std::int64_t> next{0};
};

/// The workers of this process, and the lock on them. A fork's child makes a new one and
/// leaves its parent's where it is: the lock in it may be held, its threads do not exist.
struct Team {
  static constexpr int kMostShares = 64;

  unsigned generation;
  const Team* abandoned;  // keeps it reachable for leak checkers
  std::atomic<bool> taken{false};
  detail::WorkerPool pool;
  Share shares[kMostShares];  ///< of the loop that has taken the team
};
std::atomic<Team*> current_team{nullptr};

Team& team() {
  const unsigned generation = forks.load(std::memory_order_relaxed);
  Team* found = current_team.load(std::memory_order_acquire);
  while (found == nullptr || found->generation != generation) {
    auto fresh = std::make_unique<Team>();
    fresh->generation = generation;
    fresh->abandoned = found;
    if (current_team.compare_exchange_strong(found, fresh.get(), std::memory_order_acq_rel)) {
      found = fresh.release();
    }
  }
  return *found;
}

/// One parallel_for. Its tasks are cut evenly into shares, one for each thread, in the order of the
/// threads' places: so in loop after loop over the same arrays a thread meets what it has in its own
/// caches. Whoever has done with its share takes from the others'.
class Loop {
 public:
  Loop(std::int64_t tasks, int threads, Share* shares, detail::Body body, void* context)
      : tasks_(tasks),
        count_(std::min(threads, Team::kMostShares)),
        shares_(shares),
        body_(body),
        context_(context),
        limit_(tasks) {
    for (int share = 0; share < count_; ++share) {
      shares_[share].next.store(begin_of(share), std::memory_order_relaxed);
    }
  }

  /// Takes tasks until there are none left.
  void work(int place) noexcept {
    const FloatEnvironment environment;
    inside = true;
    for (int i = 0; i < count_; ++i) take_all((place + i) % count_);
    inside = false;
  }
  void rethrow() {
    if (failure_ != nullptr) std::rethrow_exception(failure_);
  }

 private:
  std::int64_t begin_of(int share) const {
    const std::int64_t each = tasks_ / count_, longer = tasks_ % count_;
    return share * each + std::min<std::int64_t>(share, longer);
  }

  /// What a body throws is kept, and no later task begins. Earlier ones still do, so the exception of
  /// the lowest task wins: the one that a single thread would have met.
  void take_all(int share) noexcept {
    std::atomic<std::int64_t>& next = shares_[share].next;
    const std::int64_t end = begin_of(share + 1);
    std::int64_t task = 0;
    try {
      while ((task = next.fetch_add(1, std::memory_order_relaxed)) < end &&
             task < limit_.load(std::memory_order_relaxed)) {
        body_(context_, task);
      }
    } catch (...) {
      const std::lock_guard<std::mutex> lock(failure_mutex_);
      if (task < limit_.load(std::memory_order_relaxed)) {
        limit_.store(task, std::memory_order_relaxed);
        failure_ = std::current_exception();
      }
    }
  }

  const std::int64_t tasks_;
  const int count_;
  Share* const shares_;
  const detail::Body body_;
  void* const context_;
  std::atomic<std::int64_t> limit_;  ///< tasks from here on are not begun
  std::mutex failure_mutex_;
  std::exception_ptr failure_;
};

void run_alone(std::int64_t tasks, detail::Body body, void* context) {
  const FloatEnvironment environment;
  for (std::int64_t task = 0; task < tasks; ++task) body(context, task);
}

}  // namespace

int default_count() {
  int n = default_value.load(std::memory_order_relaxed);
  if (n == 0) {
    const char* wanted = std::getenv("OMP_NUM_THREADS");
    n = wanted == nullptr ? 0 : detail::first_of_list(wanted);
    if (n == 0) n = processors();
    n = std::clamp(n, 1, kMaxThreads);
    default_value.store(n, std::memory_order_relaxed);
  }
  return n;
}

int count() {
  const int n = chosen_count.load(std::memory_order_relaxed);
  return n != 0 ? n : default_count();
}

void set_count(int n) {
  if (n < 1 || n > kMaxThreads) {
    throw ValueError(
        text("[set_num_threads] the number of threads must be from 1 to ", kMaxThreads, ". Received: n=", n));
  }
  chosen_count.store(n, std::memory_order_relaxed);
}

// What each thread is to have at least. To wake a worker costs tens of microseconds, and waiting for
// the last one as much again; one that still looks for work, as between the operations of a step, is
// there at once. How many threads share the work never changes its result.
constexpr double kAsleep = 20'000.0, kAwake = 3'000.0;

bool may_be_worthwhile(double cost) { return cost >= 2.0 * kAwake; }

int worthwhile(double cost, std::int64_t tasks) {
  if (!may_be_worthwhile(cost)) return 1;
  const Team* team = current_team.load(std::memory_order_acquire);
  const bool awake = team != nullptr && team->pool.awake() > 0;
  const double least = awake ? kAwake : kAsleep;
  if (!(cost >= 2.0 * least)) return 1;
  const double wanted = std::min(cost / least, static_cast<double>(kMaxThreads));
  return static_cast<int>(std::clamp<std::int64_t>(std::min<std::int64_t>(count(), static_cast<int>(wanted)),
                                                   1, std::max<std::int64_t>(tasks, 1)));
}

void detail::run(std::int64_t tasks, Body body, void* context, int limit) {
  if (tasks <= 0) return;
  const int most = count();
  const int allowed = limit > 0 ? std::min(limit, most) : most;
  const int wanted = static_cast<int>(std::min<std::int64_t>(allowed, tasks));
  if (wanted == 1 || inside) return run_alone(tasks, body, context);

  Team& mine = team();
  if (mine.taken.exchange(true, std::memory_order_acquire)) return run_alone(tasks, body, context);
  Loop loop(tasks, wanted, mine.shares, body, context);
  const WorkerPool::Work work = [](void* l, int place) { static_cast<Loop*>(l)->work(place); };
  if (has_openmp() && mine.generation == 0 && !forked_before) {
    run_openmp(most, wanted, work, &loop);
  } else {
    mine.pool.run(wanted - 1, work, &loop, most <= processors());
  }
  mine.taken.store(false, std::memory_order_release);
  loop.rethrow();
}

}  // namespace lamina::threads
