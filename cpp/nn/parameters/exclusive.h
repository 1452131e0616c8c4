// One training or evaluation at a time on one model.
#pragma once

#include <atomic>

#include "core/error.h"
#include "nn/parameters/memory.h"

namespace lamina::nn {

/// Holds a model's flag while a training or evaluation runs; StateError if another one does. Meanwhile the
/// values are in use.
class Exclusive {
 public:
  Exclusive(std::atomic<bool>& busy, const ParameterMemory& values) : busy_(busy), values_(values) {
    if (busy_.exchange(true)) {
      throw StateError("[Network] a training or evaluation of this model is running in another thread");
    }
    values_.enter();
  }
  ~Exclusive() {
    values_.leave();
    busy_.store(false);
  }
  Exclusive(const Exclusive&) = delete;
  Exclusive& operator=(const Exclusive&) = delete;

 private:
  std::atomic<bool>& busy_;
  const ParameterMemory& values_;
};

}  // namespace lamina::nn
