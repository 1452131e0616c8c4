#include "core/buffer.h"

#include <cstdio>
#include <limits>

#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
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

}  // namespace

Buffer::Buffer(std::size_t bytes) : bytes_(bytes) {
  if (bytes == 0) return;
  if (bytes > machine_memory()) throw OutOfMemory(bytes);
  data_ = ::operator new(bytes, std::align_val_t{kAlignment}, std::nothrow);
  if (data_ == nullptr) throw OutOfMemory(bytes);
}

}  // namespace lamina
