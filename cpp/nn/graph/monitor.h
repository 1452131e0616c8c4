// How long work stays interruptible and shows its progress without costing anything.
#pragma once

#include <chrono>
#include <cstdint>

namespace lamina::nn {

/// Calls a check at most every 20 ms, however often tick() is called. The check may throw
/// (Ctrl-C): ticks stand only where the model is as after its last whole step, and where no
/// lock is held. Allocates nothing.
class Monitor {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kInterval{20};

  class Check {
   public:
    virtual void operator()(std::int64_t batches, bool between_batches) = 0;

   protected:
    ~Check() = default;
  };

  Monitor() = default;
  explicit Monitor(Check& check) : check_(&check) {}

  /// `work`: about how many multiplications the caller does until its next tick. Reading the clock
  /// takes as long as a thousand of them, so it is read once in a while only. The time between
  /// batches is counted on its own: most ticks fall inside a batch.
  void tick(double work = 0.0, bool between_batches = false) {
    if (check_ == nullptr) return;
    work += kWorkOfCall;
    inside_.work += work;
    between_.work += work;
    Turn& turn = between_batches ? between_ : inside_;
    if (turn.work < kWorkBetweenLooks) return;
    look(turn, between_batches);
  }

  std::int64_t batches = 0;  ///< done so far

 private:
  static constexpr double kWorkOfCall = 2e3;
  static constexpr double kWorkBetweenLooks = 1e6;
  struct Turn {
    double work = 0.0;  ///< since the clock was read
    bool begun = false;
    Clock::time_point last{};
  };

  void look(Turn& turn, bool between_batches) {
    turn.work = 0.0;
    if (!turn.begun) {
      turn.begun = true;
      turn.last = Clock::now();
      return;
    }
    if (Clock::now() - turn.last < kInterval) return;
    (*check_)(batches, between_batches);
    turn.last = Clock::now();
  }

  Check* check_ = nullptr;
  Turn inside_, between_;
};

}  // namespace lamina::nn
