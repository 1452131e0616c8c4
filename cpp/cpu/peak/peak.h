// What this machine can do at most, measured: the two limits that every other kernel is
// held against.
#pragma once

#include <cstdint>

#include "core/types.h"

namespace lamina::cpu {

/// FMA operations (two floating-point operations each, counted as two) a second that
/// `threads` threads reach together in registers, with the instruction set in use: the
/// best of several windows that last `seconds` in all.
double fma_peak(DType dtype, int threads, double seconds);

enum class Traffic : std::uint8_t {
  read,    ///< one stream read
  update,  ///< two streams read, one of them written back: three streams' bytes are counted
};

/// Bytes a second between the memory that holds a working set of `bytes` and `threads`
/// threads that go over it again and again, a share each: the best of several windows that
/// last `seconds` in all. std::bad_alloc if there is not that much memory.
double bandwidth(Traffic traffic, std::int64_t bytes, int threads, double seconds);

}  // namespace lamina::cpu
