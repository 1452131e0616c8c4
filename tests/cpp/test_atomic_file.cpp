// Replacing a file in one step, and reading files: what is on disk after every ending.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "core/error.h"
#include "io/atomic_file.h"
#include "io/input_file.h"
#include "io/safetensors.h"

#ifndef _WIN32
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#endif

namespace {

namespace fs = std::filesystem;
using namespace lamina;

// A folder of its own, removed at the end.
struct Folder {
  fs::path path =
      fs::temp_directory_path() /
      ("lamina-test-" + std::to_string(std::chrono::steady_clock::now().time_since_epoch().count()));
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
  std::ptrdiff_t files() const {
    return std::distance(fs::directory_iterator(path), fs::directory_iterator());
  }
};

void replace(const fs::path& path, const std::string& content) {
  io::AtomicFile file(path);
  file.write(content.data(), content.size() / 2);
  file.write(content.data() + content.size() / 2, content.size() - content.size() / 2);
  file.commit();
}

std::string content_of(const fs::path& path) {
  io::InputFile file(path);
  std::string out(file.size(), '\0');
  file.read(out.data(), out.size());
  return out;
}

template <class Call>
int error_of(Call call) {
  try {
    call();
  } catch (const FileError& error) {
    return error.error_number;
  }
  return 0;
}

void test_replacing() {
  const Folder folder;
  const fs::path path = folder.path / fs::path(u8"modèle 模型 №1.safetensors");
  replace(path, "first");
  CHECK(content_of(path) == "first");
  replace(path, std::string(3'000'000, 'x'));
  CHECK(content_of(path) == std::string(3'000'000, 'x'));
  replace(path, "");
  CHECK(content_of(path).empty());
  replace(path, "last");
  CHECK(folder.files() == 1);
  {
    io::AtomicFile abandoned(path);
    abandoned.write("gone", 4);
    CHECK(folder.files() == 2);
  }
  CHECK(folder.files() == 1 && content_of(path) == "last");
  const fs::path long_name = folder.path / std::string(250, 'n');
  replace(long_name, "long");
  CHECK(content_of(long_name) == "long" && folder.files() == 2);
}

void test_errors() {
  const Folder folder;
  const fs::path path = folder.path / "file";
  CHECK(error_of([&] { replace(folder.path / "none" / "file", "x"); }) == ENOENT);
  CHECK(error_of([&] { replace("", "x"); }) != 0);
  CHECK(error_of([&] { replace(folder.path, "x"); }) != 0);
  CHECK(error_of([&] { replace(folder.path / "", "x"); }) != 0);
  CHECK(error_of([&] { replace(folder.path / std::string("a\0b", 3), "x"); }) != 0);
  CHECK(error_of([&] { content_of(path); }) == ENOENT);
  CHECK(error_of([&] { content_of(folder.path); }) != 0);
  CHECK(error_of([&] { content_of(folder.path / std::string("a\0b", 3)); }) != 0);
  CHECK(folder.files() == 0);
  replace(path, "123");
  io::InputFile file(path);
  char more[4];
  CHECK_THROWS(file.read(more, 4), FileFormatError);
}

// Writers in several threads: each file is one writer's, whole, and no temporary file stays.
void test_concurrent_writers() {
  const Folder folder;
  const fs::path path = folder.path / "shared";
  std::vector<std::thread> threads;
  std::atomic<int> errors = 0;
  for (char letter = 'a'; letter < 'e'; ++letter) {
    threads.emplace_back([&, letter] {
      for (int i = 0; i < 25; ++i) {
        try {
          replace(path, std::string(10'000, letter));
          const std::string seen = content_of(path);
          if (seen != std::string(10'000, seen.empty() ? '?' : seen[0])) ++errors;
        } catch (const FileError&) {
          ++errors;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(errors == 0);
  CHECK(folder.files() == 1);
}

#ifndef _WIN32
unsigned mode_of(const fs::path& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777u : ~0u;
}

void test_modes_and_links() {
  const Folder folder;
  const fs::path path = folder.path / "file";
  const mode_t before = ::umask(027);
  replace(path, "x");
  CHECK(mode_of(path) == 0640);
  ::chmod(path.c_str(), 0604);
  replace(path, "y");
  CHECK(mode_of(path) == 0604);
  ::umask(before);

  fs::create_symlink("file", folder.path / "link");
  fs::create_symlink(folder.path / "link", folder.path / "second");
  replace(folder.path / "second", "through");
  CHECK(fs::is_symlink(folder.path / "link") && fs::is_symlink(folder.path / "second"));
  CHECK(content_of(path) == "through");
  fs::create_symlink("not-yet", folder.path / "dangling");
  replace(folder.path / "dangling", "made");
  CHECK(content_of(folder.path / "not-yet") == "made");
  fs::create_symlink("loop", folder.path / "loop");
  CHECK(error_of([&] { replace(folder.path / "loop", "x"); }) == ELOOP);

  CHECK(error_of([&] { replace("/dev/null", "x"); }) == EINVAL);
  CHECK(error_of([&] { content_of("/dev/null"); }) == EINVAL);
  ::mkfifo((folder.path / "pipe").c_str(), 0600);
  CHECK(error_of([&] { replace(folder.path / "pipe", "x"); }) == EINVAL);
  CHECK(error_of([&] { content_of(folder.path / "pipe"); }) == EINVAL);
  if (::geteuid() != 0) {
    ::chmod(path.c_str(), 0444);
    CHECK(error_of([&] { replace(path, "x"); }) == EACCES);
  }
}

// A disk that fills up (a limit on the file's size stands in) at every stage of a save.
void test_full_disk() {
  const Folder folder;
  const fs::path path = folder.path / "model.safetensors";
  const std::vector<std::byte> data(100'000);
  const std::vector<io::TensorEntry> tensors = {{"a", ElementType::uint8, {50'000}, data.data()},
                                                {"b", ElementType::uint8, {100'000}, data.data()}};
  replace(path, "old");
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    int wrong = 0;
    for (const rlim_t limit : {0u, 1u, 100u, 300u, 49'000u, 51'000u, 149'000u}) {
      const rlimit most = {limit, RLIM_INFINITY};
      ::setrlimit(RLIMIT_FSIZE, &most);
      wrong += error_of([&] { io::write_safetensors(path, tensors, {}); }) != EFBIG;
      wrong += folder.files() != 1 || content_of(path) != "old";
    }
    ::_exit(wrong);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  io::write_safetensors(path, tensors, {{"k", "v"}});
  const io::SafetensorsFile file = io::read_safetensors(path);
  CHECK(file.tensors.size() == 2 && file.metadata.at("k") == "v" && folder.files() == 1);
}

// A process killed while it writes: the old file stays, and the next save removes what is left.
void test_kill() {
  const Folder folder;
  const fs::path path = folder.path / "file";
  replace(path, std::string(200'000, '0'));
  for (int round = 0; round < 20; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (char letter = 'a';; letter = letter == 'z' ? 'a' : static_cast<char>(letter + 1)) {
        replace(path, std::string(200'000, letter));
      }
    }
    std::this_thread::sleep_for(std::chrono::microseconds(3000 + 700 * round));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const std::string seen = content_of(path);
    CHECK(seen.size() == 200'000 && seen == std::string(200'000, seen[0]));
  }
  const pid_t child = ::fork();
  if (child == 0) {
    io::AtomicFile file(path);
    file.write("half", 4);
    ::kill(::getpid(), SIGKILL);
  }
  ::waitpid(child, nullptr, 0);
  CHECK(folder.files() == 2);
  replace(path, "next");
  CHECK(folder.files() == 1 && content_of(path) == "next");
}
#endif

void test_damaged_files() {
  const Folder folder;
  const fs::path path = folder.path / "model.safetensors";
  for (const std::string& content : {std::string(), std::string("1234567"), std::string(100, '\xff'),
                                     std::string("\x02\0\0\0\0\0\0\0{}x", 11)}) {
    replace(path, content);
    bool named = false;
    try {
      io::read_safetensors(path);
    } catch (const FileFormatError& error) {
      named = std::string(error.what()).find("model.safetensors") != std::string::npos;
    }
    CHECK(named);
  }
  CHECK(error_of([&] { io::read_safetensors(folder.path / "none"); }) == ENOENT);
}

}  // namespace

int main() {
  test_replacing();
  test_errors();
  test_concurrent_writers();
#ifndef _WIN32
  test_modes_and_links();
  test_full_disk();
  test_kill();
#endif
  test_damaged_files();
  return lamina::test::result();
}
