#include "core/buffer.h"

#include <cstdio>
#include <limits>

#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>

#include <cstdlib>
#define LAMINA_POSIX_MEMORY 1
#endif
#if defined(__linux__)
#include <sys/mman.h>
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

#if defined(LAMINA_POSIX_MEMORY)
/// Large buffers lie on pages of 2 MiB where the system has them: one page fault where there were
/// 512, and one entry of the processor's page table cache for what took as many. Only whole pages
/// are asked for, so no buffer takes more memory than it would without.
void* allocate(std::size_t bytes) {
  constexpr std::size_t huge = std::size_t{2} << 20;
  const std::size_t whole = bytes / huge * huge;
  void* data = nullptr;
  if (posix_memalign(&data, whole != 0 ? huge : kAlignment, bytes) != 0) return nullptr;
#if defined(MADV_HUGEPAGE)
  if (whole != 0) madvise(data, whole, MADV_HUGEPAGE);  // a wish: whether it is granted does not matter
#endif
  return data;
}
#else
void* allocate(std::size_t bytes) {
  return ::operator new(bytes, std::align_val_t{kAlignment}, std::nothrow);
}
#endif

}  // namespace

void Buffer::free(void* memory) noexcept {
#if defined(LAMINA_POSIX_MEMORY)
  std::free(memory);
#else
  if (memory != nullptr) ::operator delete(memory, std::align_val_t{kAlignment});
#endif
}

Buffer::Buffer(std::size_t bytes) : bytes_(bytes) {
  if (bytes == 0) return;
  if (bytes > machine_memory()) throw OutOfMemory(bytes);
  data_ = allocate(bytes);
  if (data_ == nullptr) throw OutOfMemory(bytes);
}

}  // namespace lamina
