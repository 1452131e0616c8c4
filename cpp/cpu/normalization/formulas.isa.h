// Rows and columns normalised. Formulas and orders: normalization.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/normalization/kernels.h"
#include "cpu/vec/vec.h"
#include "numerics/row.h"
#include "numerics/scalar.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

using numerics::load_some;
using numerics::store_some;

/// Calls body(j, count) for each vector of a row.
template <class V, class Body>
LAMINA_INLINE void across(std::int64_t columns, const Body& body) {
  constexpr std::int64_t lanes = V::lanes;
  std::int64_t j = 0;
  for (; j + lanes <= columns; j += lanes) body(j, static_cast<std::size_t>(lanes));
  if (j < columns) body(j, static_cast<std::size_t>(columns - j));
}

template <class V, class T = typename V::Scalar>
LAMINA_HOST_DEVICE void centred_squares(std::int64_t rows, std::int64_t columns, const T* x, const T* mean,
                                        T* out) {
  across<V>(columns, [&](std::int64_t j, std::size_t count) {
    const V m = load_some<V>(mean + j, count);
    V sum = V::splat(0);
    for (std::int64_t r = 0; r < rows; ++r) {
      const V d = load_some<V>(x + r * columns + j, count) - m;
      sum = fma(d, d, sum);
    }
    store_some(sum, out + j, count);
  });
}

template <class V, class T = typename V::Scalar>
LAMINA_HOST_DEVICE void column_gradients(std::int64_t rows, std::int64_t columns, const T* x, const T* dy,
                                         const T* mean, const T* inverse, T* sums, T* products) {
  across<V>(columns, [&](std::int64_t j, std::size_t count) {
    const V m = load_some<V>(mean + j, count), s = load_some<V>(inverse + j, count);
    V sum = V::splat(0), product = V::splat(0);
    for (std::int64_t r = 0; r < rows; ++r) {
      const V g = load_some<V>(dy + r * columns + j, count);
      const V h = (load_some<V>(x + r * columns + j, count) - m) * s;
      sum = sum + g;
      product = fma(g, h, product);
    }
    store_some(sum, sums + j, count);
    store_some(product, products + j, count);
  });
}

template <class V, class T = typename V::Scalar>
LAMINA_HOST_DEVICE void columns_forward(std::int64_t rows, std::int64_t columns, const T* x, const T* mean,
                                        const T* scale, const T* shift, T* y) {
  for (std::int64_t r = 0; r < rows; ++r, x += columns, y += columns) {
    across<V>(columns, [&](std::int64_t j, std::size_t count) {
      const V d = load_some<V>(x + j, count) - load_some<V>(mean + j, count);
      store_some(fma(d, load_some<V>(scale + j, count), load_some<V>(shift + j, count)), y + j, count);
    });
  }
}

template <class V, class T = typename V::Scalar>
LAMINA_HOST_DEVICE void columns_backward(std::int64_t rows, std::int64_t columns, const T* x, const T* dy,
                                         const T* mean, const T* inverse, const T* scale, const T* a,
                                         const T* b, T* dx) {
  for (std::int64_t r = 0; r < rows; ++r, x += columns, dy += columns, dx += columns) {
    across<V>(columns, [&](std::int64_t j, std::size_t count) {
      const V h =
          (load_some<V>(x + j, count) - load_some<V>(mean + j, count)) * load_some<V>(inverse + j, count);
      const V d = load_some<V>(dy + j, count) - load_some<V>(a + j, count);
      store_some(load_some<V>(scale + j, count) * fma(-h, load_some<V>(b + j, count), d), dx + j, count);
    });
  }
}

/// The sum of a row's terms, term(i, count) giving those of one vector.
template <class V, class Term>
LAMINA_INLINE typename V::Scalar row_sum(std::int64_t columns, const Term& term) {
  typename V::Scalar sum[1];
  numerics::row_sums<V>(static_cast<std::size_t>(columns), sum,
                        [&](std::size_t i, std::size_t count, V(&t)[1]) { t[0] = term(i, count); });
  return sum[0];
}

template <class T>
LAMINA_INLINE T root(T value) {
  return sqrt(numerics::Lane<T>{value}).value;
}

/// 1 / norm, but not above the bound of `unit`.
template <class T>
constexpr T kLargestInverse = static_cast<T>(1e12);

