#include "ops/promotion.h"

#include <atomic>

namespace lamina::ops {

namespace {

std::atomic<ElementType> default_float_type{ElementType::float32};

/// The place of a type in the table below.
int rank_of(ElementType type) {
  switch (type) {
    case ElementType::boolean:
      return 0;
    case ElementType::uint8:
      return 1;
    case ElementType::int32:
      return 2;
    case ElementType::int64:
      return 3;
    case ElementType::float32:
      return 4;
    case ElementType::float64:
      return 5;
    default:
      check_tensor_type(type);
      return 0;
  }
}

}  // namespace

ElementType default_float() { return default_float_type.load(std::memory_order_relaxed); }
void set_default_float(ElementType type) { default_float_type.store(type, std::memory_order_relaxed); }

ElementType element_type_from_name(std::string_view name) {
  for (const ElementType type : {ElementType::boolean, ElementType::uint8, ElementType::int32,
                                 ElementType::int64, ElementType::float32, ElementType::float64}) {
    if (name == name_of(type)) return type;
  }
  throw TypeError(
      text("[dtype] tensors hold 'bool', 'uint8', 'int32', 'int64', 'float32' or 'float64'. "
           "Received: '",
           name, "'"));
}

void check_tensor_type(ElementType type) { element_type_from_name(name_of(type)); }

ElementType promote(ElementType a, ElementType b) {
  if (a == b) return a;
  // Each type holds all before it, so the later of the two holds both.
  return rank_of(a) < rank_of(b) ? b : a;
}

}  // namespace lamina::ops
