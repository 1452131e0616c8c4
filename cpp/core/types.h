// Element types and shapes.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/extents.h"

namespace lamina {

/// What lamina computes in.
enum class DType : std::uint8_t { float32, float64 };

/// What a user's array may hold; converted to a DType (or to class indices) when
/// rows are gathered.
enum class ElementType : std::uint8_t {
  boolean,
  int8,
  uint8,
  int16,
  uint16,
  int32,
  uint32,
  int64,
  uint64,
  float32,
  float64,
};

constexpr std::size_t size_of(DType dtype) { return dtype == DType::float32 ? 4 : 8; }
std::size_t size_of(ElementType type);
constexpr ElementType element_type(DType dtype) {
  return dtype == DType::float32 ? ElementType::float32 : ElementType::float64;
}
std::string_view name_of(DType dtype);
std::string_view name_of(ElementType type);
/// "float32" or "float64"; anything else is a ValueError that lists both.
DType dtype_from_name(std::string_view name);

/// The extents of an array, outermost first. A layer's shape leaves the batch out.
using Shape = std::vector<std::int64_t>;

/// The number of elements of `shape`; ValueError when an extent is negative or the
/// product exceeds what memory can ever hold (2^47 elements).
std::int64_t element_count(const Shape& shape);
/// The same for borrowed extents. (A template, so that a braced list means a Shape.)
template <std::same_as<Extents> E>
std::int64_t element_count(const E& extents);
/// "(3, 4)", "(5,)", "()".
std::string to_string(const Shape& shape);
template <std::same_as<Extents> E>
std::string to_string(const E& extents);

}  // namespace lamina
