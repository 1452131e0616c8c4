// One training or evaluation at a time on one network.
#pragma once

#include <atomic>

#include "core/error.h"

namespace lamina::nn {

/// Holds a network's flag while a training or evaluation runs; StateError if another one does.
class Exclusive {
 public:
  explicit Exclusive(std::atomic<bool>& busy) : busy_(busy) {
    if (busy_.exchange(true)) {
      throw StateError("[Network] a training or evaluation of this model is running in another thread");
    }
  }
  ~Exclusive() { busy_.store(false); }
  Exclusive(const Exclusive&) = delete;
  Exclusive& operator=(const Exclusive&) = delete;

 private:
  std::atomic<bool>& busy_;
};

}  // namespace lamina::nn
