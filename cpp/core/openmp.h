// The two faces of OpenMP: threads_openmp.cpp when it is on, threads_no_openmp.cpp
// when it is off.
#pragma once

namespace lamina::threads::detail {

/// Whether this build has OpenMP.
bool has_openmp();

/// Calls work(context, place) once on each of `workers` threads (fewer if the runtime gives
/// fewer, at least the caller) of a team of `team`, place being 0 in the caller and less than `workers`
/// in all, and returns when all have returned.
/// `work` must not throw. Only where has_openmp().
void run_openmp(int team, int workers, void (*work)(void* context, int place), void* context);

}  // namespace lamina::threads::detail
