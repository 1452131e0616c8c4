// Places in flat buffers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/types.h"

namespace lamina::nn {

/// The place of element `first` in a flat buffer.
inline const char* at(const void* flat, std::int64_t first, DType dtype) {
  return static_cast<const char*>(flat) + first * static_cast<std::int64_t>(size_of(dtype));
}
inline char* at(void* flat, std::int64_t first, DType dtype) {
  return static_cast<char*>(flat) + first * static_cast<std::int64_t>(size_of(dtype));
}

}  // namespace lamina::nn
