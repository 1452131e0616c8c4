// What the elementary functions are compared with: the C library's functions of a wider
// type, whose own errors do not show.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "isa/elementary_maps.h"

namespace lamina::test {

namespace reference {

// T is double as the reference of float, long double as that of double.
template <class T>
T exp(T x) {
  return std::exp(x);
}
template <class T>
T expm1(T x) {
  return std::expm1(x);
}
template <class T>
T log(T x) {
  return std::log(x);
}
template <class T>
T log1p(T x) {
  return std::log1p(x);
}
template <class T>
T sigmoid(T x) {
  return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
}
template <class T>
T tanh(T x) {
  return std::tanh(x);
}
template <class T>
T softplus(T x) {
  return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
}
template <class T>
T erf(T x) {
  return std::erf(x);
}
template <class T>
T erfc(T x) {
  return std::erfc(x);
}
template <class T>
T normal_cdf(T x) {
  return std::erfc(x * T(-0.70710678118654752440084436210485L)) / 2;
}
template <class T>
T normal_pdf(T x) {
  return std::exp(x * x / -2) * T(0.39894228040143267793994605993438L);
}
template <class T>
T sinpi(T x) {
  constexpr T pi = T(3.14159265358979323846264338327950L);
  if (std::isinf(x)) return std::numeric_limits<T>::quiet_NaN();
  T r = std::remainder(x, T(2));
  if (r == 0 || r == 1 || r == -1) return std::copysign(T(0), x);
  if (r > T(0.5)) r = 1 - r;
  if (r < T(-0.5)) r = -1 - r;
  return std::fabs(r) <= T(0.25) ? std::sin(pi * r)
                                 : std::copysign(std::cos(pi * (T(0.5) - std::fabs(r))), r);
}
template <class T>
T cospi(T x) {
  const T r = std::fabs(std::remainder(x, T(2)));
  return r == T(0.5) ? T(0) : sinpi(T(0.5) - r);
}
template <class T>
T sin(T x) {
  return std::sin(x);
}
template <class T>
T cos(T x) {
  return std::cos(x);
}

}  // namespace reference

/// The references in the order of ElementaryMaps.
#define LAMINA_ENTRY(name) reference::name<Wide>,
template <class Wide>
inline constexpr Wide (*kReferences[])(Wide) = {LAMINA_ELEMENTARY_FUNCTIONS(LAMINA_ENTRY)};
#undef LAMINA_ENTRY

/// |y - exact| in units in the last place of T at `exact` (of the least denormal below the
/// normal range). 0 where both are NaN; infinity where one is, or where an infinity or the
/// sign of a zero is wrong.
template <class T, class Wide>
double error_in_ulp(T y, Wide exact) {
  using Limits = std::numeric_limits<T>;
  const T rounded = static_cast<T>(exact);
  if (y != y || rounded != rounded) return y != y && rounded != rounded ? 0 : HUGE_VAL;
  const T largest = Limits::max();
  if (y > largest || y < -largest || rounded > largest || rounded < -largest)
    return y == rounded ? 0 : HUGE_VAL;
  if (std::signbit(y) != std::signbit(rounded)) return HUGE_VAL;
  const Wide size = std::max(std::fabs(exact), static_cast<Wide>(Limits::min()));
  const Wide ulp = std::ldexp(static_cast<Wide>(Limits::epsilon()), std::ilogb(size));
  return static_cast<double>(std::fabs(static_cast<Wide>(y) - exact) / ulp);
}

}  // namespace lamina::test
