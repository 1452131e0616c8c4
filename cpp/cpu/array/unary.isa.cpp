#include "cpu/array/kernels.h"
#include "cpu/vec/vec.h"
#include "numerics/array_functions.h"
#include "numerics/elementary.h"
#include "numerics/row.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

using std::int32_t;
using std::int64_t;
using std::uint8_t;

#define LAMINA_FORMULA(Name, expression) \
  struct Name {                          \
    template <class V>                   \
    static LAMINA_INLINE V of(V x) {     \
      return expression;                 \
    }                                    \
  };
LAMINA_FORMULA(Negative, -x)
LAMINA_FORMULA(Absolute, abs(x))
LAMINA_FORMULA(Sign, numerics::sign(x))
LAMINA_FORMULA(Square, x* x)
LAMINA_FORMULA(Sqrt, sqrt(x))
LAMINA_FORMULA(Rsqrt, V::splat(1) / sqrt(x))
LAMINA_FORMULA(Reciprocal, V::splat(1) / x)
LAMINA_FORMULA(Exp, numerics::exp(x))
LAMINA_FORMULA(Expm1, numerics::expm1(x))
LAMINA_FORMULA(Log, numerics::log(x))
LAMINA_FORMULA(Log1p, numerics::log1p(x))
LAMINA_FORMULA(Log2, numerics::log2(x))
LAMINA_FORMULA(Log10, numerics::log10(x))
LAMINA_FORMULA(Sin, numerics::sin(x))
LAMINA_FORMULA(Cos, numerics::cos(x))
LAMINA_FORMULA(Tan, numerics::tan(x))
LAMINA_FORMULA(Sinh, numerics::sinh(x))
LAMINA_FORMULA(Cosh, numerics::cosh(x))
LAMINA_FORMULA(Tanh, numerics::tanh(x))
LAMINA_FORMULA(Arcsin, numerics::asin(x))
LAMINA_FORMULA(Arccos, numerics::acos(x))
LAMINA_FORMULA(Arctan, numerics::atan(x))
LAMINA_FORMULA(Arcsinh, numerics::asinh(x))
LAMINA_FORMULA(Arccosh, numerics::acosh(x))
LAMINA_FORMULA(Arctanh, numerics::atanh(x))
LAMINA_FORMULA(Sigmoid, numerics::sigmoid(x))
LAMINA_FORMULA(Erf, numerics::erf(x))
LAMINA_FORMULA(Floor, numerics::floor(x))
LAMINA_FORMULA(Ceil, numerics::ceil(x))
LAMINA_FORMULA(Round, numerics::round_even(x))
LAMINA_FORMULA(Trunc, numerics::trunc(x))
#undef LAMINA_FORMULA

template <class T, class Formula>
void vectors(int64_t n, const void* from, void* to) {
  using V = Vec<T>;
  const T* const x = static_cast<const T*>(from);
  T* const out = static_cast<T*>(to);
  int64_t i = 0;
  for (; i + V::lanes <= n; i += V::lanes) Formula::of(V::load(x + i)).store(out + i);
  if (i < n) {
    const auto rest = static_cast<std::size_t>(n - i);
    Formula::of(V::load_partial(x + i, rest)).store_partial(out + i, rest);
  }
}

// Integers and bools, exact; what does not fit wraps. Predicates look at the bits.
template <class T>
LAMINA_INLINE T wrapped(unsigned long long bits) {
  return static_cast<T>(bits);
}
struct IntegerNegative {
  template <class T>
  static LAMINA_INLINE T of(T x) {
    return wrapped<T>(0ull - static_cast<unsigned long long>(x));
  }
};
struct IntegerAbsolute {
  template <class T>
  static LAMINA_INLINE T of(T x) {
    return x < T(0) ? IntegerNegative::of(x) : x;
  }
};
struct IntegerSign {
  template <class T>
  static LAMINA_INLINE T of(T x) {
    return static_cast<T>((x > T(0)) - (x < T(0)));
  }
};
struct IntegerSquare {
  template <class T>
  static LAMINA_INLINE T of(T x) {
    return wrapped<T>(static_cast<unsigned long long>(x) * static_cast<unsigned long long>(x));
  }
};
struct Invert {
  template <class T>
  static LAMINA_INLINE T of(T x) {
    return static_cast<T>(~x);
  }
};
struct Not {
  static LAMINA_INLINE uint8_t of(uint8_t x) { return static_cast<uint8_t>(x == 0); }
};
struct Identity {
  template <class T>
  static LAMINA_INLINE T of(T x) {
    return x;
  }
};
struct Yes {
  template <class T>
  static LAMINA_INLINE uint8_t of(T) {
    return 1;
  }
};
struct No {
  template <class T>
  static LAMINA_INLINE uint8_t of(T) {
    return 0;
  }
};
struct IsFinite {
  template <class T>
  static LAMINA_INLINE uint8_t of(T x) {
    return static_cast<uint8_t>(x - x == T(0));
  }
};
struct IsNan {
  template <class T>
  static LAMINA_INLINE uint8_t of(T x) {
    return static_cast<uint8_t>(x != x);
  }
};
struct IsInf {
  template <class T>
  static LAMINA_INLINE uint8_t of(T x) {
    return static_cast<uint8_t>((x == x) & !(x - x == T(0)));
  }
};

