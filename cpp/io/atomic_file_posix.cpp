#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "core/error.h"
#include "io/atomic_file.h"

namespace lamina::io {
namespace {

namespace fs = std::filesystem;

// Calls again what a signal has interrupted.
template <class Call>
auto retry(Call call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

int sync_to_disk(int descriptor) {
#ifdef F_FULLFSYNC  // macOS: fsync alone stops at the drive's cache
  if (retry([&] { return ::fcntl(descriptor, F_FULLFSYNC); }) == 0) return 0;
#endif
  return retry([&] { return ::fsync(descriptor); });
}

// The file that `path` finally names, whether it exists or not.
fs::path follow_links(fs::path path) {
  for (int hops = 0; hops < 40; ++hops) {
    std::error_code error;
    const fs::path link = fs::read_symlink(path, error);
    if (error) return path;  // not a link
    path = link.is_absolute() ? link : path.parent_path() / link;
  }
  throw FileError(text("[save] cannot write ", display(path), ": ", std::strerror(ELOOP)), ELOOP);
}

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

bool is_open_under(int descriptor, const fs::path& path) {
  struct stat opened;
  struct stat named;
  return ::fstat(descriptor, &opened) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

// Removes `path` if it is a temporary file whose writer is gone: a live one holds its lock.
// True when it was removed.
bool remove_stale(const fs::path& path) {
  const int descriptor =
      retry([&] { return ::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC); });
  if (descriptor < 0) return errno == ENOENT;
  struct stat status;
  const bool removed = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) &&
                       ::flock(descriptor, LOCK_EX | LOCK_NB) == 0 && is_open_under(descriptor, path) &&
                       ::unlink(path.c_str()) == 0;
  ::close(descriptor);
  return removed;
}

}  // namespace

AtomicFile::AtomicFile(const fs::path& target) {
  target_ = target;
  if (target.empty() || !target.has_filename() || target.native().find('\0') != std::string::npos) {
    errno = target.empty() ? ENOENT : !target.has_filename() ? EISDIR : EINVAL;
    fail("write");
  }
  target_ = follow_links(target);
  struct stat status;
  const bool replaces = ::stat(target_.c_str(), &status) == 0;
  if (replaces && !S_ISREG(status.st_mode)) {
    errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
    fail("write");
  }
  // A rename would not ask whether the file may be written.
  if (replaces && ::access(target_.c_str(), W_OK) != 0) fail("write");

  create_temporary(replaces ? 0600 : 0666);
  if (!replaces) return;
  const int descriptor = static_cast<int>(handle_);
  // Another owner can be kept only by the superuser; for others the file becomes theirs.
  const bool same_owner = status.st_uid == ::geteuid() && status.st_gid == ::getegid();
  if (!same_owner && ::fchown(descriptor, status.st_uid, status.st_gid) != 0) status.st_mode &= ~mode_t{0077};
  if (::fchmod(descriptor, status.st_mode & 0777) != 0) {
    const int code = errno;
    discard();
    errno = code;
    fail("write");
  }
}

void AtomicFile::create_temporary(unsigned permissions) {
  // A long name is cut, so that the temporary one fits where the target's does.
  const std::string stem = "." + target_.filename().native().substr(0, 200);
  int number = 0;
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const fs::path path = folder_of(target_) / (stem + "." + std::to_string(number) + ".lamina-tmp");
    const int descriptor =
        retry([&] { return ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, permissions); });
    if (descriptor < 0) {
      if (errno != EEXIST) fail("write");
      if (!remove_stale(path)) ++number;  // someone is saving to the same target now
      continue;
    }
    // Whoever came between the open and the lock takes the file for stale and removes it.
    // Where locks do not exist nothing is ever found stale either.
    const bool lost = ::flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (lost || !is_open_under(descriptor, path)) {
      ::close(descriptor);
      continue;
    }
    handle_ = descriptor;
    temporary_ = path;
    return;
  }
  errno = EEXIST;
  fail("write");
}

void AtomicFile::write(const void* data, std::size_t bytes) {
  constexpr std::size_t most = std::size_t{1} << 30;  // some systems refuse 2 GiB at once
  const char* next = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written =
        retry([&] { return ::write(static_cast<int>(handle_), next, std::min(bytes, most)); });
    if (written <= 0) {
      if (written == 0) errno = EIO;
      fail("write");
    }
    next += written;
    bytes -= static_cast<std::size_t>(written);
  }
}

void AtomicFile::commit() {
  const int descriptor = static_cast<int>(handle_);
  if (sync_to_disk(descriptor) != 0) fail("write");
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail("replace");
  ::close(descriptor);
  handle_ = -1;

  // A folder that may be written but not read, or a file system without this: nothing to do.
  const int folder =
      retry([&] { return ::open(folder_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (folder < 0) return;
  const int code = sync_to_disk(folder) == 0 ? 0 : errno;
  ::close(folder);
  if (code != 0 && code != EINVAL && code != ENOTSUP && code != ENOSYS) {
    errno = code;
    fail("make durable");
  }
}

void AtomicFile::discard() noexcept {
  if (handle_ < 0) return;
  ::unlink(temporary_.c_str());
  ::close(static_cast<int>(handle_));
  handle_ = -1;
}

void AtomicFile::fail(const char* action) const {
  const int code = errno;
  throw FileError(text("[save] cannot ", action, " ", display(target_), ": ", std::strerror(code)), code);
}

}  // namespace lamina::io
