// What all losses share: the clip of probabilities, a row's factor and weight.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/loss/kernels.h"
#include "cpu/vec/vec.h"
#include "numerics/clamp.h"
#include "numerics/elementary.h"
#include "numerics/row.h"
#include "numerics/softmax.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

using namespace lamina::numerics;

// For arithmetic that is long and not the hottest: one copy of it, wherever it is used.
#if defined(_MSC_VER) && !defined(__clang__)
#define LAMINA_NOINLINE __declspec(noinline)
#else
#define LAMINA_NOINLINE __attribute__((noinline))
#endif

/// Whether the lanes of V are threads: each has arrays of its own, and sees there only what it stored itself.
template <class V>
inline constexpr bool kLanesAreThreads = requires { V::meet(); };

/// Where the lanes of V are threads: all have come this far, and see what the others wrote. Needed where
/// one number is read that another lane writes next.
template <class V>
LAMINA_INLINE void meet() {
  if constexpr (kLanesAreThreads<V>) V::meet();
}

/// Probabilities are kept this far from 0 and 1.
constexpr double kClip = 1e-7;

/// `p` into [kClip, 1 - kClip]; NaN stays NaN.
template <class V>
LAMINA_INLINE V clip(V p) {
  using T = typename V::Scalar;
  return lane_min(V::splat(static_cast<T>(1.0 - kClip)), lane_max(V::splat(static_cast<T>(kClip)), p));
}
template <class V>
LAMINA_INLINE auto clipped(V p) {
  using T = typename V::Scalar;
  return (p < V::splat(static_cast<T>(kClip))) | (p > V::splat(static_cast<T>(1.0 - kClip)));
}

/// The factor c of row r.
template <class T>
LAMINA_INLINE T factor(const LossRows<T>& a, std::size_t r, double divisor) {
  return static_cast<T>(a.scale * (a.weights ? static_cast<double>(a.weights[r]) : 1.0) / divisor);
}
template <class T>
LAMINA_INLINE T weighted(const LossRows<T>& a, std::size_t r, T loss) {
  return a.weights ? a.weights[r] * loss : loss;
}

/// t (1 - s) + rest.
template <class V>
struct Smoothing {
  using T = typename V::Scalar;
  V kept, rest;
  LAMINA_INLINE Smoothing(double smoothing, double others)
      : kept(V::splat(static_cast<T>(1.0 - smoothing))), rest(V::splat(static_cast<T>(others))) {}
  LAMINA_INLINE V operator()(V t) const { return fma(t, kept, rest); }
};

/// Whether row r counts at all: not with an ignored class, nor, where targets may be missing, with
/// one of them missing.
template <class T>
LAMINA_INLINE bool counts(const LossRows<T>& a, std::size_t r) {
  if (a.labels) {
    const std::int64_t label = a.labels[r];
    if (label < 0 || static_cast<std::size_t>(label) >= a.columns) return false;
    return !(a.loss.ignores_class && label == a.loss.ignore_class);
  }
  if (!a.skip_missing) return true;
  for (std::size_t j = 0; j < a.columns; ++j) {
    if (a.target[r * a.columns + j] != a.target[r * a.columns + j]) return false;
  }
  return true;
}

/// The label of row r, or some class where it is none: such rows are put right afterwards.
template <class T>
LAMINA_INLINE std::size_t label_of(const LossRows<T>& a, std::size_t r) {
  const std::int64_t label = a.labels[r];
  return label >= 0 && static_cast<std::size_t>(label) < a.columns ? static_cast<std::size_t>(label) : 0;
}

/// Whether any row may be one that does not count.
template <class T>
LAMINA_INLINE bool some_do_not_count(const LossRows<T>& a) {
  if (!a.labels) return a.skip_missing;
  bool outside = a.loss.ignores_class;
  const std::uint64_t classes = a.columns;
  for (std::size_t r = 0; r < a.rows; ++r) {
    // A negative label becomes larger than any number of classes.
    outside |= static_cast<std::uint64_t>(static_cast<std::int64_t>(a.labels[r])) >= classes;
  }
  return outside;
}

/// Makes loss and gradient of the rows that do not count +0, whatever was computed there.
template <class T>
LAMINA_INLINE void clear_uncounted(const LossRows<T>& a) {
  for (std::size_t r = 0; r < a.rows; ++r) {
    if (counts(a, r)) continue;
    a.row_losses[r] = 0;
    if (!a.gradient) continue;
    for (std::size_t j = 0; j < a.columns; ++j) a.gradient[r * a.columns + j] = 0;
  }
}

}  // namespace
}  // namespace lamina::cpu::LAMINA_ISA
