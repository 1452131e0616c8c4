// The caching allocator: blocks that are given back are kept for the next request of their size, since
// asking the driver takes longer than most kernels.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lamina::cuda {

struct MemoryStatistics {
  std::size_t allocated = 0;       ///< bytes in use
  std::size_t peak = 0;            ///< the most that ever were
  std::size_t reserved = 0;        ///< bytes asked of the driver and not given back
  std::size_t limit = 0;           ///< 0: none
  std::uint64_t requests = 0;      ///< allocations
  std::uint64_t driver_calls = 0;  ///< those that the cache could not serve
};

/// 256-byte aligned; std::bad_alloc beyond the limit or the GPU's memory, after the cache was given back.
void* allocate(std::size_t bytes);
void release(void* memory) noexcept;
MemoryStatistics memory_statistics();
void limit_memory(std::size_t bytes);
void give_back_cache();

/// Memory of one call.
class Scratch {
 public:
  explicit Scratch(std::size_t bytes) : memory_(bytes == 0 ? nullptr : allocate(bytes)) {}
  ~Scratch() { release(memory_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  template <class T>
  T* as() const {
    return static_cast<T*>(memory_);
  }

 private:
  void* memory_;
};

/// While a graph is captured, memory that is given back stays out of the cache until the graph is gone: its
/// kernels go on writing there.
void keep_released();
/// What was given back since; release_kept() puts it into the cache.
void* take_kept();
void release_kept(void* kept) noexcept;

}  // namespace lamina::cuda
