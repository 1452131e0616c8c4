#include "cpu/array/kernels.h"
#include "cpu/vec/vec.h"
#include "numerics/array_functions.h"
#include "numerics/elementary.h"
#include "numerics/row.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

using numerics::load_some;
using numerics::store_some;
using std::int32_t;
using std::int64_t;
using std::uint8_t;

// ---- float32 and float64: vectors

#define LAMINA_FORMULA(Name, expression)  \
  struct Name {                           \
    template <class V>                    \
    static LAMINA_INLINE V of(V a, V b) { \
      return expression;                  \
    }                                     \
  };
LAMINA_FORMULA(Add, a + b)
LAMINA_FORMULA(Subtract, a - b)
LAMINA_FORMULA(Multiply, a* b)
LAMINA_FORMULA(Divide, a / b)
LAMINA_FORMULA(Maximum, numerics::maximum(a, b))
LAMINA_FORMULA(Minimum, numerics::minimum(a, b))
LAMINA_FORMULA(Power, numerics::pow(a, b))
LAMINA_FORMULA(Arctan2, numerics::atan2(a, b))
#undef LAMINA_FORMULA

template <class T, class Formula, class X, class Y>
LAMINA_INLINE void vector_loop(int64_t n, T* out, const X& x, const Y& y) {
  using V = Vec<T>;
  int64_t i = 0;
  for (; i + V::lanes <= n; i += V::lanes) {
    Formula::of(x(i, V::lanes), y(i, V::lanes)).store(out + i);
  }
  if (i < n) {
    const auto rest = static_cast<std::size_t>(n - i);
    Formula::of(x(i, rest), y(i, rest)).store_partial(out + i, rest);
  }
}

/// For short formulas: a loop for each way of stepping.
template <class T, class Formula>
void short_formula(int64_t n, const void* x, int64_t x_step, const void* y, int64_t y_step, void* out) {
  using V = Vec<T>;
  const T* const a = static_cast<const T*>(x);
  const T* const b = static_cast<const T*>(y);
  const auto load_a = [a](int64_t i, std::size_t count) { return load_some<V>(a + i, count); };
  const auto load_b = [b](int64_t i, std::size_t count) { return load_some<V>(b + i, count); };
  if (n <= 0) return;
  T* const to = static_cast<T*>(out);
  if (x_step != 0 && y_step != 0) {
    vector_loop<T, Formula>(n, to, load_a, load_b);
  } else if (x_step != 0) {
    const V same = V::splat(*b);
    vector_loop<T, Formula>(n, to, load_a, [same](int64_t, std::size_t) { return same; });
  } else {
    const V same = V::splat(*a);
    if (y_step != 0) {
      vector_loop<T, Formula>(n, to, [same](int64_t, std::size_t) { return same; }, load_b);
    } else {
      const V other = V::splat(*b);
      vector_loop<T, Formula>(
          n, to, [same](int64_t, std::size_t) { return same; },
          [other](int64_t, std::size_t) { return other; });
    }
  }
}

/// For long formulas: one loop that looks at the steps.
template <class T, class Formula>
void long_formula(int64_t n, const void* x, int64_t x_step, const void* y, int64_t y_step, void* out) {
  using V = Vec<T>;
  const T* const a = static_cast<const T*>(x);
  const T* const b = static_cast<const T*>(y);
  if (n <= 0) return;
  const V same_a = V::splat(*a), same_b = V::splat(*b);
  vector_loop<T, Formula>(
      n, static_cast<T*>(out),
      [&](int64_t i, std::size_t count) { return x_step != 0 ? load_some<V>(a + i, count) : same_a; },
      [&](int64_t i, std::size_t count) { return y_step != 0 ? load_some<V>(b + i, count) : same_b; });
}

// ---- Integers, bools and comparisons: exact, so the compiler may vectorise as it likes.

template <class T>
struct UnsignedOf {
  using Type = T;
};
template <>
struct UnsignedOf<int32_t> {
  using Type = std::uint32_t;
};
template <>
struct UnsignedOf<int64_t> {
  using Type = std::uint64_t;
};
template <class T>
constexpr bool kSigned = T(-1) < T(0);

