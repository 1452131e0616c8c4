// The order of a sum along a row, and the loads that its last, shorter vector needs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "numerics/chunk_tree.h"
#include "numerics/order.h"
#include "numerics/policy.h"

namespace lamina::numerics {

/// `count` <= lanes elements at `p`; the other lanes are +0.
template <class V>
LAMINA_INLINE V load_some(const typename V::Scalar* p, std::size_t count) {
  return count == static_cast<std::size_t>(V::lanes) ? V::load(p) : V::load_partial(p, count);
}
template <class V>
LAMINA_INLINE void store_some(V v, typename V::Scalar* p, std::size_t count) {
  if (count == static_cast<std::size_t>(V::lanes)) {
    v.store(p);
  } else {
    v.store_partial(p, count);
  }
}

template <class V>
struct LaneIndex {
  static constexpr typename V::Scalar values[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
};

/// `v` in the first `count` lanes, `rest` in the others.
template <class V>
LAMINA_INLINE V keep_first(V v, std::size_t count, V rest) {
  if (count == static_cast<std::size_t>(V::lanes)) return v;
  const V index = V::load(LaneIndex<V>::values);
  return select(index < V::splat(static_cast<typename V::Scalar>(count)), v, rest);
}

/// K sums over the elements 0..n-1 of a row: `terms(i, count, t)` sets t[0..K-1] to the terms
/// of elements i..i+count-1 (count <= lanes; what it sets in the other lanes is not used).
///
/// The order: in each chunk of kSumChunk elements lane l adds up, from +0 and from left to
/// right, the elements whose index is l modulo the lanes; the lanes are joined by the lane
/// tree (reduce_add), the chunks by the binary tree of order.h. Without elements: +0.
template <class V, int K, class Terms>
LAMINA_INLINE void row_sums(std::size_t n, typename V::Scalar (&sums)[K], const Terms& terms) {
  using T = typename V::Scalar;
  constexpr std::size_t lanes = V::lanes, chunk_size = kSumChunk;
  T stack[40][K];  // the chunk tree's; n < 2^47
  int depth = 0;
  std::size_t begin = 0;
  const auto join = [&] {
    --depth;
    for (int k = 0; k < K; ++k) stack[depth - 1][k] = stack[depth - 1][k] + stack[depth][k];
  };
  for (std::int64_t chunk = 0; begin < n || chunk == 0; ++chunk) {
    const std::size_t end = n - begin < chunk_size ? n : begin + chunk_size;
    V total[K];
    for (int k = 0; k < K; ++k) total[k] = V::splat(0);
    for (std::size_t i = begin; i < end; i += lanes) {
      const std::size_t count = end - i < lanes ? end - i : lanes;
      V t[K];
      terms(i, count, t);
      for (int k = 0; k < K; ++k) total[k] = total[k] + keep_first(t[k], count, V::splat(0));
    }
    for (int k = 0; k < K; ++k) stack[depth][k] = reduce_add(total[k]);
    ++depth;
    for (int joins = joins_after(chunk); joins > 0; --joins) join();
    begin = end;
  }
  while (depth > 1) join();
  for (int k = 0; k < K; ++k) sums[k] = stack[0][k];
}

/// The largest element of a row, -infinity without elements. Of a row with a NaN: some
/// element or NaN, the same on every machine.
template <class V>
LAMINA_INLINE typename V::Scalar row_max(std::size_t n, const typename V::Scalar* x) {
  using T = typename V::Scalar;
  constexpr std::size_t lanes = V::lanes;
  const V lowest = V::splat(-static_cast<T>(__builtin_huge_val()));
  V largest = lowest;
  for (std::size_t i = 0; i < n; i += lanes) {
    const std::size_t count = n - i < lanes ? n - i : lanes;
    largest = lane_max(largest, keep_first(load_some<V>(x + i, count), count, lowest));
  }
  return reduce_max(largest);
}

}  // namespace lamina::numerics
