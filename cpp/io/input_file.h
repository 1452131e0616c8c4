// Reading a file of known size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>

namespace lamina::io {

/// A regular file, open for reading from its start.
class InputFile {
 public:
  /// FileError (with errno) when it cannot be opened or is not a regular file: a folder, or
  /// a pipe or device, whose size nobody knows.
  explicit InputFile(const std::filesystem::path& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  /// Its size in bytes when it was opened.
  std::uint64_t size() const { return size_; }

  /// Reads the next `bytes` bytes. FileError when reading fails, FileFormatError when the
  /// file ends before (it was cut while being read).
  void read(void* out, std::size_t bytes);

 private:
  std::filesystem::path path_;
  std::uint64_t size_ = 0;
  int descriptor_ = -1;
};

}  // namespace lamina::io
