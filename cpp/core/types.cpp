#include "core/types.h"

#include "core/error.h"

namespace lamina {

std::size_t size_of(ElementType type) {
  switch (type) {
    case ElementType::boolean:
    case ElementType::int8:
    case ElementType::uint8:
      return 1;
    case ElementType::int16:
    case ElementType::uint16:
      return 2;
    case ElementType::int32:
    case ElementType::uint32:
    case ElementType::float32:
      return 4;
    default:
      return 8;
  }
}

std::string_view name_of(DType dtype) { return dtype == DType::float32 ? "float32" : "float64"; }

std::string_view name_of(ElementType type) {
  constexpr std::string_view names[] = {"bool",   "int8",  "uint8",  "int16",   "uint16", "int32",
                                        "uint32", "int64", "uint64", "float32", "float64"};
  return names[static_cast<std::size_t>(type)];
}

DType dtype_from_name(std::string_view name) {
  if (name == "float32") return DType::float32;
  if (name == "float64") return DType::float64;
  throw ValueError(text("[dtype] lamina computes in 'float32' or 'float64'. Received: '", name, "'"));
}

namespace {

template <class List>
std::string listed(const List& shape) {
  std::string out = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) out += ", ";
    out += std::to_string(shape[i]);
  }
  return out + (shape.size() == 1 ? ",)" : ")");
}

template <class List>
std::int64_t checked_count(const List& shape) {
  constexpr std::int64_t most = std::int64_t{1} << 47;
  std::int64_t count = 1;
  bool empty = false;
  for (const std::int64_t extent : shape) {
    if (extent < 0) throw ValueError(text("[shape] extents cannot be negative. Received: ", listed(shape)));
    if (extent == 0) {
      empty = true;
    } else if (count > most / extent) {
      throw ValueError(text("[shape] more elements than memory can hold. Received: ", listed(shape)));
    } else {
      count *= extent;
    }
  }
  return empty ? 0 : count;
}

}  // namespace

std::int64_t element_count(const Shape& shape) { return checked_count(shape); }
template <std::same_as<Extents> E>
std::int64_t element_count(const E& extents) {
  return checked_count(extents);
}
template std::int64_t element_count(const Extents&);
std::string to_string(const Shape& shape) { return listed(shape); }
template <std::same_as<Extents> E>
std::string to_string(const E& extents) {
  return listed(extents);
}
template std::string to_string(const Extents&);

}  // namespace lamina
