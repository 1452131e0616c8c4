// Batch renormalization: what leads a batch's statistics towards moving ones.
//
//   deviation = sqrt(variance + epsilon)                       of the batch
//   s = moving deviation, but not less than sqrt(epsilon)
//   factor = deviation / s, at least `r_min`, then at most `r_max`
//   offset = (mean - moving mean) / s, at least -d_max, then at most d_max
//   effective gamma = gamma * factor; effective beta = fma(offset, gamma, beta)
//   dgamma = fma(offset, dbeta, factor * (gradient of the effective gamma)); no gradient goes through the
//   factor and the offset
//   variance = deviation * deviation - epsilon, but not less than 0      of moving deviations
//
// NaN stays NaN. Missing gamma is 1: the effective ones are the factor and offset + beta. Missing beta is +0.
#pragma once

#include "numerics/scalar.h"

namespace lamina::numerics {

template <class T>
struct Renormalized {
  T deviation, factor, offset;
};

/// Infinite bounds are none.
template <class T>
struct RenormalizationBounds {
  T epsilon, r_min, r_max, d_max;
};

template <class T>
LAMINA_INLINE Renormalized<T> renormalized(T mean, T variance, T moving_mean, T moving_deviation,
                                           const RenormalizationBounds<T>& bounds) {
  using L = Lane<T>;
  const T deviation = builtin::root(variance + bounds.epsilon);
  const L s = lane_max(L{builtin::root(bounds.epsilon)}, L{moving_deviation});
  const L factor = lane_max(L{bounds.r_min}, L{deviation} / s);
  const L offset = lane_max(-L{bounds.d_max}, L{mean - moving_mean} / s);
  return {deviation, lane_min(L{bounds.r_max}, factor).value, lane_min(L{bounds.d_max}, offset).value};
}

template <class T>
LAMINA_INLINE T variance_of_deviation(T deviation, T epsilon) {
  return lane_max(Lane<T>{T(0)}, Lane<T>{deviation * deviation - epsilon}).value;
}

}  // namespace lamina::numerics
