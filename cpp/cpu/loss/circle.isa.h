// The circle loss of one row against all rows of its batch. Formulas: loss.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/loss/factors.isa.h"
#include "cpu/loss/kernels.h"
#include "cpu/vec/vec.h"
#include "numerics/elementary.h"
#include "numerics/row.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

using namespace lamina::numerics;

/// The largest lane; NaN if there is one.
template <class V>
LAMINA_INLINE typename V::Scalar largest_or_nan(V v) {
  return any(v != v) ? reduce_add(v) : reduce_max(v);
}

template <class V>
LAMINA_HOST_DEVICE typename V::Scalar circle_row(const CircleRow<typename V::Scalar>& a) {
  using T = typename V::Scalar;
  const T low = static_cast<T>(-kUnbounded);
  const V zero = V::splat(0), one = V::splat(1), nobody = V::splat(low);
  const V gamma = V::splat(static_cast<T>(a.gamma)), margin = V::splat(static_cast<T>(a.margin));
  const V outer = V::splat(static_cast<T>(1.0 + a.margin)), inner = V::splat(static_cast<T>(1.0 - a.margin));
  struct Pairs {
    V distance, near, far, relaxed;  // the exponents of partners of the row's label, and of all others
  };
  const auto pairs = [&](std::size_t i, std::size_t count) {
    T kind[V::lanes] = {};  // 1 the same label, 2 another, 0 none
    for (std::size_t k = 0; k < count; ++k) {
      const bool same = a.labels[i + k] == a.labels[a.row];
      const bool none = a.labels[i + k] < 0 || (same && a.remove_diagonal && i + k == a.row);
      kind[k] = none ? T(0) : same ? T(1) : T(2);
    }
    const V which = V::load(kind), d = lane_max(zero, one - load_some<V>(a.similarity + i, count));
    const V relaxed = lane_max(zero, outer - d);
    const V near = -((gamma * (margin + d)) * (margin - d)), far = (gamma * relaxed) * (inner - d);
    return Pairs{d, select(which == one, near, nobody), select(which == V::splat(2), far, nobody), relaxed};
  };
  V nearest = nobody, farthest = nobody;
  for_each_vector<V>(a.rows, [&](std::size_t i, std::size_t count) {
    const Pairs p = pairs(i, count);  // in the lanes behind `count` nobody
    nearest = select((p.near > nearest) | (p.near != p.near), p.near, nearest);
    farthest = select((p.far > farthest) | (p.far != p.far), p.far, farthest);
  });
  const T most_near = largest_or_nan(nearest), most_far = largest_or_nan(farthest);
  if (most_near == low || most_far == low || a.labels[a.row] < 0) {
    for_each_vector<V>(a.rows,
                       [&](std::size_t i, std::size_t count) { store_some(zero, a.similarity + i, count); });
    return 0;
  }
  const V m_near = V::splat(most_near), m_far = V::splat(most_far);
  T sum[2];
  row_sums<V>(a.rows, sum, [&](std::size_t i, std::size_t count, V(&t)[2]) {
    const Pairs p = pairs(i, count);
    t[0] = exp(p.near - m_near);
    t[1] = exp(p.far - m_far);
  });
  const V total_near = V::splat(sum[0]), total_far = V::splat(sum[1]);
  const V both = (m_near + log(total_near)) + (m_far + log(total_far));
  const V slope = sigmoid(both), two_gamma = gamma + gamma;
  for_each_vector<V>(a.rows, [&](std::size_t i, std::size_t count) {
    const Pairs p = pairs(i, count);
    const V near = (exp(p.near - m_near) / total_near) * (two_gamma * p.distance);
    const V far =
        (exp(p.far - m_far) / total_far) * select(p.relaxed > zero, two_gamma * (p.distance - one), zero);
    const V w = slope * (near + far);
    store_some(select(p.distance > zero, -w, zero), a.similarity + i, count);
  });
  return reduce_max(softplus(both));  // the same in all lanes
}

}  // namespace
}  // namespace lamina::cpu::LAMINA_ISA
