#include "io/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/error.h"
#include "io/atomic_file.h"

#ifdef _WIN32
#include <io.h>
#else
#include <unistd.h>
#endif

namespace lamina::io {
namespace {

constexpr std::size_t kMostAtOnce = std::size_t{1} << 30;  // some systems refuse 2 GiB at once

#ifdef _WIN32
using Status = struct _stat64;
int open_to_read(const std::filesystem::path& path) { return ::_wopen(path.c_str(), _O_RDONLY | _O_BINARY); }
int status_of(int descriptor, Status* status) { return ::_fstat64(descriptor, status); }
bool is_regular(const Status& status) { return (status.st_mode & _S_IFMT) == _S_IFREG; }
bool is_folder(const Status& status) { return (status.st_mode & _S_IFMT) == _S_IFDIR; }
std::ptrdiff_t read_some(int descriptor, void* out, std::size_t bytes) {
  return ::_read(descriptor, out, static_cast<unsigned>(std::min(bytes, kMostAtOnce)));
}
void close(int descriptor) { ::_close(descriptor); }
#else
using Status = struct stat;
// Without O_NONBLOCK, opening a pipe would wait for its writer.
int open_to_read(const std::filesystem::path& path) {
  return ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}
int status_of(int descriptor, Status* status) { return ::fstat(descriptor, status); }
bool is_regular(const Status& status) { return S_ISREG(status.st_mode); }
bool is_folder(const Status& status) { return S_ISDIR(status.st_mode); }
std::ptrdiff_t read_some(int descriptor, void* out, std::size_t bytes) {
  return ::read(descriptor, out, std::min(bytes, kMostAtOnce));
}
void close(int descriptor) { ::close(descriptor); }
#endif

[[noreturn]] void fail(const std::filesystem::path& path, int code) {
  throw FileError(text("[load] cannot read ", display(path), ": ", std::strerror(code)), code);
}

}  // namespace

InputFile::InputFile(const std::filesystem::path& path) : path_(path) {
  if (path.native().find(std::filesystem::path::value_type{}) != std::filesystem::path::string_type::npos) {
    fail(path, EINVAL);
  }
  do {
    descriptor_ = open_to_read(path);
  } while (descriptor_ < 0 && errno == EINTR);
  if (descriptor_ < 0) fail(path, errno);
  Status status;
  int code = status_of(descriptor_, &status) == 0 ? 0 : errno;
  if (code == 0 && !is_regular(status)) code = is_folder(status) ? EISDIR : EINVAL;
  if (code != 0) {
    close(descriptor_);
    fail(path, code);
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
}

InputFile::~InputFile() { close(descriptor_); }

void InputFile::read(void* out, std::size_t bytes) {
  char* next = static_cast<char*>(out);
  while (bytes > 0) {
    const std::ptrdiff_t count = read_some(descriptor_, next, bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(path_, errno);
    if (count == 0)
      throw FileFormatError(text("[load] ", display(path_), " became shorter while being read"));
    next += count;
    bytes -= static_cast<std::size_t>(count);
  }
}

}  // namespace lamina::io
