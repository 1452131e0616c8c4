// Categorical crossentropies. Formulas: loss.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/loss/factors.isa.h"
#include "cpu/loss/kernels.h"
#include "cpu/vec/vec.h"
#include "numerics/clamp.h"
#include "numerics/elementary.h"
#include "numerics/row.h"
#include "numerics/softmax.h"
#if !defined(__CUDACC__)
#include "cpu/loss/few_classes.isa.h"
#endif

namespace lamina::cpu::LAMINA_ISA {
namespace {

using namespace lamina::numerics;

// What a row's loss is made of is gathered, so that the logarithms of a chunk's rows are taken
// side by side.

/// row_losses[r] = w (mass log(total) - dot).
template <class V>
LAMINA_INLINE void finish_rows(const LossRows<typename V::Scalar>& a, const typename V::Scalar* total,
                               const typename V::Scalar* mass, const typename V::Scalar* dot) {
  for_each_vector<V>(a.rows, [&](std::size_t r, std::size_t count) {
    const V logarithm = log(load_some<V>(total + r, count));
    const V loss = fma(load_some<V>(mass + r, count), logarithm, -load_some<V>(dot + r, count));
    store_some(a.weights ? load_some<V>(a.weights + r, count) * loss : loss, a.row_losses + r, count);
  });
}

template <class V>
LAMINA_HOST_DEVICE void categorical_logits(const LossRows<typename V::Scalar>& a) {
  using T = typename V::Scalar;
  const std::size_t columns = a.columns;
  const bool sparse = a.labels != nullptr;
  const Smoothing<V> smooth(a.loss.label_smoothing, a.loss.label_smoothing / static_cast<double>(columns));
  const V zero = V::splat(0);
  T total[kRowChunk], mass[kRowChunk], dot[kRowChunk];
#if !defined(__CUDACC__)  // there a lane is a thread, and rows stay with their group
  if (sparse && columns <= static_cast<std::size_t>(V::lanes)) {
    for (std::size_t r = 0; r < a.rows; ++r) mass[r] = T(1);
    few_classes<V>(a, total, dot);
    return finish_rows<V>(a, total, mass, dot);
  }
#endif
  for (std::size_t r = 0; r < a.rows; ++r) {
    const T* z = a.prediction + r * columns;
    const T* target = sparse ? nullptr : a.target + r * columns;
    T* gradient = a.gradient ? a.gradient + r * columns : nullptr;
    T* output = a.output ? a.output + r * columns : nullptr;
    T* kept = output ? output : gradient;  // holds exp(z - m) between the passes
    const std::size_t label = sparse ? label_of(a, r) : 0;
    const T largest = row_max<V>(columns, z);
    const V m = V::splat(largest);
    if (sparse) {
      dot[r] = z[label] - largest;
      meet<V>();
      mass[r] = T(1);
      T sum[1];
      row_sums<V>(columns, sum, [&](std::size_t i, std::size_t count, V(&t)[1]) {
        t[0] = exp(load_some<V>(z + i, count) - m);
        if (kept) store_some(t[0], kept + i, count);
      });
      total[r] = sum[0];
    } else {
      T sum[3];
      row_sums<V>(columns, sum, [&](std::size_t i, std::size_t count, V(&t)[3]) {
        const V below = load_some<V>(z + i, count) - m;
        t[0] = exp(below);
        t[1] = smooth(load_some<V>(target + i, count));
        t[2] = select(t[1] == zero, zero, t[1] * below);
        if (kept) store_some(t[0], kept + i, count);
      });
      total[r] = sum[0];
      mass[r] = sum[1];
      dot[r] = sum[2];
    }
    if (!kept) continue;
    const V s = V::splat(total[r]), share = V::splat(mass[r]), c = V::splat(factor(a, r, 1.0));
    if (sparse && gradient) {
      const T at_label = kept[label] / total[r] - T(1);
      meet<V>();
      for_each_vector<V>(columns, [&](std::size_t i, std::size_t count) {
        const V p = load_some<V>(kept + i, count) / s;
        if (output) store_some(p, output + i, count);
        store_some(c * p, gradient + i, count);
      });
      gradient[label] = factor(a, r, 1.0) * at_label;
    } else {
      for_each_vector<V>(columns, [&](std::size_t i, std::size_t count) {
        const V p = load_some<V>(kept + i, count) / s;
        if (output) store_some(p, output + i, count);
        if (gradient) {
          const V t = smooth(load_some<V>(target + i, count));
          store_some(c * fma(p, share, -t), gradient + i, count);
        }
      });
    }
  }
  finish_rows<V>(a, total, mass, dot);
}

template <class V>
LAMINA_HOST_DEVICE void categorical_probabilities(const LossRows<typename V::Scalar>& a) {
  using T = typename V::Scalar;
  const std::size_t columns = a.columns;
  const Smoothing<V> smooth(a.loss.label_smoothing, a.loss.label_smoothing / static_cast<double>(columns));
  const V zero = V::splat(0);
  for (std::size_t r = 0; r < a.rows; ++r) {
    const T* p = a.prediction + r * columns;
    const T* target = a.target + r * columns;
    T total[1], sum[2];
    row_sums<V>(columns, total,
                [&](std::size_t i, std::size_t count, V(&t)[1]) { t[0] = load_some<V>(p + i, count); });
    const V s = V::splat(total[0]);
    row_sums<V>(columns, sum, [&](std::size_t i, std::size_t count, V(&t)[2]) {
      const V share = load_some<V>(p + i, count) / s;
      const V wanted = smooth(load_some<V>(target + i, count));
      t[0] = -(wanted * log(clip(share)));
      t[1] = select(clipped(share), zero, wanted);
    });
    a.row_losses[r] = weighted(a, r, sum[0]);
    if (!a.gradient) continue;
    T* gradient = a.gradient + r * columns;
    const V mass = V::splat(sum[1]), c = V::splat(factor(a, r, 1.0));
    for_each_vector<V>(columns, [&](std::size_t i, std::size_t count) {
      const V share = load_some<V>(p + i, count) / s;
      const V wanted = smooth(load_some<V>(target + i, count));
      const V own = select(clipped(share), zero, wanted / clip(share));
      store_some(c * ((mass - own) / s), gradient + i, count);
    });
  }
}

template <class V>
LAMINA_HOST_DEVICE void sparse_probabilities(const LossRows<typename V::Scalar>& a) {
  using T = typename V::Scalar;
  const std::size_t columns = a.columns;
  T chosen[kRowChunk];
  for (std::size_t r = 0; r < a.rows; ++r) {
    const T* p = a.prediction + r * columns;
    const std::size_t label = label_of(a, r);
    T total[1];
    row_sums<V>(columns, total,
                [&](std::size_t i, std::size_t count, V(&t)[1]) { t[0] = load_some<V>(p + i, count); });
    chosen[r] = p[label] / total[0];
    meet<V>();
    if (!a.gradient) continue;
    T* gradient = a.gradient + r * columns;
    const bool clips = chosen[r] < static_cast<T>(kClip) || chosen[r] > static_cast<T>(1.0 - kClip);
    const T c = factor(a, r, 1.0), mass = clips ? T(0) : T(1);
    const T own = clips ? T(0) : T(1) / chosen[r];
    const V others = V::splat(c * (mass / total[0]));
    for_each_vector<V>(columns,
                       [&](std::size_t i, std::size_t count) { store_some(others, gradient + i, count); });
    gradient[label] = c * ((mass - own) / total[0]);
  }
  for_each_vector<V>(a.rows, [&](std::size_t r, std::size_t count) {
    const V loss = -log(clip(load_some<V>(chosen + r, count)));
    store_some(a.weights ? load_some<V>(a.weights + r, count) * loss : loss, a.row_losses + r, count);
  });
}

}  // namespace
}  // namespace lamina::cpu::LAMINA_ISA
