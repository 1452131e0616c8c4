// Division that rounds down and its remainder, in floating point: exact remainders, so no
// machine's own function is asked.
#pragma once

#include <cstdint>
#include <type_traits>

#include "numerics/scalar.h"

namespace lamina::cpu {

/// x - n y for the integer n of which |n| is largest with |n y| <= |x|, exactly; x's sign.
/// NaN where x is infinite or y is 0.
template <class T>
T exact_remainder(T x, T y) {
  using U = typename numerics::Lane<T>::Unsigned;
  constexpr int bits = sizeof(T) == 4 ? 23 : 52, width = 8 * static_cast<int>(sizeof(T));
  constexpr U sign_bit = U(1) << (width - 1), one = U(1) << bits, top = (U(1) << (width - 1 - bits)) - 1;
  const U ux = numerics::builtin::bits<U>(x) & ~sign_bit, uy = numerics::builtin::bits<U>(y) & ~sign_bit;
  const U infinite = top << bits;
  if (ux >= infinite || uy > infinite || uy == 0) return (x * y) / (x * y);
  if (ux < uy) return x;
  const auto significand = [&](U u) { return (u >> bits) == 0 ? u : ((u & (one - 1)) | one); };
  const auto exponent = [&](U u) { return static_cast<int>((u >> bits) == 0 ? 1 : (u >> bits)); };
  U rest = significand(ux);
  const U divisor = significand(uy);
  int shift = exponent(ux) - exponent(uy);
  constexpr int step = width - 1 - bits;
  rest %= divisor;
  while (shift > 0 && rest != 0) {
    const int by = shift < step ? shift : step;
    rest = (rest << by) % divisor;
    shift -= by;
  }
  // rest * 2^(exponent(y)), which fits exactly.
  int e = exponent(uy);
  U result = rest;
  if (rest != 0) {
    while (result < one && e > 1) {
      result <<= 1;
      --e;
    }
    result = result < one ? result : (result - one) | (static_cast<U>(e) << bits);
  }
  return numerics::builtin::bits<T>(static_cast<U>(result | (numerics::builtin::bits<U>(x) & sign_bit)));
}

/// The remainder with the divisor's sign, as Python and NumPy have it.
template <class T>
T floor_mod(T a, T b) {
  T rest = exact_remainder(a, b);
  if (b == T(0)) return rest;
  if (rest != T(0)) return ((b < T(0)) != (rest < T(0))) ? rest + b : rest;
  // A zero with the divisor's sign.
  return copysign(numerics::Lane<T>{T(0)}, numerics::Lane<T>{b}).value;
}

/// a / b rounded down, as Python and NumPy have it.
template <class T>
T floor_divide(T a, T b) {
  if (b == T(0)) return a / b;
  const T rest = exact_remainder(a, b);
  T quotient = (a - rest) / b;
  if (rest != T(0) && ((b < T(0)) != (rest < T(0)))) quotient = quotient - T(1);
  if (quotient == T(0)) return copysign(numerics::Lane<T>{T(0)}, numerics::Lane<T>{a / b}).value;
  // quotient is within rounding of an integer.
  constexpr T large = sizeof(T) == 4 ? T(0x1p23f) : T(0x1p52);
  const T size = quotient < T(0) ? -quotient : quotient;
  if (!(size < large)) return quotient;
  const T nearest = (size + large) - large;
  return quotient < T(0) ? -nearest : nearest;
}

}  // namespace lamina::cpu
