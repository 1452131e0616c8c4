// Element-wise functions over strided operands: what merges, cuts and joins the values of a graph.
// Plain enough for every compiler; nothing is allocated.
#pragma once

#include <cstdint>

#include "core/types.h"

namespace lamina {

/// out = f(a, b, c), every operation rounded on its own (cpu/strided/strided.h).
enum class StridedKind : std::uint8_t {
  copy,      // a
  negative,  // -a
  add,
  subtract,
  multiply,
  divide,
  maximum,
  minimum,
  equal,           // a == b ? 1 : 0
  larger_share,    // c * ((a > b ? 1/2 : 0) + (a >= b ? 1/2 : 0))
  smaller_share,   // c * ((a < b ? 1/2 : 0) + (a <= b ? 1/2 : 0))
  quotient_slope,  // -(c * (a / b))
};

/// An operand may repeat (strides of 0); the elements of `out` do not overlap each other or another
/// operand's, but for operands that are `out` element by element. Strides count elements.
struct StridedArguments {
  static constexpr int kMostAxes = 12;

  DType dtype = DType::float32;
  StridedKind kind = StridedKind::copy;
  const void* a = nullptr;
  const void* b = nullptr;  ///< null: `number`
  const void* c = nullptr;
  void* out = nullptr;
  double number = 0.0;
  bool number_first = false;  ///< the number stands in place of a: f(number, a)

  int axes = 0;
  struct Axis {
    std::int64_t extent = 1, a = 0, b = 0, c = 0, out = 0;
  };
  Axis axis[kMostAxes];

  /// The next inner axis; becomes one with its outer neighbour where all operands allow. False: too many.
  bool add_axis(const Axis& next) {
    if (next.extent == 1) return true;
    if (axes > 0) {
      Axis& outer = axis[axes - 1];
      const std::int64_t n = next.extent;
      if (outer.a == n * next.a && outer.b == n * next.b && outer.c == n * next.c &&
          outer.out == n * next.out) {
        outer = {outer.extent * n, next.a, next.b, next.c, next.out};
        return true;
      }
    }
    if (axes == kMostAxes) return false;
    axis[axes++] = next;
    return true;
  }
};

}  // namespace lamina
