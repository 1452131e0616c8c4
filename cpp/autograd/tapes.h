// Which tapes there are. A tape has a number that no other tape of the process ever gets; values
// and recorded calls note numbers, so a tape that is gone leaves nothing that must be cleaned up.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

namespace lamina::autograd {

class Tape;

/// The number of a tape; 0 is none.
using TapeId = std::uint64_t;

/// The tapes for which a call was recorded: nearly always one. Not changed while it is shared.
class TapeList {
 public:
  bool empty() const { return first_ == 0; }
  bool contains(TapeId id) const {
    if (first_ == id) return true;
    for (const TapeId other : more_) {
      if (other == id) return true;
    }
    return false;
  }
  void add(TapeId id) {
    if (first_ == 0) {
      first_ = id;
    } else {
      more_.push_back(id);
    }
  }
  void remove(TapeId id) {
    if (first_ == id) {
      first_ = more_.empty() ? 0 : more_.back();
      if (!more_.empty()) more_.pop_back();
      return;
    }
    std::erase(more_, id);
  }

 private:
  TapeId first_ = 0;
  std::vector<TapeId> more_;
};

/// The tapes that watch a value. Threads may look and add at the same time.
class WatchSet {
 public:
  bool contains(TapeId id) const {
    if (latest_.load(std::memory_order_acquire) == id) return true;
    return has_more_.load(std::memory_order_acquire) && among_more(id);
  }
  /// Whether it was not there before. Tapes that are over are forgotten.
  bool add(TapeId id);

 private:
  bool among_more(TapeId id) const;

  std::atomic<TapeId> latest_{0};
  std::atomic<bool> has_more_{false};
  mutable std::mutex mutex_;
  std::vector<TapeId> more_;
};

/// Whether a tape of that number exists.
bool is_alive(TapeId id);

namespace detail {
TapeId begin_tape();
void end_tape(TapeId id);
/// The tapes that record in this thread, innermost last; null while there are none.
extern constinit thread_local const std::vector<Tape*>* recording;
}  // namespace detail

/// Whether any tape records in this thread: the whole cost of differentiation where none does.
inline bool is_recording() { return detail::recording != nullptr; }

}  // namespace lamina::autograd
