#include "core/cpu_limits.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

namespace lamina::threads::detail {

namespace {

/// The whole of a small file; empty when it cannot be read.
std::string contents(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream all;
  if (file) all << file.rdbuf();
  return all.str();
}

/// The integer at the start of `text` (after blanks), or `otherwise`.
std::int64_t number(std::string_view text, std::int64_t otherwise) {
  const std::size_t start = text.find_first_not_of(" \t\n");
  if (start == std::string_view::npos) return otherwise;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data() + start, text.data() + text.size(), value);
  return error == std::errc() ? value : otherwise;
}

/// quota / period in processors; 0 for "no limit" ("max", -1) and for nonsense.
double ratio(std::int64_t quota, std::int64_t period) {
  return quota > 0 && period > 0 ? static_cast<double>(quota) / static_cast<double>(period) : 0.0;
}

double version_2(const std::string& folder) {  // "max 100000" or "150000 100000"
  const std::string text = contents(folder + "/cpu.max");
  const std::size_t blank = text.find(' ');
  if (blank == std::string::npos) return 0.0;
  return ratio(number(text, -1), number(std::string_view(text).substr(blank), -1));
}

double version_1(const std::string& folder) {
  return ratio(number(contents(folder + "/cpu.cfs_quota_us"), -1),
               number(contents(folder + "/cpu.cfs_period_us"), -1));
}

/// The least limit on the way from mount + path up to the mount itself. Inside a
/// container the path may not exist below the mount; then the mount alone counts.
template <class Limit>
double least_upwards(const std::string& mount, std::string path, Limit limit) {
  double least = 0.0;
  for (;;) {
    while (!path.empty() && path.back() == '/') path.pop_back();
    const double here = limit(mount + path);
    if (here > 0.0 && (least == 0.0 || here < least)) least = here;
    if (path.empty()) return least;
    path.resize(path.find_last_of('/') == std::string::npos ? 0 : path.find_last_of('/'));
  }
}

bool lists_cpu(std::string_view controllers) {
  while (!controllers.empty()) {
    const std::size_t comma = std::min(controllers.find(','), controllers.size());
    if (controllers.substr(0, comma) == "cpu") return true;
    controllers.remove_prefix(std::min(comma + 1, controllers.size()));
  }
  return false;
}

}  // namespace

int processors_in_affinity() {
#if defined(__linux__)
  // The kernel refuses masks smaller than its own, so try growing ones.
  for (int capacity = 1024; capacity <= (1 << 20); capacity *= 4) {
    cpu_set_t* set = CPU_ALLOC(capacity);
    if (set == nullptr) break;
    const std::size_t bytes = CPU_ALLOC_SIZE(capacity);
    CPU_ZERO_S(bytes, set);
    const int found = sched_getaffinity(0, bytes, set) == 0 ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (found > 0) return found;
  }
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

double cgroup_processors(const std::string& membership, const std::string& mount) {
  double least = 0.0;
  const auto consider = [&least](double limit) {
    if (limit > 0.0 && (least == 0.0 || limit < least)) least = limit;
  };
  std::istringstream lines(contents(membership));
  for (std::string line; std::getline(lines, line);) {  // "id:controllers:path"
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) {
      consider(least_upwards(mount, path, version_2));
      consider(least_upwards(mount + "/unified", path, version_2));
    } else if (lists_cpu(controllers)) {
      consider(least_upwards(mount + "/" + controllers, path, version_1));
      consider(least_upwards(mount + "/cpu", path, version_1));
    }
  }
  return least;
}

int first_of_list(std::string_view list) {
  const std::int64_t first = number(list, 0);
  return first > 0 ? static_cast<int>(std::min<std::int64_t>(first, 1 << 30)) : 0;
}

int usable_processors() {
  const int affinity = processors_in_affinity();
#if defined(__linux__)
  const double quota = cgroup_processors("/proc/self/cgroup", "/sys/fs/cgroup");
  if (quota > 0.0 && quota < affinity) return std::max(1, static_cast<int>(std::ceil(quota)));
#endif
  return affinity;
}

bool forked_without_exec() {
#if defined(__linux__)
  // "pid (name) state ppid pgrp session tty tpgid flags ...": the name may hold anything,
  // so count from its last parenthesis. The flag is the kernel's PF_FORKNOEXEC.
  const std::string text = contents("/proc/self/stat");
  std::size_t at = text.rfind(')');
  for (int field = 0; field < 7 && at != std::string::npos; ++field) at = text.find(' ', at + 1);
  return at != std::string::npos && (number(std::string_view(text).substr(at), 0) & 0x40) != 0;
#else
  return false;
#endif
}

}  // namespace lamina::threads::detail
