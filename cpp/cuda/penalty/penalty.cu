#include "cuda/memory.h"
#include "cuda/penalty/penalty.h"
#include "cuda/reduce/tree.h"

namespace lamina::cuda {
namespace {

template <class T>
struct Magnitudes {
  const T* w;
  LAMINA_KERNEL Vec<T> add(Vec<T> sum, std::int64_t i, std::size_t count) const {
    return sum + abs(numerics::load_some<Vec<T>>(w + i, count));
  }
};
template <class T>
struct Squares {
  const T* w;
  LAMINA_KERNEL Vec<T> add(Vec<T> sum, std::int64_t i, std::size_t count) const {
    const Vec<T> v = numerics::load_some<Vec<T>>(w + i, count);
    return sum + v * v;
  }
};

template <class T>
struct AddGradient {
  static constexpr const char* kName = "penalty";
  bool signs;
  T a, b;
  const T *w, *in;
  T* out;
  LAMINA_KERNEL void operator()(std::int64_t i) const {
    T sum = in[i];
    if (signs) sum = sum + (w[i] > T(0) ? a : w[i] < T(0) ? -a : T(0));
    out[i] = sum + b * w[i];
  }
};

template <class T>
double penalty_as(const PenaltyArguments& p) {
  const T* w = in<T>(p.values);
  const Scratch sums(2 * sizeof(T));
  T* const both = sums.as<T>();
  if (p.l1 != 0.0) along(p.n, Magnitudes<T>{w}, both);
  if (p.l2 != 0.0) along(p.n, Squares<T>{w}, both + 1);
  if (p.gradient != nullptr) {
    for_each_item(
        p.n, AddGradient<T>{p.l1 != 0.0, static_cast<T>(p.l1 * p.scale), static_cast<T>(2.0 * p.l2 * p.scale),
                            w, in<T>(p.gradient_in), out<T>(p.gradient)});
  }
  T host[2] = {T(0), T(0)};
  if (p.l1 != 0.0 || p.l2 != 0.0) runtime::copy_to_host(host, both, sizeof host);
  double total = 0.0;
  if (p.l1 != 0.0) total += p.l1 * static_cast<double>(host[0]);
  if (p.l2 != 0.0) total += p.l2 * static_cast<double>(host[1]);
  return total * p.scale;
}

template <class T>
struct NonNegative {
  static constexpr const char* kName = "non negative";
  T* w;
  LAMINA_KERNEL void operator()(std::int64_t i) const { w[i] = w[i] < T(0) ? T(0) : w[i]; }
};

/// Column (o, j) of [outer, reduced, inner].
template <class T>
struct Constrain {
  static constexpr const char* kName = "constrain";
  ConstraintKind kind;
  std::int64_t reduced, inner;
  T low, high, rate, rest, epsilon;
  T* w;

  LAMINA_KERNEL T factor_of(T norm) const {
    const T bounded = norm < low ? low : norm > high ? high : norm;
    switch (kind) {
      case ConstraintKind::max_norm:
        return (norm > high ? high : norm) / (epsilon + norm);
      case ConstraintKind::min_max_norm:
        return (rate * bounded + rest * norm) / (epsilon + norm);
      default:
        return epsilon + norm;
    }
  }
  LAMINA_KERNEL void operator()(std::int64_t e) const {
    T* const column = w + e / inner * reduced * inner + e % inner;
    numerics::BinaryCounter<T> tree;
    for (std::int64_t first = 0; first < reduced; first += numerics::kRowChunk) {
      const std::int64_t end = first + numerics::kRowChunk < reduced ? first + numerics::kRowChunk : reduced;
      T sum = T(0);
      for (std::int64_t r = first; r < end; ++r) sum += column[r * inner] * column[r * inner];
      tree.push(sum);
    }
    const T factor = factor_of(numerics::builtin::root(tree.total(T(0))));
    for (std::int64_t r = 0; r < reduced; ++r) {
      T& value = column[r * inner];
      value = kind == ConstraintKind::unit_norm ? value / factor : value * factor;
    }
  }
};

template <class T>
void constrain_as(const ConstraintArguments& c) {
  if (c.kind == ConstraintKind::non_negative) {
    return for_each_item(c.outer * c.reduced * c.inner, NonNegative<T>{out<T>(c.values)});
  }
  for_each_item(c.outer * c.inner,
                Constrain<T>{c.kind, c.reduced, c.inner, static_cast<T>(c.low), static_cast<T>(c.high),
                             static_cast<T>(c.rate), static_cast<T>(1.0 - c.rate), static_cast<T>(c.epsilon),
                             out<T>(c.values)});
}

}  // namespace

double penalty(const PenaltyArguments& p) {
  return p.dtype == DType::float32 ? penalty_as<float>(p) : penalty_as<double>(p);
}
void constrain(const ConstraintArguments& c) {
  c.dtype == DType::float32 ? constrain_as<float>(c) : constrain_as<double>(c);
}

}  // namespace lamina::cuda
