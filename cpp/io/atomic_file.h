// Replacing a file in one step: whoever opens it, whenever the program or the machine
// stops, finds either the old content or the new, whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

namespace lamina::io {

/// `path` for a message: in single quotes, valid UTF-8 whatever the file system holds.
std::string display(const std::filesystem::path& path);

/// Collects the new content in a temporary file beside the target and puts it in the
/// target's place on commit(). Without a commit the target stays as it was and the
/// temporary file goes away.
///
/// A target that is a symbolic link keeps the link: the file it names is replaced. A
/// replaced file's permission bits are kept, a new file gets those of the umask. The
/// temporary file is locked while in use; one that a killed process left behind is
/// removed by the next AtomicFile for the same target.
class AtomicFile {
 public:
  /// Creates the temporary file. FileError (with errno) when the folder or the target
  /// cannot be written, or the target is something other than a regular file.
  explicit AtomicFile(const std::filesystem::path& target);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Appends `bytes` bytes; FileError when they do not all arrive.
  void write(const void* data, std::size_t bytes);

  /// Makes the content durable (fsync), renames it over the target and makes the folder's
  /// entry durable. After a FileError from the last of these the target has the new
  /// content, but a power cut may still undo the replacement.
  void commit();

 private:
  [[noreturn]] void fail(const char* action) const;  // with errno or GetLastError()
  void create_temporary(unsigned permissions);       // POSIX: before the umask
  void discard() noexcept;

  std::filesystem::path target_;
  std::filesystem::path temporary_;
  std::intptr_t handle_ = -1;  // a file descriptor; on Windows a HANDLE
};

}  // namespace lamina::io
