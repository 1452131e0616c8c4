// lamina's own workers: threads that wait, first spinning for a moment and then asleep,
// for a piece of work to be called on several of them at once.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>

namespace lamina::threads::detail {

/// Where one thread waits until a condition holds that other threads bring about.
class Gate {
 public:
  /// Sleeps until ready() is true.
  template <class Ready>
  void wait(Ready ready);
  /// To be called after a (sequentially consistent) change that makes a ready() true.
  void wake() {
    if (!asleep_.load(std::memory_order_seq_cst)) return;
    {
      std::lock_guard<std::mutex> lock(mutex_);
    }
    condition_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  std::atomic<bool> asleep_{false};
};

/// Threads start when first needed, and stay. A pool is never destroyed: at the end of
/// the process its workers are asleep or spinning and touch nothing but the pool.
class WorkerPool {
 public:
  /// `place`: 0 in the caller, i + 1 in worker i.
  using Work = void (*)(void* context, int place);
  static constexpr int kMaxWorkers = 1023;

  /// Calls work(context, place) in this thread and in up to `workers` others at once; returns
  /// when every call that began has returned. Workers that have not begun by the time
  /// the caller's own call returns are called off, so `work` must share out what there is
  /// to do among whoever comes. `work` must not throw. For one caller at a time.
  /// When the system gives no more threads, there are fewer workers.
  void run(int workers, Work work, void* context, bool may_spin);
  /// How many workers look for work right now: they begin within a microsecond.
  int awake() const { return awake_.load(std::memory_order_relaxed); }

 private:
  struct Job {
    Work work;
    void* context;
    int workers;
  };
  /// A line of its own for each, so that waiting for one does not slow another.
  struct alignas(64) Worker {
    WorkerPool* pool;
    int index;
    std::atomic<Job*> job{nullptr};  ///< given by the caller, taken by the worker
    Gate gate;
  };

  int grow(int workers);
  static void serve(Worker& worker);
  static bool start_thread(Worker& worker);
  /// Wakes the workers below node `node` of the tree (0 is the caller, worker i node i + 1).
  void wake_children(int node, int workers);

  std::unique_ptr<Worker> workers_[kMaxWorkers];
  int started_ = 0;
  std::atomic<bool> may_spin_{true};
  std::atomic<int> awake_{0};
  alignas(64) std::atomic<int> unfinished_{0};  ///< workers that have the job and have not returned
  Gate done_;
};

}  // namespace lamina::threads::detail
