#include "cuda/memory.h"

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <unordered_map>
#include <vector>

#include "cuda/runtime.h"

namespace lamina::cuda {

namespace {

struct Kept {
  std::vector<void*> blocks;
};

struct Pool {
  std::mutex mutex;
  std::unordered_map<void*, std::size_t> used;  // block to size
  std::multimap<std::size_t, void*> idle;
  std::unique_ptr<Kept> kept;  // while a graph is captured
  MemoryStatistics statistics;

  void give_back_idle() {
    if (idle.empty()) return;
    runtime::synchronize();
    for (const auto& [size, block] : idle) {
      runtime::release(block);
      statistics.reserved -= size;
    }
    idle.clear();
  }
};

Pool& pool() {
  static Pool* const the_pool = new Pool;  // never destroyed: buffers may outlive main()
  return *the_pool;
}

/// Small requests share sizes, so that nearly all are served from the cache.
std::size_t rounded(std::size_t bytes) {
  constexpr std::size_t small = 512, large = std::size_t{1} << 20;
  const std::size_t unit = bytes < large ? small : large;
  if (bytes > ~std::size_t{0} - unit) throw std::bad_alloc();
  return std::max<std::size_t>(1, (bytes + unit - 1) / unit) * unit;
}

}  // namespace

void* allocate(std::size_t bytes) {
  Pool& all = pool();
  const std::size_t size = rounded(bytes);
  const std::lock_guard lock(all.mutex);
  ++all.statistics.requests;
  void* block = nullptr;
  std::size_t block_size = size;
  // A block that is a little too large will do.
  const auto found = all.idle.lower_bound(size);
  if (found != all.idle.end() && found->first <= size + size / 4) {
    block_size = found->first;
    block = found->second;
    all.idle.erase(found);
  } else {
    const auto fits = [&] {
      return all.statistics.limit == 0 ||
             size <= all.statistics.limit - std::min(all.statistics.limit, all.statistics.reserved);
    };
    ++all.statistics.driver_calls;
    if (!fits()) all.give_back_idle();
    if (fits()) block = runtime::reserve(size);
    if (block == nullptr && !all.idle.empty()) {
      all.give_back_idle();
      if (fits()) block = runtime::reserve(size);
    }
    if (block == nullptr) throw std::bad_alloc();
    all.statistics.reserved += size;
  }
  try {
    all.used.emplace(block, block_size);
  } catch (...) {
    runtime::release(block);
    all.statistics.reserved -= block_size;
    throw;
  }
  all.statistics.allocated += block_size;
  all.statistics.peak = std::max(all.statistics.peak, all.statistics.allocated);
  return block;
}

void release(void* memory) noexcept {
  if (memory == nullptr) return;
  Pool& all = pool();
  const std::lock_guard lock(all.mutex);
  const auto found = all.used.find(memory);
  if (found == all.used.end()) return;
  try {
    if (all.kept != nullptr) {
      all.kept->blocks.push_back(memory);  // stays in use
      return;
    }
    all.idle.emplace(found->second, memory);
  } catch (...) {
    runtime::release(memory);
    all.statistics.reserved -= found->second;
  }
  all.statistics.allocated -= found->second;
  all.used.erase(found);
}

MemoryStatistics memory_statistics() {
  Pool& all = pool();
  const std::lock_guard lock(all.mutex);
  return all.statistics;
}

void limit_memory(std::size_t bytes) {
  Pool& all = pool();
  const std::lock_guard lock(all.mutex);
  all.statistics.limit = bytes;
  if (bytes != 0 && all.statistics.reserved > bytes) all.give_back_idle();
}

void give_back_cache() {
  Pool& all = pool();
  const std::lock_guard lock(all.mutex);
  all.give_back_idle();
}

void keep_released() {
  Pool& all = pool();
  const std::lock_guard lock(all.mutex);
  all.kept = std::make_unique<Kept>();
}

void* take_kept() {
  Pool& all = pool();
  const std::lock_guard lock(all.mutex);
  return all.kept.release();
}

void release_kept(void* kept) noexcept {
  const std::unique_ptr<Kept> blocks(static_cast<Kept*>(kept));
  if (blocks == nullptr) return;
  for (void* const block : blocks->blocks) release(block);
}

}  // namespace lamina::cuda
