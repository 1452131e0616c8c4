// Keeping numbers within bounds, over an arithmetic policy.
#pragma once

#include "numerics/policy.h"

namespace lamina::numerics {

/// `x` moved into [low, high]; NaN stays NaN.
template <class V>
LAMINA_INLINE V clamp(V x, double low, double high) {
  using T = typename V::Scalar;
  return lane_min(V::splat(static_cast<T>(high)), lane_max(V::splat(static_cast<T>(low)), x));
}

/// `x`, infinities as the largest finite number of their sign; NaN stays NaN.
template <class V>
LAMINA_INLINE V finite(V x) {
  const double largest = sizeof(typename V::Scalar) == 4 ? 3.4028234663852886e38 : 1.7976931348623157e308;
  return clamp(x, -largest, largest);
}

}  // namespace lamina::numerics
