// How long work stays interruptible and shows its progress without costing anything.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

namespace lamina::nn {

/// Calls a function at most every 20 ms, however often tick() is called. The function may
/// throw (Ctrl-C): ticks stand only where the model is as after its last whole step, and
/// where no lock is held.
class Monitor {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kInterval{20};

  Monitor() = default;
  using Check = std::function<void(std::int64_t batches, bool between_batches)>;
  explicit Monitor(Check check) : check_(std::move(check)), last_(Clock::now()), last_between_(last_) {}

  /// The time between batches is counted on its own: most ticks fall inside a batch.
  void tick(bool between_batches = false) {
    if (!check_) return;
    Clock::time_point& last = between_batches ? last_between_ : last_;
    if (Clock::now() - last < kInterval) return;
    check_(batches, between_batches);
    last_ = Clock::now();
    if (between_batches) last_between_ = last_;
  }

  std::int64_t batches = 0;  ///< done so far

 private:
  Check check_;
  Clock::time_point last_{};
  Clock::time_point last_between_{};
};

}  // namespace lamina::nn
