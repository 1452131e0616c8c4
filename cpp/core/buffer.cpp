#include "core/buffer.h"

#include <cstdio>
#include <cstdlib>
#include <limits>

#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif
#if defined(__linux__)
#include <sys/mman.h>
#endif
#if defined(_WIN32)
#include <malloc.h>
#endif

namespace lamina {

namespace {

/// Says how much was asked for; needs no memory itself.
class OutOfMemory final : public std::bad_alloc {
 public:
  explicit OutOfMemory(std::size_t bytes) {
    std::snprintf(message_, sizeof message_, "[memory] not enough for a buffer of %zu bytes", bytes);
  }
  const char* what() const noexcept override { return message_; }

 private:
  char message_[96];
};

/// Systems that promise more memory than they have would kill the process on first use;
/// nothing larger than the machine is ever asked for.
std::size_t machine_memory() {
  constexpr auto unknown = static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max());
#if defined(_SC_PHYS_PAGES) && defined(_SC_PAGESIZE)
  static const std::size_t bytes = [] {
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? static_cast<std::size_t>(pages) * static_cast<std::size_t>(page) : unknown;
  }();
  return bytes;
#else
  return unknown;
#endif
}

/// Products walk down columns of large matrices: with the usual pages of 4 KiB each row is on a page of
/// its own, and finding it costs more than reading it. Where the system gives large pages to whoever
/// asks, buffers that fill some ask for them.
constexpr std::size_t kLargePage = std::size_t{2} << 20;

void* allocate(std::size_t bytes) {
#if defined(_WIN32)
  return _aligned_malloc(bytes, kAlignment);
#else
  const bool large = bytes >= kLargePage;
  void* memory = nullptr;
  if (posix_memalign(&memory, large ? kLargePage : kAlignment, bytes) != 0) return nullptr;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  // Advice: a system that does not take it goes on with small pages. Only whole large pages, so that
  // the buffer takes no more memory than it has bytes.
  if (large) madvise(memory, bytes / kLargePage * kLargePage, MADV_HUGEPAGE);
#endif
  return memory;
#endif
}

}  // namespace

Buffer::Buffer(std::size_t bytes) : bytes_(bytes) {
  if (bytes == 0) return;
  if (bytes > machine_memory()) throw OutOfMemory(bytes);
  data_ = allocate(bytes);
  if (data_ == nullptr) throw OutOfMemory(bytes);
}

void Buffer::free(void* memory) noexcept {
#if defined(_WIN32)
  _aligned_free(memory);
#else
  std::free(memory);
#endif
}

}  // namespace lamina
