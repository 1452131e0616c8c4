// Places in flat buffers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/types.h"

namespace lamina::nn {

/// Where element `first` of a flat buffer lies.
inline const char* at(const void* flat, std::int64_t first, DType dtype) {
  return static_cast<const char*>(flat) + static_cast<std::size_t>(first) * size_of(dtype);
}
inline char* at(void* flat, std::int64_t first, DType dtype) {
  return static_cast<char*>(flat) + static_cast<std::size_t>(first) * size_of(dtype);
}

}  // namespace lamina::nn
