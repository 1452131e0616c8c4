// The arguments of the device's array calls: element by element over strided, broadcast
// operands, and reductions. Strides count elements. Results are always row-major.
#pragma once

#include <cstdint>

#include "core/types.h"
#include "device/array_kinds.h"

namespace lamina {

/// Shape and operands share `rank` and `shape`; an operand that is broadcast has strides of 0.
struct ArrayOperand {
  const void* data = nullptr;
  const std::int64_t* strides = nullptr;
};

struct UnaryArguments {
  UnaryKind kind = UnaryKind::negative;
  ElementType type = ElementType::float32;  ///< of x; out is bool for is_predicate(kind), else the same
  int rank = 0;
  const std::int64_t* shape = nullptr;
  ArrayOperand x;
  void* out = nullptr;
};

struct BinaryArguments {
  BinaryKind kind = BinaryKind::add;
  ElementType type = ElementType::float32;  ///< of both; out is bool for comparisons, else the same
  int rank = 0;
  const std::int64_t* shape = nullptr;
  ArrayOperand x, y;
  void* out = nullptr;
};

/// out = condition ? x : y.
struct SelectArguments {
  ElementType type = ElementType::float32;  ///< of x, y and out
  int rank = 0;
  const std::int64_t* shape = nullptr;
  ArrayOperand condition;  ///< bool
  ArrayOperand x, y;
  void* out = nullptr;
};

/// out = x as another type. From floating point to integers: rounded towards zero, limited to the
/// type's range, 0 for NaN; to bool: whether it is not 0.
struct ConvertArguments {
  ElementType from = ElementType::float32, to = ElementType::float32;
  int rank = 0;
  const std::int64_t* shape = nullptr;
  ArrayOperand x;
  void* out = nullptr;
};

/// The elements of x into the strided elements of out, which do not overlap each other or x.
struct WriteArguments {
  ElementType type = ElementType::float32;
  int rank = 0;
  const std::int64_t* shape = nullptr;
  ArrayOperand x;
  void* out = nullptr;
  const std::int64_t* out_strides = nullptr;
};

/// A reduction of a row-major array seen as [outer, reduced, inner], over the middle. With inner = 1
/// and `row`, in the order of a sum along a row; else of a sum down a column.
struct ReduceArguments {
  ReduceKind kind = ReduceKind::sum;
  ElementType type = ElementType::float32;  ///< of x; out as reduce_type says
  std::int64_t outer = 1, reduced = 1, inner = 1;
  bool row = true;
  const void* x = nullptr;
  void* out = nullptr;
};

/// The element type of a reduction's result: int64 for sums and products of integers and bool, int64 for
/// positions, else the type itself.
ElementType reduce_type(ReduceKind kind, ElementType type);

/// Running sums or products of a row-major [outer, length, inner] over the middle axis.
struct CumulativeArguments {
  CumulativeKind kind = CumulativeKind::sum;
  ElementType type = ElementType::float32;  ///< int64, float32 or float64
  std::int64_t outer = 1, length = 1, inner = 1;
  const void* x = nullptr;
  void* out = nullptr;
};

/// out[r, :] = the order that sorts row r of a row-major matrix; stable, NaN counts as the largest.
struct ArgsortArguments {
  ElementType type = ElementType::float32;
  std::int64_t rows = 0, columns = 0;
  bool descending = false;
  const void* x = nullptr;
  std::int64_t* out = nullptr;
};

/// out block i = the `block` elements of x from offsets[i]; offsets in elements, inside of x.
struct GatherArguments {
  ElementType type = ElementType::float32;
  std::int64_t count = 0, block = 1;
  const void* x = nullptr;
  const std::int64_t* offsets = nullptr;
  void* out = nullptr;
};

/// Block i of x joins the `block` elements of out from offsets[i], one block after the other.
struct ScatterArguments {
  ScatterKind kind = ScatterKind::set;
  ElementType type = ElementType::float32;
  std::int64_t count = 0, block = 1;
  const void* x = nullptr;
  const std::int64_t* offsets = nullptr;
  void* out = nullptr;
};

}  // namespace lamina
