// How many processors this process may use.
#pragma once

#include <string>
#include <string_view>

namespace lamina::threads::detail {

/// The processors in this process's affinity mask, or all there are; at least 1.
int processors_in_affinity();

/// The CPU quota, in processors, that the cgroups of this process allow: the smallest of
/// quota / period over its cgroup and all those above it, for version 2 (cpu.max) and
/// version 1 (cpu.cfs_quota_us over cpu.cfs_period_us). 0 when there is no limit or it
/// cannot be read. `membership` and `mount` are /proc/self/cgroup and /sys/fs/cgroup
/// but in tests.
double cgroup_processors(const std::string& membership, const std::string& mount);

/// The first number of a list such as "4,2" (OMP_NUM_THREADS); 0 when it is not a
/// positive number.
int first_of_list(std::string_view list);

/// The smaller of the affinity mask and the cgroup's quota rounded up, at least 1.
int usable_processors();

/// Whether this process was forked and has not called exec since: then a library that
/// it inherited may believe in threads that do not exist here. False where unknown.
bool forked_without_exec();

}  // namespace lamina::threads::detail
