#include "core/buffer.h"

#include <limits>

#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif

namespace lamina {

namespace {

/// Systems that promise more memory than they have would kill the process on first use;
/// nothing larger than the machine is ever asked for.
std::size_t machine_memory() {
#if defined(_SC_PHYS_PAGES) && defined(_SC_PAGESIZE)
  static const std::size_t bytes = [] {
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (pages <= 0 || page <= 0) return static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max());
    return static_cast<std::size_t>(pages) * static_cast<std::size_t>(page);
  }();
  return bytes;
#else
  return static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max());
#endif
}

}  // namespace

Buffer::Buffer(std::size_t bytes) : bytes_(bytes) {
  if (bytes == 0) return;
  if (bytes > machine_memory()) throw std::bad_alloc();
  data_ = ::operator new(bytes, std::align_val_t{kAlignment});
}

}  // namespace lamina