template <class T, class Result, class Formula>
void plain_loop(int64_t n, const void* from, void* to) {
  const T* const x = static_cast<const T*>(from);
  Result* const out = static_cast<Result*>(to);
  for (int64_t i = 0; i < n; ++i) out[i] = Formula::of(x[i]);
}

constexpr UnaryKernel kNone = nullptr;

#define LAMINA_ROW(bool_kernel, I, F) \
  {bool_kernel,                       \
   plain_loop<uint8_t, uint8_t, I>,   \
   plain_loop<int32_t, int32_t, I>,   \
   plain_loop<int64_t, int64_t, I>,   \
   vectors<float, F>,                 \
   vectors<double, F>}
#define LAMINA_PREDICATE(I, F)                                                                        \
  {plain_loop<uint8_t, uint8_t, I>, plain_loop<uint8_t, uint8_t, I>, plain_loop<int32_t, uint8_t, I>, \
   plain_loop<int64_t, uint8_t, I>, plain_loop<float, uint8_t, F>,   plain_loop<double, uint8_t, F>}
#define LAMINA_FLOATING(F) {kNone, kNone, kNone, kNone, vectors<float, F>, vectors<double, F>}
#define LAMINA_ROUNDING(F) LAMINA_ROW((plain_loop<uint8_t, uint8_t, Identity>), Identity, F)

}  // namespace

extern const UnaryKernels unary_kernels;
const UnaryKernels unary_kernels = {{
    /* negative */ LAMINA_ROW(kNone, IntegerNegative, Negative),
    /* absolute */ LAMINA_ROW((plain_loop<uint8_t, uint8_t, Identity>), IntegerAbsolute, Absolute),
    /* sign */ LAMINA_ROW(kNone, IntegerSign, Sign),
    /* square */ LAMINA_ROW((plain_loop<uint8_t, uint8_t, Identity>), IntegerSquare, Square),
    /* invert */
    {plain_loop<uint8_t, uint8_t, Not>, plain_loop<uint8_t, uint8_t, Invert>,
     plain_loop<int32_t, int32_t, Invert>, plain_loop<int64_t, int64_t, Invert>, kNone, kNone},
    /* isfinite */ LAMINA_PREDICATE(Yes, IsFinite),
    /* isinf */ LAMINA_PREDICATE(No, IsInf),
    /* isnan */ LAMINA_PREDICATE(No, IsNan),
    LAMINA_FLOATING(Sqrt),
    LAMINA_FLOATING(Rsqrt),
    LAMINA_FLOATING(Reciprocal),
    LAMINA_FLOATING(Exp),
    LAMINA_FLOATING(Expm1),
    LAMINA_FLOATING(Log),
    LAMINA_FLOATING(Log1p),
    LAMINA_FLOATING(Log2),
    LAMINA_FLOATING(Log10),
    LAMINA_FLOATING(Sin),
    LAMINA_FLOATING(Cos),
    LAMINA_FLOATING(Tan),
    LAMINA_FLOATING(Sinh),
    LAMINA_FLOATING(Cosh),
    LAMINA_FLOATING(Tanh),
    LAMINA_FLOATING(Arcsin),
    LAMINA_FLOATING(Arccos),
    LAMINA_FLOATING(Arctan),
    LAMINA_FLOATING(Arcsinh),
    LAMINA_FLOATING(Arccosh),
    LAMINA_FLOATING(Arctanh),
    LAMINA_FLOATING(Sigmoid),
    LAMINA_FLOATING(Erf),
    LAMINA_ROUNDING(Floor),
    LAMINA_ROUNDING(Ceil),
    LAMINA_ROUNDING(Round),
    LAMINA_ROUNDING(Trunc),
}};

}  // namespace lamina::cpu::LAMINA_ISA