#define LAMINA_FORMULA(Name, expression)      \
  struct Name {                               \
    template <class T>                        \
    static LAMINA_INLINE auto of(T a, T b) {  \
      using U = typename UnsignedOf<T>::Type; \
      (void)sizeof(U);                        \
      return expression;                      \
    }                                         \
  };
// Wrapping, as unsigned numbers.
LAMINA_FORMULA(IntegerAdd, static_cast<T>(static_cast<U>(a) + static_cast<U>(b)))
LAMINA_FORMULA(IntegerSubtract, static_cast<T>(static_cast<U>(a) - static_cast<U>(b)))
LAMINA_FORMULA(IntegerMultiply, static_cast<T>(static_cast<U>(a) * static_cast<U>(b)))
LAMINA_FORMULA(IntegerMaximum, (a > b ? a : b))
LAMINA_FORMULA(IntegerMinimum, (a < b ? a : b))
LAMINA_FORMULA(And, static_cast<T>(a& b))
LAMINA_FORMULA(Or, static_cast<T>(a | b))
LAMINA_FORMULA(Xor, static_cast<T>(a ^ b))
LAMINA_FORMULA(Equal, static_cast<uint8_t>(a == b))
LAMINA_FORMULA(NotEqual, static_cast<uint8_t>(a != b))
LAMINA_FORMULA(Less, static_cast<uint8_t>(a < b))
LAMINA_FORMULA(LessEqual, static_cast<uint8_t>(a <= b))
LAMINA_FORMULA(Greater, static_cast<uint8_t>(a > b))
LAMINA_FORMULA(GreaterEqual, static_cast<uint8_t>(a >= b))
#undef LAMINA_FORMULA

/// Rounds down; of a division by 0: 0, and what does not fit wraps.
struct IntegerFloorDivide {
  template <class T>
  static LAMINA_INLINE T of(T a, T b) {
    if (b == T(0)) return T(0);
    if constexpr (kSigned<T>) {
      if (b == T(-1)) return IntegerSubtract::of(T(0), a);
      const T quotient = static_cast<T>(a / b);
      return static_cast<T>(quotient - ((a % b != T(0)) && ((a < T(0)) != (b < T(0)))));
    } else {
      return static_cast<T>(a / b);
    }
  }
};
/// Has the divisor's sign; 0 for a divisor of 0.
struct IntegerMod {
  template <class T>
  static LAMINA_INLINE T of(T a, T b) {
    if (b == T(0)) return T(0);
    if constexpr (kSigned<T>) {
      if (b == T(-1)) return T(0);
      const T rest = static_cast<T>(a % b);
      return (rest != T(0) && ((rest < T(0)) != (b < T(0)))) ? static_cast<T>(rest + b) : rest;
    } else {
      return static_cast<T>(a % b);
    }
  }
};
/// Wrapping; the exponent is not negative (the caller has looked).
struct IntegerPower {
  template <class T>
  static LAMINA_INLINE T of(T base, T exponent) {
    T result = T(1);
    for (T e = exponent; e > T(0); e = static_cast<T>(e / T(2))) {
      if ((e & T(1)) != T(0)) result = IntegerMultiply::of(result, base);
      base = IntegerMultiply::of(base, base);
    }
    return result;
  }
};
struct LeftShift {
  template <class T>
  static LAMINA_INLINE T of(T a, T b) {
    using U = typename UnsignedOf<T>::Type;
    const bool inside = b >= T(0) && b < T(8 * sizeof(T));
    return inside ? static_cast<T>(static_cast<U>(a) << b) : T(0);
  }
};
struct RightShift {
  template <class T>
  static LAMINA_INLINE T of(T a, T b) {
    const bool inside = b >= T(0) && b < T(8 * sizeof(T));
    return static_cast<T>(a >> (inside ? b : T(8 * sizeof(T) - 1))) & (inside || kSigned<T> ? T(-1) : T(0));
  }
};

