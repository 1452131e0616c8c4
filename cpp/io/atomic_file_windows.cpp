#define WIN32_LEAN_AND_MEAN
#define NOMINMAX
#include <windows.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "core/error.h"
#include "io/atomic_file.h"

namespace lamina::io {
namespace {

namespace fs = std::filesystem;

HANDLE as_handle(std::intptr_t handle) { return reinterpret_cast<HANDLE>(handle); }

}  // namespace

AtomicFile::AtomicFile(const fs::path& target) : target_(target) {
  if (target.empty() || !target.has_filename() || target.native().find(L'\0') != std::wstring::npos) {
    ::SetLastError(ERROR_INVALID_NAME);
    fail("write");
  }
  std::error_code error;
  if (fs::is_symlink(target_, error)) {
    const fs::path resolved = fs::canonical(target_, error);
    if (!error) target_ = resolved;
  }
  const DWORD attributes = ::GetFileAttributesW(target_.c_str());
  if (attributes != INVALID_FILE_ATTRIBUTES &&
      (attributes & (FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_READONLY))) {
    ::SetLastError(ERROR_ACCESS_DENIED);
    fail("write");
  }
  create_temporary(0);
}

void AtomicFile::create_temporary(unsigned) {
  const std::wstring stem = L"." + target_.filename().native().substr(0, 200);
  int number = 0;
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const fs::path path = target_.parent_path() / (stem + L"." + std::to_wstring(number) + L".lamina-tmp");
    // Not shared: what DeleteFile can remove below has no living writer.
    HANDLE handle =
        ::CreateFileW(path.c_str(), GENERIC_WRITE, 0, nullptr, CREATE_NEW, FILE_ATTRIBUTE_NORMAL, nullptr);
    if (handle != INVALID_HANDLE_VALUE) {
      handle_ = reinterpret_cast<std::intptr_t>(handle);
      temporary_ = path;
      return;
    }
    if (::GetLastError() != ERROR_FILE_EXISTS) fail("write");
    if (!::DeleteFileW(path.c_str())) ++number;
  }
  ::SetLastError(ERROR_FILE_EXISTS);
  fail("write");
}

void AtomicFile::write(const void* data, std::size_t bytes) {
  constexpr std::size_t most = std::size_t{1} << 30;
  const char* next = static_cast<const char*>(data);
  while (bytes > 0) {
    DWORD written = 0;
    const DWORD wanted = static_cast<DWORD>(std::min(bytes, most));
    if (!::WriteFile(as_handle(handle_), next, wanted, &written, nullptr)) fail("write");
    if (written == 0) {
      ::SetLastError(ERROR_WRITE_FAULT);
      fail("write");
    }
    next += written;
    bytes -= written;
  }
}

void AtomicFile::commit() {
  if (!::FlushFileBuffers(as_handle(handle_))) fail("write");
  // Windows renames only closed files; from here on the destructor has nothing to close.
  const BOOL closed = ::CloseHandle(as_handle(handle_));
  handle_ = -1;
  if (!closed || !::MoveFileExW(temporary_.c_str(), target_.c_str(),
                                MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH)) {
    const DWORD code = ::GetLastError();
    ::DeleteFileW(temporary_.c_str());
    ::SetLastError(code);
    fail("replace");
  }
}

void AtomicFile::discard() noexcept {
  if (handle_ == -1) return;
  ::CloseHandle(as_handle(handle_));
  ::DeleteFileW(temporary_.c_str());
  handle_ = -1;
}

void AtomicFile::fail(const char* action) const {
  const std::error_code code(static_cast<int>(::GetLastError()), std::system_category());
  const std::error_condition condition = code.default_error_condition();
  throw FileError(text("[save] cannot ", action, " ", display(target_), ": ", code.message()),
                  condition.category() == std::generic_category() ? condition.value() : EIO);
}

}  // namespace lamina::io
