// The element-wise functions and reductions of arrays. Plain enough for every compiler and
// instruction set.
#pragma once

#include <cstdint>

namespace lamina {

// Formulas: numerics/elementary*.h, numerics/array_functions.h. The first group works on every
// number; the second on float32 and float64.
// clang-format off
#define LAMINA_UNARY_KINDS(X) \
  X(negative) X(absolute) X(sign) X(square) X(invert) X(isfinite) X(isinf) X(isnan) X(sqrt) \
  X(rsqrt) X(reciprocal) X(exp) X(expm1) X(log) X(log1p) X(log2) X(log10) X(sin) X(cos) X(tan) \
  X(sinh) X(cosh) X(tanh) X(arcsin) X(arccos) X(arctan) X(arcsinh) X(arccosh) X(arctanh) \
  X(sigmoid) X(erf) X(floor) X(ceil) X(round) X(trunc)

#define LAMINA_BINARY_KINDS(X) \
  X(add) X(subtract) X(multiply) X(divide) X(floor_divide) X(mod) X(power) X(arctan2) X(maximum) \
  X(minimum) X(equal) X(not_equal) X(less) X(less_equal) X(greater) X(greater_equal) \
  X(bitwise_and) X(bitwise_or) X(bitwise_xor) X(left_shift) X(right_shift)
// clang-format on

#define LAMINA_ENUMERATOR(name) name,
enum class UnaryKind : std::uint8_t { LAMINA_UNARY_KINDS(LAMINA_ENUMERATOR) };
enum class BinaryKind : std::uint8_t { LAMINA_BINARY_KINDS(LAMINA_ENUMERATOR) };
#undef LAMINA_ENUMERATOR

inline constexpr int kUnaryKinds = static_cast<int>(UnaryKind::trunc) + 1;
inline constexpr int kBinaryKinds = static_cast<int>(BinaryKind::right_shift) + 1;

/// The result is a bool.
constexpr bool is_predicate(UnaryKind kind) {
  return kind >= UnaryKind::isfinite && kind <= UnaryKind::isnan;
}
constexpr bool is_comparison(BinaryKind kind) {
  return kind >= BinaryKind::equal && kind <= BinaryKind::greater_equal;
}

/// Position kinds give the first position of the largest (smallest) element; NaN counts as
/// larger (smaller) than everything.
enum class ReduceKind : std::uint8_t { sum, prod, max, min, argmax, argmin };

enum class CumulativeKind : std::uint8_t { sum, prod };
/// How a value joins the one that is there.
enum class ScatterKind : std::uint8_t { set, add, max, min };

}  // namespace lamina
