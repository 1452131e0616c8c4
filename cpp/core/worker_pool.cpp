#include "core/worker_pool.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <new>
#include <thread>

#if !defined(_WIN32)
#include <pthread.h>
#include <signal.h>
#endif
#if defined(__SSE2__) || defined(_M_X64)
#include <xmmintrin.h>
#endif

namespace lamina::threads::detail {

namespace {

/// Longer than the gap between two steps of a training loop in Python: a worker that sleeps takes
/// tens of microseconds to wake, in a virtual machine up to a hundred. While it looks for work it
/// gives way to whoever else wants the processor.
constexpr int kSpinNanoseconds = 1'000'000;
/// How many workers a node of the waking tree wakes.
constexpr int kFanOut = 4;

void pause() {
#if defined(__SSE2__) || defined(_M_X64)
  _mm_pause();
#elif defined(__aarch64__) && !defined(_MSC_VER)
  __asm__ volatile("isb" ::: "memory");
#else
  std::this_thread::yield();
#endif
}

/// Whether ready() became true within the time.
template <class Ready>
bool spin(const Ready& ready, int nanoseconds) {
  if (ready()) return true;
  if (nanoseconds <= 0) return false;
  const auto end = std::chrono::steady_clock::now() + std::chrono::nanoseconds(nanoseconds);
  do {
    for (int i = 0; i < 32; ++i) {
      pause();
      if (ready()) return true;
    }
    // The thread that is waited for may need this very processor.
    std::this_thread::yield();
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

#if !defined(_WIN32)
/// Workers leave signals to the threads of the program, but for those that a fault of
/// their own raises.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t blocked;
    sigfillset(&blocked);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP}) sigdelset(&blocked, fault);
    pthread_sigmask(SIG_SETMASK, &blocked, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};
#endif

}  // namespace

template <class Ready>
void Gate::wait(Ready ready) {
  std::unique_lock<std::mutex> lock(mutex_);
  // Ordered against wake(): either the waker sees `asleep_`, or this sees its change.
  asleep_.store(true, std::memory_order_seq_cst);
  condition_.wait(lock, ready);
  asleep_.store(false, std::memory_order_relaxed);
}

/// Starts a thread that owns nothing on the heap, so that a fork's child, which lacks
/// it, has lost nothing; whether the system allowed it.
bool WorkerPool::start_thread(Worker& worker) {
#if defined(_WIN32)
  try {
    std::thread([&worker] { serve(worker); }).detach();
    return true;
  } catch (const std::exception&) {
    return false;
  }
#else
  const SignalsBlocked blocked;
  pthread_t thread;
  void* (*const main)(void*) = [](void* argument) -> void* {
    serve(*static_cast<Worker*>(argument));
    return nullptr;
  };
  if (pthread_create(&thread, nullptr, main, &worker) != 0) return false;
  pthread_detach(thread);
  return true;
#endif
}

int WorkerPool::grow(int workers) {
  for (; started_ < workers; ++started_) {
    auto& worker = workers_[started_];
    if (worker == nullptr) {
      worker.reset(new (std::nothrow) Worker);
      if (worker == nullptr) break;
      worker->pool = this;
      worker->index = started_;
    }
    if (!start_thread(*worker)) break;  // a limit on threads: do with those that there are
  }
  return std::min(workers, started_);
}

void WorkerPool::wake_children(int node, int workers) {
  const int first = kFanOut * node + 1;
  for (int child = first; child < first + kFanOut && child <= workers; ++child)
    workers_[child - 1]->gate.wake();
}

void WorkerPool::serve(Worker& me) {
  WorkerPool& pool = *me.pool;
  const auto has_job = [&me] { return me.job.load(std::memory_order_seq_cst) != nullptr; };
  for (;;) {
    pool.awake_.fetch_add(1, std::memory_order_relaxed);
    const bool found = spin(has_job, pool.may_spin_.load(std::memory_order_relaxed) ? kSpinNanoseconds : 0);
    pool.awake_.fetch_sub(1, std::memory_order_relaxed);
    if (!found) me.gate.wait(has_job);
    const Job* job = me.job.exchange(nullptr, std::memory_order_acq_rel);
    if (job == nullptr) continue;  // called off
    pool.wake_children(me.index + 1, job->workers);
    job->work(job->context, me.index + 1);
    // From here on the caller may return, and the job with it.
    if (pool.unfinished_.fetch_sub(1, std::memory_order_seq_cst) == 1) pool.done_.wake();
  }
}

void WorkerPool::run(int workers, Work work, void* context, bool may_spin) {
  workers = grow(std::min(workers, kMaxWorkers));
  may_spin_.store(may_spin, std::memory_order_relaxed);
  Job job{work, context, workers};
  unfinished_.store(workers, std::memory_order_relaxed);
  for (int i = 0; i < workers; ++i) workers_[i]->job.store(&job, std::memory_order_seq_cst);
  wake_children(0, workers);

  work(context, 0);

  int called_off = 0;
  for (int i = 0; i < workers; ++i) {
    if (workers_[i]->job.exchange(nullptr, std::memory_order_acq_rel) != nullptr) ++called_off;
  }
  unfinished_.fetch_sub(called_off, std::memory_order_acq_rel);
  const auto finished = [this] { return unfinished_.load(std::memory_order_seq_cst) == 0; };
  if (!spin(finished, may_spin ? kSpinNanoseconds : 0)) done_.wait(finished);
}

}  // namespace lamina::threads::detail