template <class T, class Result, class Formula>
void plain_loop(int64_t n, const void* x, int64_t x_step, const void* y, int64_t y_step, void* out) {
  const T* __restrict const a = static_cast<const T*>(x);
  const T* __restrict const b = static_cast<const T*>(y);
  Result* __restrict const to = static_cast<Result*>(out);
  if (n <= 0) return;
  if (x_step != 0 && y_step != 0) {
    for (int64_t i = 0; i < n; ++i) to[i] = Formula::of(a[i], b[i]);
  } else if (x_step != 0) {
    const T same = *b;
    for (int64_t i = 0; i < n; ++i) to[i] = Formula::of(a[i], same);
  } else if (y_step != 0) {
    const T same = *a;
    for (int64_t i = 0; i < n; ++i) to[i] = Formula::of(same, b[i]);
  } else {
    const Result result = Formula::of(*a, *b);
    for (int64_t i = 0; i < n; ++i) to[i] = result;
  }
}

constexpr BinaryKernel kNone = nullptr;

/// Integer formula `I` for the integer types; kernels for bool and both floating types given.
#define LAMINA_ROW(bool_kernel, I, single, twice) \
  {bool_kernel,                                   \
   plain_loop<uint8_t, uint8_t, I>,               \
   plain_loop<int32_t, int32_t, I>,               \
   plain_loop<int64_t, int64_t, I>,               \
   single,                                        \
   twice}
#define LAMINA_BITWISE(F)           \
  {plain_loop<uint8_t, uint8_t, F>, \
   plain_loop<uint8_t, uint8_t, F>, \
   plain_loop<int32_t, int32_t, F>, \
   plain_loop<int64_t, int64_t, F>, \
   kNone,                           \
   kNone}
#define LAMINA_COMPARISON(F)                                                                          \
  {plain_loop<uint8_t, uint8_t, F>, plain_loop<uint8_t, uint8_t, F>, plain_loop<int32_t, uint8_t, F>, \
   plain_loop<int64_t, uint8_t, F>, plain_loop<float, uint8_t, F>,   plain_loop<double, uint8_t, F>}
#define LAMINA_FLOATING(kernel, F) {kNone, kNone, kNone, kNone, kernel<float, F>, kernel<double, F>}

}  // namespace

extern const BinaryKernels binary_kernels;
const BinaryKernels binary_kernels = {{
    /* add */ LAMINA_ROW((plain_loop<uint8_t, uint8_t, Or>), IntegerAdd, (short_formula<float, Add>),
                         (short_formula<double, Add>)),
    /* subtract */
    LAMINA_ROW(kNone, IntegerSubtract, (short_formula<float, Subtract>), (short_formula<double, Subtract>)),
    /* multiply */
    LAMINA_ROW((plain_loop<uint8_t, uint8_t, And>), IntegerMultiply, (short_formula<float, Multiply>),
               (short_formula<double, Multiply>)),
    /* divide */ LAMINA_FLOATING(short_formula, Divide),
    /* floor_divide: of floating point elsewhere */ LAMINA_ROW(kNone, IntegerFloorDivide, kNone, kNone),
    /* mod */ LAMINA_ROW(kNone, IntegerMod, kNone, kNone),
    /* power */
    LAMINA_ROW(kNone, IntegerPower, (long_formula<float, Power>), (long_formula<double, Power>)),
    /* arctan2 */ LAMINA_FLOATING(long_formula, Arctan2),
    /* maximum */
    LAMINA_ROW((plain_loop<uint8_t, uint8_t, Or>), IntegerMaximum, (short_formula<float, Maximum>),
               (short_formula<double, Maximum>)),
    /* minimum */
    LAMINA_ROW((plain_loop<uint8_t, uint8_t, And>), IntegerMinimum, (short_formula<float, Minimum>),
               (short_formula<double, Minimum>)),
    /* comparisons */ LAMINA_COMPARISON(Equal),
    LAMINA_COMPARISON(NotEqual),
    LAMINA_COMPARISON(Less),
    LAMINA_COMPARISON(LessEqual),
    LAMINA_COMPARISON(Greater),
    LAMINA_COMPARISON(GreaterEqual),
    /* bitwise */ LAMINA_BITWISE(And),
    LAMINA_BITWISE(Or),
    LAMINA_BITWISE(Xor),
    /* shifts */ LAMINA_ROW(kNone, LeftShift, kNone, kNone),
    LAMINA_ROW(kNone, RightShift, kNone, kNone),
}};

}  // namespace lamina::cpu::LAMINA_ISA
