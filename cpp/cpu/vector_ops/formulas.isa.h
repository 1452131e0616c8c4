// One vector of element-wise arithmetic over flat ranges.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/vec/vec.h"
#include "numerics/policy.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

// The formulas of VectorKind (device/kinds.h), one vector each.

struct Scale {
  template <class V>
  static LAMINA_INLINE V of(V a, V, V x, V) {
    return a * x;
  }
};
struct Divide {
  template <class V>
  static LAMINA_INLINE V of(V a, V, V x, V) {
    return x / a;
  }
};
struct AddScaled {
  template <class V>
  static LAMINA_INLINE V of(V a, V, V x, V y) {
    return fma(a, x, y);
  }
};
struct AddDivide {
  template <class V>
  static LAMINA_INLINE V of(V a, V, V x, V y) {
    return (x + y) / a;
  }
};
struct Blend {
  template <class V>
  static LAMINA_INLINE V of(V a, V b, V x, V y) {
    return fma(a, x, b * y);
  }
};
struct SquareAdd {
  template <class V>
  static LAMINA_INLINE V of(V a, V, V x, V) {
    return fma(x, x, a);
  }
};
struct OverRoot {
  template <class V>
  static LAMINA_INLINE V of(V, V, V x, V y) {
    return x / sqrt(y);
  }
};
struct ScaleDivide {
  template <class V>
  static LAMINA_INLINE V of(V a, V b, V x, V) {
    return (a * x) / b;
  }
};
struct Clamp {
  template <class V>
  static LAMINA_INLINE V of(V a, V, V x, V) {
    const V low = select(x < -a, -a, x);  // NaN stays NaN
    return select(low > a, a, low);
  }
};
struct Decay {
  template <class V>
  static LAMINA_INLINE V of(V a, V b, V x, V) {
    return x - (x * a) * b;
  }
};
struct Fade {
  template <class V>
  static LAMINA_INLINE V of(V a, V, V x, V) {
    return select(abs(x) < a, V::splat(0), x);  // NaN stays NaN
  }
};
struct Lift {
  template <class V>
  static LAMINA_INLINE V of(V a, V, V x, V) {
    return select((V::splat(0) < x) & (x < a), a, x);
  }
};

}  // namespace
}  // namespace lamina::cpu::LAMINA_ISA