template <class V, class T = typename V::Scalar>
LAMINA_HOST_DEVICE void rows_forward(const NormalizedRows<T>& b) {
  using Kind = RowNormalizationKind;
  const T n = static_cast<T>(b.columns);
  for (std::int64_t r = 0; r < b.rows; ++r) {
    const T* x = b.x + r * b.columns;
    T* y = b.y + r * b.columns;
    T centre = T(0);
    if (b.kind == Kind::standard || b.kind == Kind::variance_only) {
      centre = row_sum<V>(b.columns,
                          [&](std::size_t i, std::size_t count) { return load_some<V>(x + i, count); }) /
               n;
    }
    const V c = V::splat(centre);
    const T squares = row_sum<V>(b.columns, [&](std::size_t i, std::size_t count) {
      const V d = load_some<V>(x + i, count) - c;
      return d * d;
    });
    T inverse;
    if (b.kind == Kind::unit) {
      inverse = T(1) / root(squares);
      inverse = inverse < kLargestInverse<T> ? inverse : kLargestInverse<T>;
    } else {
      inverse = T(1) / root(squares / n + b.epsilon);
    }
    b.centre[r] = centre;
    b.inverse[r] = inverse;
    const V subtracted = b.kind == Kind::standard ? c : V::splat(0), s = V::splat(inverse);
    const std::int64_t place = (b.first_row + r) % b.period * b.columns;
    across<V>(b.columns, [&](std::int64_t j, std::size_t count) {
      V h = (load_some<V>(x + j, count) - subtracted) * s;
      if (b.beta != nullptr) {
        const V gamma = b.gamma != nullptr ? load_some<V>(b.gamma + place + j, count) : V::splat(1);
        h = fma(h, gamma, load_some<V>(b.beta + place + j, count));
      } else if (b.gamma != nullptr) {
        h = h * load_some<V>(b.gamma + place + j, count);
      }
      store_some(h, y + j, count);
    });
  }
}

template <class V, class T = typename V::Scalar>
LAMINA_HOST_DEVICE void rows_backward(const NormalizedRows<T>& b) {
  using Kind = RowNormalizationKind;
  const T n = static_cast<T>(b.columns);
  for (std::int64_t r = 0; r < b.rows; ++r) {
    const T *x = b.x + r * b.columns, *dy = b.dy + r * b.columns;
    T* dx = b.dx + r * b.columns;
    const std::int64_t place = (b.first_row + r) % b.period * b.columns;
    const V c = V::splat(b.centre[r]), s = V::splat(b.inverse[r]);
    const V subtracted = b.kind == Kind::standard ? c : V::splat(0);
    const auto gradient = [&](std::size_t i, std::size_t count) {
      const V g = load_some<V>(dy + i, count);
      if (b.gamma == nullptr) return g;
      return g * load_some<V>(b.gamma + place + static_cast<std::int64_t>(i), count);
    };
    T sums[2];
    numerics::row_sums<V>(static_cast<std::size_t>(b.columns), sums,
                          [&](std::size_t i, std::size_t count, V(&t)[2]) {
                            t[0] = gradient(i, count);
                            t[1] = t[0] * ((load_some<V>(x + i, count) - subtracted) * s);
                          });
    const bool bounded = b.kind == Kind::unit && !(b.inverse[r] < kLargestInverse<T>);
    const V mean = V::splat(b.kind == Kind::standard ? sums[0] / n : T(0));
    const V product = V::splat(bounded ? T(0) : b.kind == Kind::unit ? sums[1] : sums[1] / n);
    const V offset = b.kind == Kind::variance_only ? c : subtracted;
    across<V>(b.columns, [&](std::int64_t j, std::size_t count) {
      const V h = (load_some<V>(x + j, count) - offset) * s;
      const V g = gradient(static_cast<std::size_t>(j), count) - mean;
      store_some(s * fma(-h, product, g), dx + j, count);
    });
  }
}

template <class V, class T = typename V::Scalar>
LAMINA_HOST_DEVICE void row_gradients(const NormalizedRows<T>& b, T* sums, T* products) {
  for (std::int64_t r = 0; r < b.rows; ++r) {
    const T *x = b.x + r * b.columns, *dy = b.dy + r * b.columns;
    const std::int64_t place = (b.first_row + r) % b.period * b.columns;
    const V subtracted = V::splat(b.kind == RowNormalizationKind::standard ? b.centre[r] : T(0));
    const V s = V::splat(b.inverse[r]);
    across<V>(b.columns, [&](std::int64_t j, std::size_t count) {
      const V g = load_some<V>(dy + j, count), h = (load_some<V>(x + j, count) - subtracted) * s;
      store_some(load_some<V>(sums + place + j, count) + g, sums + place + j, count);
      store_some(fma(g, h, load_some<V>(products + place + j, count)), products + place + j, count);
    });
  }
}

}  // namespace
}  // namespace lamina::cpu::LAMINA_ISA
