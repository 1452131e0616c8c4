// The categorical crossentropy of logits against labels where a row is no longer than a vector: the
// lanes are rows then, so that a vector of exponentials serves as many rows as there are lanes. Each
// row's operations and their order are those of categorical_logits.
#pragma once

#include <cstddef>

#include "cpu/loss/factors.isa.h"
#include "cpu/loss/kernels.h"
#include "cpu/vec/vec.h"
#include "numerics/clamp.h"
#include "numerics/elementary.h"
#include "numerics/row.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

using namespace lamina::numerics;

/// The lane tree over vectors in place of lanes: what reduce_add and reduce_max do in each row.
template <class V, class Join>
LAMINA_INLINE V join_columns(V (&column)[V::lanes], const Join& join) {
  for (int step = V::lanes / 2; step > 0; step /= 2) {
    for (int j = 0; j < step; ++j) column[j] = join(column[j], column[j + step]);
  }
  return column[0];
}

/// Fills the first a.rows elements of `total` and `dot`, the rows' sums of exp(z - m) and z - m at the
/// label, and the gradient and output that a asks for.
template <class V>
LAMINA_INLINE void few_classes(const LossRows<typename V::Scalar>& a, typename V::Scalar* total,
                               typename V::Scalar* dot) {
  using T = typename V::Scalar;
  constexpr std::size_t lanes = V::lanes;
  const V zero = V::splat(0), one = V::splat(1);
  const V lowest = V::splat(-static_cast<T>(__builtin_huge_val()));
  for (std::size_t first = 0; first < a.rows; first += lanes) {
    const std::size_t rows = a.rows - first < lanes ? a.rows - first : lanes;
    const std::size_t place = first * a.columns;
    T label[lanes] = {}, largest[lanes], scale[lanes] = {};
    V z[lanes], joined[lanes];
    for (std::size_t r = 0; r < lanes; ++r) {
      z[r] = r < rows ? load_some<V>(a.prediction + place + r * a.columns, a.columns) : zero;
    }
    transpose(z);
    for (std::size_t j = 0; j < lanes; ++j) joined[j] = j < a.columns ? z[j] : lowest;
    const V m = join_columns(joined, [](V x, V y) { return lane_max(x, y); });
    for (std::size_t j = 0; j < lanes; ++j) {
      if (j < a.columns) z[j] = exp(z[j] - m);
      joined[j] = j < a.columns ? z[j] : zero;
    }
    const V sum = join_columns(joined, [](V x, V y) { return x + y; });

    store_some(sum, total + first, rows);
    m.store(largest);
    for (std::size_t r = 0; r < rows; ++r) {
      const std::size_t at = label_of(a, first + r);
      label[r] = static_cast<T>(at);
      dot[first + r] = a.prediction[place + r * a.columns + at] - largest[r];
      scale[r] = factor(a, first + r, 1.0);
    }
    if (!a.gradient && !a.output) continue;

    const V labels = V::load(label), c = V::load(scale);
    for (std::size_t j = 0; j < a.columns; ++j) {
      const V p = z[j] / sum;
      z[j] = p;
      joined[j] = c * select(labels == V::splat(static_cast<T>(j)), p - one, p);
    }
    if (a.output) {
      transpose(z);
      for (std::size_t r = 0; r < rows; ++r) store_some(z[r], a.output + place + r * a.columns, a.columns);
    }
    if (a.gradient) {
      for (std::size_t j = a.columns; j < lanes; ++j) joined[j] = zero;
      transpose(joined);
      for (std::size_t r = 0; r < rows; ++r) {
        store_some(joined[r], a.gradient + place + r * a.columns, a.columns);
      }
    }
  }
}

}  // namespace
}  // namespace lamina::cpu::LAMINA_ISA
