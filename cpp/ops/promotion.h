// Element types: which one a function computes in.
#pragma once

#include <string_view>

#include "core/tensor.h"

namespace lamina::ops {

/// The type of results made of integers where a function needs fractions: float32 unless set
/// (lamina.config.set_floatx).
ElementType default_float();
void set_default_float(ElementType type);

constexpr bool is_floating(ElementType type) {
  return type == ElementType::float32 || type == ElementType::float64;
}
constexpr bool is_bool(ElementType type) { return type == ElementType::boolean; }
constexpr bool is_integer(ElementType type) { return !is_floating(type) && !is_bool(type); }

/// The type of "bool", "uint8", "int32", "int64", "float32" or "float64"; TypeError for any other
/// name, which lists them.
ElementType element_type_from_name(std::string_view name);
/// TypeError unless tensors can be of the type.
void check_tensor_type(ElementType type);

/// The array API standard's table: bool < uint8 < int32 < int64 and float32 < float64. What that
/// leaves open, integers with floating point, is the floating type.
ElementType promote(ElementType a, ElementType b);

/// `type`, or the default floating type for integers and bool.
inline ElementType floating(ElementType type) { return is_floating(type) ? type : default_float(); }

}  // namespace lamina::ops
