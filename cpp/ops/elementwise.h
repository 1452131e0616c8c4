// Element by element, with broadcasting and promotion (promotion.h). Results are new and row-major.
//
// Each name of LAMINA_UNARY_KINDS and LAMINA_BINARY_KINDS (device/array_kinds.h) is a function here.
// Functions of real numbers turn integers and bool into the default floating type; divide and
// arctan2 do so for both operands. Integers wrap; division of an integer by 0 gives 0.
#pragma once

#include <string_view>

#include "core/tensor.h"
#include "device/array_kinds.h"

namespace lamina::ops {

std::string_view name_of(UnaryKind kind);
std::string_view name_of(BinaryKind kind);

Tensor unary(UnaryKind kind, const Tensor& x);
Tensor binary(BinaryKind kind, const Tensor& x1, const Tensor& x2);

#define LAMINA_FUNCTION(name) \
  inline Tensor name(const Tensor& x) { return unary(UnaryKind::name, x); }
LAMINA_UNARY_KINDS(LAMINA_FUNCTION)
#undef LAMINA_FUNCTION
#define LAMINA_FUNCTION(name) \
  inline Tensor name(const Tensor& x1, const Tensor& x2) { return binary(BinaryKind::name, x1, x2); }
LAMINA_BINARY_KINDS(LAMINA_FUNCTION)
#undef LAMINA_FUNCTION

/// x itself for arithmetic types; TypeError for bool.
Tensor positive(const Tensor& x);

Tensor logical_not(const Tensor& x);
Tensor logical_and(const Tensor& x1, const Tensor& x2);
Tensor logical_or(const Tensor& x1, const Tensor& x2);
Tensor logical_xor(const Tensor& x1, const Tensor& x2);

/// condition ? x1 : x2, all three broadcast; a condition that is no bool counts where it is not 0.
Tensor where(const Tensor& condition, const Tensor& x1, const Tensor& x2);

/// x as `type`; x itself (another handle to it) where it is of that type already. From floating
/// point to integers: towards zero, limited to the type's range, 0 for NaN.
Tensor cast(const Tensor& x, ElementType type);
/// The bits of x as elements of another type of the same size: a view, and a constant to every tape.
Tensor bitcast(const Tensor& x, ElementType type);
/// x in row-major order: x itself, or a copy.
Tensor contiguous(const Tensor& x);
/// A row-major copy with memory of its own.
Tensor copy(const Tensor& x);

}  // namespace lamina::ops
