// softmax and log_softmax of one row, and their derivatives, over an arithmetic policy V.
// Sums are in the order of row.h; m is the row's maximum.
//
// A row with a NaN or +infinity, or of nothing but -infinity, gives NaN throughout; an
// element of -infinity among others gives probability +0.
#pragma once

#include "numerics/elementary.h"
#include "numerics/row.h"

namespace lamina::numerics {

/// Calls body(i, count) for each vector of a row: `count` elements from i.
template <class V, class Body>
LAMINA_INLINE void for_each_vector(std::size_t n, const Body& body) {
  constexpr std::size_t lanes = V::lanes;
  for (std::size_t i = 0; i < n; i += lanes) body(i, n - i < lanes ? n - i : lanes);
}

/// y[j] = exp(x[j] - m) / s, s = sum over j of exp(x[j] - m). y may be x.
template <class V>
LAMINA_INLINE void softmax_row(std::size_t n, const typename V::Scalar* x, typename V::Scalar* y) {
  const V m = V::splat(row_max<V>(n, x));
  typename V::Scalar s[1];
  row_sums<V>(n, s, [&](std::size_t i, std::size_t count, V(&t)[1]) {
    t[0] = exp(load_some<V>(x + i, count) - m);
    store_some(t[0], y + i, count);
  });
  const V sum = V::splat(s[0]);
  for_each_vector<V>(n, [&](std::size_t i, std::size_t count) {
    store_some(load_some<V>(y + i, count) / sum, y + i, count);
  });
}

/// y[j] = (x[j] - m) - log(s), s = sum over j of exp(x[j] - m). y may be x.
template <class V>
LAMINA_INLINE void log_softmax_row(std::size_t n, const typename V::Scalar* x, typename V::Scalar* y) {
  const V m = V::splat(row_max<V>(n, x));
  typename V::Scalar s[1];
  row_sums<V>(
      n, s, [&](std::size_t i, std::size_t count, V(&t)[1]) { t[0] = exp(load_some<V>(x + i, count) - m); });
  const V log_sum = log(V::splat(s[0]));
  for_each_vector<V>(n, [&](std::size_t i, std::size_t count) {
    store_some((load_some<V>(x + i, count) - m) - log_sum, y + i, count);
  });
}

/// dx[j] = y[j] * (dy[j] - s), s = sum over j of dy[j] * y[j]. dx may be dy or y.
template <class V>
LAMINA_INLINE void softmax_backward_row(std::size_t n, const typename V::Scalar* y,
                                        const typename V::Scalar* dy, typename V::Scalar* dx) {
  typename V::Scalar s[1];
  row_sums<V>(n, s, [&](std::size_t i, std::size_t count, V(&t)[1]) {
    t[0] = load_some<V>(dy + i, count) * load_some<V>(y + i, count);
  });
  const V sum = V::splat(s[0]);
  for_each_vector<V>(n, [&](std::size_t i, std::size_t count) {
    store_some(load_some<V>(y + i, count) * (load_some<V>(dy + i, count) - sum), dx + i, count);
  });
}

/// dx[j] = dy[j] - exp(y[j]) * s, rounded once after exp; s = sum over j of dy[j].
/// dx may be dy or y.
template <class V>
LAMINA_INLINE void log_softmax_backward_row(std::size_t n, const typename V::Scalar* y,
                                            const typename V::Scalar* dy, typename V::Scalar* dx) {
  typename V::Scalar s[1];
  row_sums<V>(n, s, [&](std::size_t i, std::size_t count, V(&t)[1]) { t[0] = load_some<V>(dy + i, count); });
  const V sum = V::splat(s[0]);
  for_each_vector<V>(n, [&](std::size_t i, std::size_t count) {
    store_some(fma(-exp(load_some<V>(y + i, count)), sum, load_some<V>(dy + i, count)), dx + i, count);
  });
}

}  // namespace lamina::numerics
