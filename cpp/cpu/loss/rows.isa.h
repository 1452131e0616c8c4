// Losses of a row as a whole, but for the plain crossentropies. Formulas: loss.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/loss/elements.isa.h"
#include "cpu/loss/factors.isa.h"
#include "cpu/loss/kernels.h"
#include "cpu/vec/vec.h"
#include "numerics/clamp.h"
#include "numerics/elementary.h"
#include "numerics/row.h"
#include "numerics/softmax.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

using namespace lamina::numerics;

/// The slope of a focal crossentropy with respect to the share, +0 where the share was clipped.
template <class V>
LAMINA_NOINLINE LAMINA_HOST_DEVICE void focal_slope(const FocalPower<V>& power, const V& alpha_t,
                                                    const V& share, V& out) {
  const V q = clip(share), rest = V::splat(1) - q;
  const V h = alpha_t * fma(power.derivative(rest), log(q), -(power.value(rest) / q));
  out = select(clipped(share), V::splat(0), h);
}

template <class V>
LAMINA_HOST_DEVICE void categorical_focal(const LossRows<typename V::Scalar>& a) {
  using T = typename V::Scalar;
  const std::size_t columns = a.columns;
  const Smoothing<V> smooth(a.loss.label_smoothing, a.loss.label_smoothing / static_cast<double>(columns));
  const FocalPower<V> power(a.loss.gamma);
  const V one_alpha = V::splat(static_cast<T>(a.loss.alpha)), one = V::splat(1), zero = V::splat(0);
  const auto alpha = [&](std::size_t i, std::size_t count) {
    if (a.loss.alphas == nullptr) return one_alpha;
    T own[V::lanes] = {};
    for (std::size_t k = 0; k < count; ++k) own[k] = static_cast<T>(a.loss.alphas[i + k]);
    return V::load(own);
  };
  const auto slope = [&](V share, V t, V weight) {
    V h;
    focal_slope(power, weight * t, share, h);
    return h;
  };
  for (std::size_t r = 0; r < a.rows; ++r) {
    const T* z = a.prediction + r * columns;
    const T* target = a.target + r * columns;
    // Logits: what is divided by the sum is exp(z - m).
    const V m = a.logits ? V::splat(row_max<V>(columns, z)) : zero;
    const auto part = [&](std::size_t i, std::size_t count) {
      const V v = load_some<V>(z + i, count);
      return a.logits ? exp(v - m) : v;
    };
    T total[1], sum[2];
    row_sums<V>(columns, total, [&](std::size_t i, std::size_t count, V(&t)[1]) { t[0] = part(i, count); });
    const V s = V::splat(total[0]);
    row_sums<V>(columns, sum, [&](std::size_t i, std::size_t count, V(&t)[2]) {
      const V share = part(i, count) / s, q = clip(share);
      const V wanted = smooth(load_some<V>(target + i, count));
      const V weight = alpha(i, count);
      t[0] = -((weight * power.value(one - q)) * (wanted * log(q)));
      t[1] = slope(share, wanted, weight) * share;
    });
    a.row_losses[r] = weighted(a, r, sum[0]);
    if (!a.gradient) continue;
    T* gradient = a.gradient + r * columns;
    const V mean = V::splat(sum[1]), c = V::splat(factor(a, r, 1.0));
    for_each_vector<V>(columns, [&](std::size_t i, std::size_t count) {
      const V share = part(i, count) / s;
      const V h = slope(share, smooth(load_some<V>(target + i, count)), alpha(i, count)) - mean;
      store_some(c * (a.logits ? h * share : h / s), gradient + i, count);
    });
  }
}

/// The generalized cross entropy: the powers of a chunk's rows are taken side by side.
template <class V>
LAMINA_HOST_DEVICE void generalized(const LossRows<typename V::Scalar>& a) {
  using T = typename V::Scalar;
  const std::size_t columns = a.columns;
  T chosen[kRowChunk], slopes[kRowChunk];
  for (std::size_t r = 0; r < a.rows; ++r) chosen[r] = a.prediction[r * columns + label_of(a, r)];
  meet<V>();
  const V q = V::splat(static_cast<T>(a.loss.exponent)), one = V::splat(1);
  const V least = V::splat(static_cast<T>(kClip)), lower = V::splat(static_cast<T>(a.loss.exponent - 1.0));
  const auto slope = [&](V p) { return -pow(lane_max(least, p), lower); };
  for_each_vector<V>(a.rows, [&](std::size_t r, std::size_t count) {
    const V p = load_some<V>(chosen + r, count), loss = (one - pow(p, q)) / q;
    store_some(a.weights ? load_some<V>(a.weights + r, count) * loss : loss, a.row_losses + r, count);
    store_some(slope(p), slopes + r, count);
  });
  if (!a.gradient) return;
  for (std::size_t r = 0; r < a.rows; ++r) {
    T* gradient = a.gradient + r * columns;
    for_each_vector<V>(
        columns, [&](std::size_t i, std::size_t count) { store_some(V::splat(0), gradient + i, count); });
    T own;
    if constexpr (kLanesAreThreads<V>) {
      own = reduce_max(slope(V::splat(chosen[r])));  // what another lane has in its `slopes`
    } else {
      own = slopes[r];
    }
    gradient[label_of(a, r)] = factor(a, r, 1.0) * own;
  }
}

/// The factor that makes a vector of that squared length one of length 1; lengths below kClip count
/// as kClip.
template <class T>
LAMINA_INLINE T inverse_length(T squared) {
  const T largest = static_cast<T>(1.0 / kClip), inverse = T(1) / builtin::root(squared);
  return inverse < largest ? inverse : squared != squared ? squared : largest;
}

