#include "cpu/reduce/kernels.h"
#include "cpu/vec/vec.h"
#include "numerics/chunk_tree.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

/// `width` vectors side by side: their chains are independent, so the additions overlap.
template <class T, int width>
struct Strip {
  using V = Vec<T>;
  V v[width];

  static LAMINA_INLINE Strip zero() {
    Strip s;
    for (int i = 0; i < width; ++i) s.v[i] = V::splat(T(0));
    return s;
  }
  /// Adds the first `columns` elements at x; all of them, where `whole`.
  template <bool whole>
  LAMINA_INLINE void add(const T* x, std::int64_t columns) {
    for (int i = 0; i < width; ++i) {
      if constexpr (whole) {
        v[i] = v[i] + V::load(x + i * V::lanes);
      } else {
        v[i] = v[i] + V::load_partial(x + i * V::lanes, static_cast<std::size_t>(columns));
      }
    }
  }
  template <bool whole>
  LAMINA_INLINE void store(T* out, std::int64_t columns) const {
    for (int i = 0; i < width; ++i) {
      if constexpr (whole) {
        v[i].store(out + i * V::lanes);
      } else {
        v[i].store_partial(out + i * V::lanes, static_cast<std::size_t>(columns));
      }
    }
  }
  friend LAMINA_INLINE Strip operator+(const Strip& a, const Strip& b) {
    Strip s;
    for (int i = 0; i < width; ++i) s.v[i] = a.v[i] + b.v[i];
    return s;
  }
};

template <class T, int width, bool whole>
void sum_strip(std::int64_t rows, std::int64_t columns, std::int64_t chunk, const T* x, std::int64_t stride,
               T* out) {
  using S = Strip<T, width>;
  numerics::BinaryCounter<S> tree;
  S sum = S::zero();
  for (std::int64_t first = 0; first < rows; first += chunk) {
    const std::int64_t end = first + chunk < rows ? first + chunk : rows;
    sum = S::zero();
    for (std::int64_t r = first; r < end; ++r) sum.template add<whole>(x + r * stride, columns);
    if (rows > chunk) tree.push(sum);
  }
  if (rows > chunk) sum = tree.total(sum);
  sum.template store<whole>(out, columns);
}

template <class T>
void column_sums(std::int64_t rows, std::int64_t columns, std::int64_t chunk, const T* x, std::int64_t stride,
                 T* out) {
  constexpr std::int64_t lanes = Vec<T>::lanes;
  std::int64_t j = 0;
  for (; j + 4 * lanes <= columns; j += 4 * lanes) {
    sum_strip<T, 4, true>(rows, 4 * lanes, chunk, x + j, stride, out + j);
  }
  for (; j + lanes <= columns; j += lanes) {
    sum_strip<T, 1, true>(rows, lanes, chunk, x + j, stride, out + j);
  }
  if (j < columns) sum_strip<T, 1, false>(rows, columns - j, chunk, x + j, stride, out + j);
}

/// `together` rows at once.
template <class T, int together>
LAMINA_INLINE void sum_rows(std::int64_t columns, const T* x, std::int64_t stride, T* out) {
  using V = Vec<T>;
  V sum[together];
  for (int r = 0; r < together; ++r) sum[r] = V::splat(T(0));
  std::int64_t j = 0;
  for (; j + V::lanes <= columns; j += V::lanes) {
    for (int r = 0; r < together; ++r) sum[r] = sum[r] + V::load(x + r * stride + j);
  }
  if (j < columns) {
    // The lanes behind the row add +0 to a sum that is never -0: it stays as it is.
    const std::size_t rest = static_cast<std::size_t>(columns - j);
    for (int r = 0; r < together; ++r) sum[r] = sum[r] + V::load_partial(x + r * stride + j, rest);
  }
  for (int r = 0; r < together; ++r) out[r] = reduce_add(sum[r]);
}

template <class T>
void lane_sums(std::int64_t rows, std::int64_t columns, const T* x, std::int64_t stride, T* out) {
  std::int64_t i = 0;
  for (; i + 4 <= rows; i += 4) sum_rows<T, 4>(columns, x + i * stride, stride, out + i);
  for (; i < rows; ++i) sum_rows<T, 1>(columns, x + i * stride, stride, out + i);
}

}  // namespace

extern const ReduceKernels reduce_kernels;
const ReduceKernels reduce_kernels = {column_sums<float>, column_sums<double>, lane_sums<float>,
                                      lane_sums<double>};

}  // namespace lamina::cpu::LAMINA_ISA
