// All that the rest of the house knows of the CUDA room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "device/device.h"

namespace lamina::cuda {

/// What this build's device is called: "cuda", or "cuda-emulated" where the kernels run on the host for
/// tests.
std::string_view name();
/// Whether this build has the CUDA device and this machine can run it.
bool available();
/// Why not, or what the GPU is.
std::string status();
/// The device; StateError that says what is missing.
Device& device();
/// The device at a precision. Others than strict load cuBLASLt and reserve its workspace: StateError that
/// says what is missing, std::bad_alloc.
Device& device(Precision precision);
/// Files that may be cuBLASLt, best first: where Python's packages have it.
void set_library_candidates(std::vector<std::string> paths);
/// Which cuBLASLt is loaded, if any.
std::string library_status();

/// Bytes: "allocated", "peak", "reserved", "limit" (0: none), "free", "total"; counts: "requests",
/// "driver_calls". StateError without the device.
std::vector<std::pair<std::string, std::uint64_t>> memory_stats();
/// How many training steps were captured, and how often one was replayed, since the program began.
std::pair<std::uint64_t, std::uint64_t> captured_steps();
/// 0: no limit.
void set_memory_limit(std::uint64_t bytes);
/// Gives the memory that nobody uses back to the driver.
void empty_cache();

}  // namespace lamina::cuda