template <class V>
LAMINA_HOST_DEVICE void cosine(const LossRows<typename V::Scalar>& a) {
  using T = typename V::Scalar;
  const std::size_t columns = a.columns;
  for (std::size_t r = 0; r < a.rows; ++r) {
    const T* p = a.prediction + r * columns;
    const T* target = a.target + r * columns;
    T squared[2], dot[1];
    row_sums<V>(columns, squared, [&](std::size_t i, std::size_t count, V(&t)[2]) {
      const V x = load_some<V>(p + i, count), y = load_some<V>(target + i, count);
      t[0] = x * x;
      t[1] = y * y;
    });
    const T lp = inverse_length(squared[0]), lt = inverse_length(squared[1]);
    const V to_unit = V::splat(lp), target_to_unit = V::splat(lt);
    row_sums<V>(columns, dot, [&](std::size_t i, std::size_t count, V(&t)[1]) {
      t[0] = (load_some<V>(target + i, count) * target_to_unit) * (load_some<V>(p + i, count) * to_unit);
    });
    a.row_losses[r] = weighted(a, r, -dot[0]);
    if (!a.gradient) continue;
    T* gradient = a.gradient + r * columns;
    // Of a vector too short to be made 1 the length is a constant.
    const V along = V::splat(lp < static_cast<T>(1.0 / kClip) ? dot[0] : T(0));
    const V c = V::splat(factor(a, r, 1.0));
    for_each_vector<V>(columns, [&](std::size_t i, std::size_t count) {
      const V x = load_some<V>(p + i, count) * to_unit;
      const V y = load_some<V>(target + i, count) * target_to_unit;
      store_some(c * (fma(along, x, -y) * to_unit), gradient + i, count);
    });
  }
}

template <class V>
LAMINA_HOST_DEVICE void categorical_hinge(const LossRows<typename V::Scalar>& a) {
  using T = typename V::Scalar;
  const std::size_t columns = a.columns;
  for (std::size_t r = 0; r < a.rows; ++r) {
    const T* p = a.prediction + r * columns;
    const T* target = a.target + r * columns;
    T hit[1];
    row_sums<V>(columns, hit, [&](std::size_t i, std::size_t count, V(&t)[1]) {
      t[0] = load_some<V>(target + i, count) * load_some<V>(p + i, count);
    });
    // The largest of the others, and the first column that has it.
    std::size_t at = 0;
    T largest = (T(1) - target[0]) * p[0];
    for (std::size_t j = 1; j < columns; ++j) {
      const T other = (T(1) - target[j]) * p[j];
      if (other > largest || other != other) {
        largest = other;
        at = j;
      }
    }
    const T margin = largest - hit[0] + T(1);
    const bool outside = margin <= T(0);
    a.row_losses[r] = weighted(a, r, outside ? T(0) : margin);
    if (!a.gradient) continue;
    T* gradient = a.gradient + r * columns;
    const T c = outside ? T(0) : factor(a, r, 1.0);
    const T rest = T(1) - target[at], own = target[at];
    meet<V>();
    for_each_vector<V>(columns, [&](std::size_t i, std::size_t count) {
      store_some(V::splat(c) * -load_some<V>(target + i, count), gradient + i, count);
    });
    gradient[at] = c * (rest - own);
  }
}

/// Dice and Tversky: of I = sum(t p), P = sum(p), S = sum(t).
template <class V>
LAMINA_HOST_DEVICE void overlap(const LossRows<typename V::Scalar>& a) {
  using T = typename V::Scalar;
  const std::size_t columns = a.columns;
  const bool dice = a.loss.kind == LossKind::dice;
  const V zero = V::splat(0);
  for (std::size_t r = 0; r < a.rows; ++r) {
    const T* p = a.prediction + r * columns;
    const T* target = a.target + r * columns;
    T sum[4];
    row_sums<V>(columns, sum, [&](std::size_t i, std::size_t count, V(&t)[4]) {
      const V y = load_some<V>(target + i, count), x = load_some<V>(p + i, count);
      const auto present = y == y;
      t[0] = select(present, y * x, zero);
      t[1] = select(present, x, zero);
      t[2] = select(present, y, zero);
      t[3] = select(present, V::splat(1), zero);
    });
    // 1 - numerator / denominator; its slope with respect to p is slope * t + offset.
    const double hit = static_cast<double>(sum[0]), found = static_cast<double>(sum[1]);
    const double wanted = static_cast<double>(sum[2]);
    const double alpha = dice ? 1.0 : a.loss.alpha, beta = dice ? 1.0 : a.loss.beta;
    const double numerator = dice ? 2.0 * hit : hit;
    const double denominator =
        (dice ? wanted + found : (hit + alpha * (wanted - hit)) + beta * (found - hit)) + kClip;
    const double ratio = numerator / denominator;
    const double slope = dice ? -2.0 / denominator : (ratio * (1.0 - alpha - beta) - 1.0) / denominator;
    const double offset = (ratio * beta) / denominator;
    const bool any_present = sum[3] > T(0);
    a.row_losses[r] = any_present ? weighted(a, r, static_cast<T>(1.0 - ratio)) : T(0);
    if (!a.gradient) continue;
    T* gradient = a.gradient + r * columns;
    const V c = V::splat(any_present ? factor(a, r, 1.0) : T(0));
    const V by = V::splat(static_cast<T>(slope)), rest = V::splat(static_cast<T>(offset));
    for_each_vector<V>(columns, [&](std::size_t i, std::size_t count) {
      const V y = load_some<V>(target + i, count);
      store_some(select(y == y, c * fma(by, y, rest), zero), gradient + i, count);
    });
  }
}

}  // namespace
}  // namespace lamina::cpu::LAMINA_ISA
