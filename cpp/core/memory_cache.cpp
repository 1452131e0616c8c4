#include "core/memory_cache.h"

#include <bit>
#include <mutex>
#include <vector>

#include "core/buffer.h"

namespace lamina::memory_cache {

namespace {

// The sanitizers would not see a use after release, nor a block's end.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kEnabled = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kEnabled = false;
#else
constexpr bool kEnabled = true;
#endif
#else
constexpr bool kEnabled = true;
#endif

constexpr std::size_t kSmall = std::size_t{64} << 10;
constexpr std::size_t kFine = 1024;  // classes of 64 bytes up to here, then four a doubling
constexpr int kFineClasses = static_cast<int>(kFine / 64);
constexpr int kClasses = kFineClasses + 4 * 6;
constexpr std::size_t kBytesPerClass = std::size_t{256} << 10;

/// `bytes` rounded up to a multiple of a quarter of the power of two below it.
std::size_t coarse(std::size_t bytes) {
  const std::size_t step = std::bit_floor(bytes - 1) / 4;
  return (bytes + step - 1) / step * step;
}

struct SizeClass {
  int index;
  std::size_t bytes;
};
SizeClass class_of(std::size_t bytes) {
  if (bytes <= kFine) {
    const int index = bytes == 0 ? 0 : static_cast<int>((bytes - 1) / 64);
    return {index, static_cast<std::size_t>(index + 1) * 64};
  }
  const std::size_t rounded = coarse(bytes);
  const std::size_t power = std::bit_floor(rounded - 1);  // rounded lies in (power, 2 power]
  const int doubling = std::countr_zero(power) - std::countr_zero(kFine);
  const int quarter = static_cast<int>((rounded - power) / (power / 4)) - 1;
  return {kFineClasses + 4 * doubling + quarter, rounded};
}

/// A free block says in its first bytes where the next one is.
struct FreeBlock {
  FreeBlock* next;
};

struct ThreadLists {
  FreeBlock* first[kClasses] = {};
  std::size_t bytes[kClasses] = {};

  void clear() noexcept {
    for (int i = 0; i < kClasses; ++i) {
      while (first[i] != nullptr) Buffer::free(std::exchange(first[i], first[i]->next));
      bytes[i] = 0;
    }
  }
};

// Plain data, so that it can be used at any time of a thread's life; the guard empties it at the end.
thread_local ThreadLists lists;
thread_local bool thread_ends = false;
struct Guard {
  ~Guard() {
    thread_ends = true;
    lists.clear();
  }
};
ThreadLists& lists_of_thread() {
  static thread_local Guard guard;
  (void)guard;
  return lists;
}

/// Blocks above kSmall, oldest first.
struct LargeBlock {
  void* memory;
  std::size_t bytes;
};
struct LargeBlocks {
  std::mutex mutex;
  std::vector<LargeBlock> blocks;
  std::size_t bytes = 0;
};
LargeBlocks& large_blocks() {
  static LargeBlocks* const blocks = new LargeBlocks;  // lives as long as the last tensor
  return *blocks;
}

void* allocate_large(std::size_t rounded) {
  LargeBlocks& large = large_blocks();
  // A lock that is held (also for ever, in a forked child) is no reason to wait.
  if (std::unique_lock<std::mutex> lock(large.mutex, std::try_to_lock); lock) {
    for (std::size_t i = large.blocks.size(); i-- > 0;) {
      if (large.blocks[i].bytes != rounded) continue;
      void* const memory = large.blocks[i].memory;
      large.blocks.erase(large.blocks.begin() + static_cast<std::ptrdiff_t>(i));
      large.bytes -= rounded;
      return memory;
    }
  }
  try {
    return Buffer(rounded).release();
  } catch (const std::bad_alloc&) {
    clear();
    return Buffer(rounded).release();
  }
}

void release_large(void* memory, std::size_t rounded) noexcept {
  LargeBlocks& large = large_blocks();
  std::vector<LargeBlock> evicted;
  bool kept = false;
  if (rounded <= kLargeLimit / 2) {
    if (std::unique_lock<std::mutex> lock(large.mutex, std::try_to_lock); lock) {
      try {
        large.blocks.push_back({memory, rounded});
        large.bytes += rounded;
        kept = true;
        std::size_t out = 0, excess = large.bytes;
        while (excess > kLargeLimit) excess -= large.blocks[out++].bytes;
        for (std::size_t i = 0; i < out; ++i) Buffer::free(large.blocks[i].memory);
        large.blocks.erase(large.blocks.begin(), large.blocks.begin() + static_cast<std::ptrdiff_t>(out));
        large.bytes = excess;
      } catch (const std::bad_alloc&) {  // of push_back: nothing was kept
      }
    }
  }
  if (!kept) Buffer::free(memory);
}

}  // namespace

void* allocate(std::size_t bytes) {
  if (!kEnabled) return Buffer(bytes == 0 ? 1 : bytes).release();
  if (bytes > kSmall) return allocate_large(bytes > (std::size_t{1} << 62) ? bytes : coarse(bytes));
  const SizeClass wanted = class_of(bytes);
  if (!thread_ends) {
    ThreadLists& mine = lists_of_thread();
    if (FreeBlock* const block = mine.first[wanted.index]; block != nullptr) {
      mine.first[wanted.index] = block->next;
      mine.bytes[wanted.index] -= wanted.bytes;
      return block;
    }
  }
  return Buffer(wanted.bytes).release();
}

void release(void* memory, std::size_t bytes) noexcept {
  if (memory == nullptr) return;
  if (!kEnabled) return Buffer::free(memory);
  if (bytes > kSmall) return release_large(memory, coarse(bytes));
  const SizeClass of = class_of(bytes);
  if (thread_ends) return Buffer::free(memory);
  ThreadLists& mine = lists_of_thread();
  if (mine.bytes[of.index] + of.bytes > kBytesPerClass) return Buffer::free(memory);
  auto* const block = static_cast<FreeBlock*>(memory);
  block->next = mine.first[of.index];
  mine.first[of.index] = block;
  mine.bytes[of.index] += of.bytes;
}

void clear() noexcept {
  if (!thread_ends) lists_of_thread().clear();
  LargeBlocks& large = large_blocks();
  const std::unique_lock<std::mutex> lock(large.mutex, std::try_to_lock);
  if (!lock) return;
  for (const LargeBlock& block : large.blocks) Buffer::free(block.memory);
  large.blocks.clear();
  large.bytes = 0;
}

std::size_t waiting_bytes() noexcept {
  LargeBlocks& large = large_blocks();
  const std::lock_guard<std::mutex> lock(large.mutex);
  return large.bytes;
}

}  // namespace lamina::memory_cache
