// Memory that is aligned to a vector and freed by its owner.
#pragma once

#include <cstddef>
#include <new>
#include <utility>

namespace lamina {

/// Every buffer starts on a 64-byte boundary: one vector, one cache line.
constexpr std::size_t kAlignment = 64;

/// Owns `bytes` of aligned host memory, uninitialised. Throws std::bad_alloc when
/// there is not enough, also for more than the machine has.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t bytes);
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Buffer() { free(data_); }

  /// Gives the memory to the caller, who passes it to free().
  void* release() { return std::exchange(data_, nullptr); }
  static void free(void* memory) noexcept;

  void* data() const { return data_; }
  template <class T>
  T* as() const {
    return static_cast<T*>(data_);
  }
  std::size_t bytes() const { return bytes_; }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace lamina
