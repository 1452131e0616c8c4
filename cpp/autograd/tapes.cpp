#include "autograd/tapes.h"

#include <algorithm>

namespace lamina::autograd {

constinit thread_local const std::vector<Tape*>* detail::recording = nullptr;

namespace {

// Numbers of tapes that exist, ascending: few, and looked at rarely.
std::mutex alive_mutex;
std::vector<TapeId> alive_tapes;
TapeId latest_tape = 0;

}  // namespace

TapeId detail::begin_tape() {
  const std::lock_guard lock(alive_mutex);
  alive_tapes.push_back(++latest_tape);
  return latest_tape;
}

void detail::end_tape(TapeId id) {
  const std::lock_guard lock(alive_mutex);
  std::erase(alive_tapes, id);
}

bool is_alive(TapeId id) {
  const std::lock_guard lock(alive_mutex);
  return std::binary_search(alive_tapes.begin(), alive_tapes.end(), id);
}

bool WatchSet::among_more(TapeId id) const {
  const std::lock_guard lock(mutex_);
  return std::find(more_.begin(), more_.end(), id) != more_.end();
}

bool WatchSet::add(TapeId id) {
  if (contains(id)) return false;
  const std::lock_guard lock(mutex_);
  const TapeId before = latest_.load(std::memory_order_relaxed);
  std::erase_if(more_, [](TapeId other) { return !is_alive(other); });
  if (before != 0 && is_alive(before)) more_.push_back(before);
  has_more_.store(!more_.empty(), std::memory_order_release);
  latest_.store(id, std::memory_order_release);
  return true;
}

}  // namespace lamina::autograd
