// The functions of StridedKind for one element; plain arithmetic, so that every compiler gives the same bits.
#pragma once

#include "device/strided.h"
#include "numerics/policy.h"

namespace lamina {

template <StridedKind kind, class T>
LAMINA_HOST_DEVICE inline T strided_function(T a, T b, T c) {
  if constexpr (kind == StridedKind::copy) return a;
  if constexpr (kind == StridedKind::negative) return -a;
  if constexpr (kind == StridedKind::add) return a + b;
  if constexpr (kind == StridedKind::subtract) return a - b;
  if constexpr (kind == StridedKind::multiply) return a * b;
  if constexpr (kind == StridedKind::divide) return a / b;
  if constexpr (kind == StridedKind::maximum) return a != a ? a : a > b ? a : b;
  if constexpr (kind == StridedKind::minimum) return a != a ? a : a < b ? a : b;
  if constexpr (kind == StridedKind::equal) return a == b ? T(1) : T(0);
  if constexpr (kind == StridedKind::larger_share) {
    const T strictly = a > b ? T(0.5) : T(0), equally = a >= b ? T(0.5) : T(0);
    return c * (strictly + equally);
  }
  if constexpr (kind == StridedKind::smaller_share) {
    const T strictly = a < b ? T(0.5) : T(0), equally = a <= b ? T(0.5) : T(0);
    return c * (strictly + equally);
  }
  if constexpr (kind == StridedKind::quotient_slope) {
    const T quotient = a / b;
    return -(c * quotient);
  }
}

/// Calls visit.template operator()<kind>() for the kind at run time.
template <class Visit>
void visit_strided(StridedKind kind, const Visit& visit) {
  switch (kind) {
    case StridedKind::copy:
      return visit.template operator()<StridedKind::copy>();
    case StridedKind::negative:
      return visit.template operator()<StridedKind::negative>();
    case StridedKind::add:
      return visit.template operator()<StridedKind::add>();
    case StridedKind::subtract:
      return visit.template operator()<StridedKind::subtract>();
    case StridedKind::multiply:
      return visit.template operator()<StridedKind::multiply>();
    case StridedKind::divide:
      return visit.template operator()<StridedKind::divide>();
    case StridedKind::maximum:
      return visit.template operator()<StridedKind::maximum>();
    case StridedKind::minimum:
      return visit.template operator()<StridedKind::minimum>();
    case StridedKind::equal:
      return visit.template operator()<StridedKind::equal>();
    case StridedKind::larger_share:
      return visit.template operator()<StridedKind::larger_share>();
    case StridedKind::smaller_share:
      return visit.template operator()<StridedKind::smaller_share>();
    case StridedKind::quotient_slope:
      return visit.template operator()<StridedKind::quotient_slope>();
  }
}

}  // namespace lamina
