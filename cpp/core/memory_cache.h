// Blocks of memory that are given back and taken again: eager results come and go by the
// thousand, and the system's allocator (with its page faults for large ones) would cost more
// than most of the arithmetic.
#pragma once

#include <cstddef>

namespace lamina::memory_cache {

/// At least `bytes` of uninitialised memory on a 64-byte boundary; std::bad_alloc when there is
/// not enough. Small blocks come from a list of this thread, large ones from one of the process.
void* allocate(std::size_t bytes);
/// Gives it back, in any thread; `bytes` is what it was asked with.
void release(void* memory, std::size_t bytes) noexcept;

/// Frees the large blocks that wait to be used again, and this thread's small ones.
void clear() noexcept;
/// How many bytes of large blocks wait to be used again; at most kLargeLimit.
std::size_t waiting_bytes() noexcept;
inline constexpr std::size_t kLargeLimit = std::size_t{256} << 20;

}  // namespace lamina::memory_cache
