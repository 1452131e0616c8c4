// The values of parameters in one flat buffer, with what their readers and writers share.
#pragma once

#include <atomic>
#include <cstdint>
#include <shared_mutex>
#include <vector>

#include "core/tensor.h"
#include "device/device.h"
#include "nn/parameters/parameters.h"

namespace lamina::nn {

class ParameterMemory {
 public:
  ParameterMemory(DType dtype, Device& device) : dtype_(dtype), device_(device) {}
  ParameterMemory(const ParameterMemory&) = delete;
  ParameterMemory& operator=(const ParameterMemory&) = delete;

  /// The values of a layout whose offsets are fixed, all zero; once.
  void lay_out(const ParameterLayout& layout);
  bool laid_out() const { return values_.defined(); }
  /// Whether the parameters of `layout` lie here at its offsets.
  bool fits(const ParameterLayout& layout) const;

  DType dtype() const { return dtype_; }
  Device& device() const { return device_; }
  /// The flat buffer, for a caller that may change it: copies of parameters are made anew after it.
  void* values() const {
    version_.fetch_add(1, std::memory_order_relaxed);
    return values_.raw();
  }
  /// The same for a caller that only reads.
  const void* current() const { return values_.raw(); }
  /// The values were changed: tapes that need the old ones report it.
  void changed() const { values_.storage().changed(); }
  /// Grows with each change, at the latest when it is complete.
  std::uint64_t version() const {
    return version_.load(std::memory_order_relaxed) + values_.storage().version();
  }
  /// Parameter `i` as a tensor; who writes to it calls changed().
  Tensor view(std::size_t i) const;
  std::size_t bytes_of(std::size_t i) const;
  std::size_t flat_bytes() const { return static_cast<std::size_t>(elements_) * size_of(dtype_); }

  /// Copies of parameter `i`'s place in a flat buffer (values, gradients, an optimizer slot), dense. `count`:
  /// only the first elements, where a slot is smaller than its parameter; -1: all. They take the lock.
  void read(const void* flat, std::size_t i, void* to_host, std::int64_t count = -1) const;
  void write(void* flat, std::size_t i, const void* from_host, std::int64_t count = -1) const;

  /// Held to change or read parameters, never for a whole step.
  std::shared_mutex& lock() const { return lock_; }
  /// Whether a training or an evaluation works with the values: Exclusive.
  bool in_use() const { return users_.load(std::memory_order_acquire) > 0; }
  void enter() const { users_.fetch_add(1, std::memory_order_acq_rel); }
  void leave() const { users_.fetch_sub(1, std::memory_order_acq_rel); }

 private:
  struct Place {
    Shape shape;
    std::int64_t offset, count;
    bool operator==(const Place&) const = default;
  };
  static std::vector<Place> places_of(const ParameterLayout& layout);

  DType dtype_;
  Device& device_;
  std::vector<Place> places_;
  std::int64_t elements_ = 0;
  Tensor values_;  ///< flat
  mutable std::shared_mutex lock_;
  mutable std::atomic<std::uint64_t> version_{1};
  mutable std::atomic<int> users_{0};
};

}  // namespace lamina::nn
