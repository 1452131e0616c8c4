#include <limits>

#include "cpu/vector_ops/formulas.isa.h"
#include "cuda/memory.h"
#include "cuda/reduce/tree.h"
#include "cuda/vector_ops/vector_ops.h"

namespace lamina::cuda {
namespace {

template <class T>
struct Flat {
  static constexpr const char* kName = "flat";
  VectorKind kind;
  T a, b;
  const T *x, *y;
  T* out;
  LAMINA_KERNEL void operator()(std::int64_t i) const {
    const Lane<T> p{a}, q{b}, u{x[i]}, v{y != nullptr ? y[i] : x[i]};
    Lane<T> result = u;
    switch (kind) {
      case VectorKind::scale:
        result = formulas::Scale::of(p, q, u, v);
        break;
      case VectorKind::divide:
        result = formulas::Divide::of(p, q, u, v);
        break;
      case VectorKind::add_scaled:
        result = formulas::AddScaled::of(p, q, u, v);
        break;
      case VectorKind::add_divide:
        result = formulas::AddDivide::of(p, q, u, v);
        break;
      case VectorKind::blend:
        result = formulas::Blend::of(p, q, u, v);
        break;
      case VectorKind::square_add:
        result = formulas::SquareAdd::of(p, q, u, v);
        break;
      case VectorKind::over_root:
        result = formulas::OverRoot::of(p, q, u, v);
        break;
      case VectorKind::scale_divide:
        result = formulas::ScaleDivide::of(p, q, u, v);
        break;
      case VectorKind::clamp:
        result = formulas::Clamp::of(p, q, u, v);
        break;
      case VectorKind::decay:
        result = formulas::Decay::of(p, q, u, v);
        break;
      case VectorKind::flush:
        result = formulas::Fade::of(p, q, u, v);
        break;
      case VectorKind::lift:
        result = formulas::Lift::of(p, q, u, v);
        break;
    }
    out[i] = result.value;
  }
};

template <class T>
struct Products {
  const T *x, *y;
  LAMINA_KERNEL Vec<T> add(Vec<T> sum, std::int64_t i, std::size_t count) const {
    using V = Vec<T>;
    return fma(numerics::load_some<V>(x + i, count), numerics::load_some<V>(y + i, count), sum);
  }
};

/// The largest magnitude of each thread's elements, then of all; with `not_finite` whether 0 * x is NaN
/// for one of them, as 1.
template <class T>
struct Extreme {
  static constexpr const char* kName = "largest";
  static constexpr int kThreads = 256;
  struct Shared {
    T of[kThreads];
  };
  struct Registers {};
  struct Memory {};
  std::int64_t n;
  const T* x;
  bool not_finite;
  T* to;
  LAMINA_KERNEL void operator()(Block<Extreme>& block) const {
    block.each([&](int thread, Registers&, Memory&) {
      T largest = T(0);
      for (std::int64_t i = thread; i < n; i += kThreads) {
        const Lane<T> v{x[i]};
        const T zero = T(0) * v.value;
        const T candidate = not_finite ? (zero == T(0) ? T(0) : T(1)) : abs(v).value;
        largest = candidate > largest ? candidate : largest;
      }
      block.shared.of[thread] = largest;
    });
    for (int half = kThreads / 2; half > 0; half /= 2) {
      block.each([&](int thread, Registers&, Memory&) {
        if (thread >= half) return;
        const T other = block.shared.of[thread + half];
        if (other > block.shared.of[thread]) block.shared.of[thread] = other;
      });
    }
    block.each([&](int thread, Registers&, Memory&) {
      if (thread == 0) *to = block.shared.of[0];
    });
  }
};

template <class T>
double extreme(std::int64_t n, const void* x, bool not_finite) {
  const Scratch result(sizeof(T));
  for_each_block(1, Extreme<T>{n, in<T>(x), not_finite, result.as<T>()});
  return static_cast<double>(read(result.as<T>()));
}

template <class T>
void flat_as(const VectorArguments& f) {
  for_each_item(
      f.n, Flat<T>{f.kind, static_cast<T>(f.a), static_cast<T>(f.b), in<T>(f.x), in<T>(f.y), out<T>(f.out)});
}

/// From the sums of squares of all parts, in their order.
template <class T>
struct ClipFactors {
  static constexpr const char* kName = "clip";
  std::int64_t parts;
  double limit;
  bool together;
  const T* squares;
  double* factors;
  LAMINA_KERNEL void operator()(std::int64_t) const {
    double sum = 0.0;
    for (std::int64_t i = 0; i < parts; ++i) sum += static_cast<double>(squares[i]);
    const double norm = numerics::builtin::root(sum);
    factors[0] = factors[1] = 0.0;
    if (norm <= limit) return;
    if (together) {
      const bool finite = norm <= std::numeric_limits<double>::max();
      factors[0] = finite ? limit / norm : std::numeric_limits<double>::quiet_NaN();
      factors[1] = 1.0;
    } else {
      factors[0] = limit;
      factors[1] = norm;
    }
  }
};

template <class T>
void clip_as(const ClipArguments& a) {
  const Scratch squares(a.parts.size() * sizeof(T));
  T* const all = squares.as<T>();
  for (std::size_t i = 0; i < a.parts.size(); ++i) {
    const T* const g = in<T>(a.parts[i].gradients);
    along(a.parts[i].n, Products<T>{g, g}, all + i);
  }
  for_each_item(1, ClipFactors<T>{static_cast<std::int64_t>(a.parts.size()), a.limit, a.together, all,
                                  out<double>(a.factors)});
}

template <class T>
double dot_as(std::int64_t n, const void* x, const void* y) {
  const Scratch result(sizeof(T));
  along(n, Products<T>{in<T>(x), in<T>(y)}, result.as<T>());
  return static_cast<double>(read(result.as<T>()));
}

}  // namespace

void vector_op(const VectorArguments& f) {
  f.dtype == DType::float32 ? flat_as<float>(f) : flat_as<double>(f);
}

double dot(DType dtype, std::int64_t n, const void* x, const void* y) {
  return dtype == DType::float32 ? dot_as<float>(n, x, y) : dot_as<double>(n, x, y);
}

void clip_factors(const ClipArguments& a) {
  a.dtype == DType::float32 ? clip_as<float>(a) : clip_as<double>(a);
}

double abs_max(DType dtype, std::int64_t n, const void* x) {
  return dtype == DType::float32 ? extreme<float>(n, x, false) : extreme<double>(n, x, false);
}

bool all_finite(DType dtype, std::int64_t n, const void* x) {
  return (dtype == DType::float32 ? extreme<float>(n, x, true) : extreme<double>(n, x, true)) == 0.0;
}

}  // namespace lamina::cuda
