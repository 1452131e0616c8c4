#include "cpu/vec/vec.h"
#include "cpu/vector_ops/formulas.isa.h"
#include "cpu/vector_ops/kernels.h"
#include "numerics/policy.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

template <class T, class Formula, bool binary>
void elementwise(std::int64_t n, T scalar_a, T scalar_b, const T* x, const T* y, T* out) {
  using V = Vec<T>;
  const V a = V::splat(scalar_a), b = V::splat(scalar_b);
  std::int64_t i = 0;
  for (; i + V::lanes <= n; i += V::lanes) {
    const V u = V::load(x + i);
    Formula::of(a, b, u, binary ? V::load(y + i) : u).store(out + i);
  }
  const std::size_t rest = static_cast<std::size_t>(n - i);
  if (rest == 0) return;
  const V u = V::load_partial(x + i, rest);
  Formula::of(a, b, u, binary ? V::load_partial(y + i, rest) : u).store_partial(out + i, rest);
}

/// `together` rows at once: their chains are independent, so the multiplications overlap.
template <class T, int together>
LAMINA_INLINE void dot_rows(std::int64_t columns, const T* x, const T* y, std::int64_t stride, T* out) {
  using V = Vec<T>;
  V sum[together];
  for (int r = 0; r < together; ++r) sum[r] = V::splat(T(0));
  std::int64_t j = 0;
  for (; j + V::lanes <= columns; j += V::lanes) {
    for (int r = 0; r < together; ++r) {
      sum[r] = fma(V::load(x + r * stride + j), V::load(y + r * stride + j), sum[r]);
    }
  }
  if (j < columns) {
    const std::size_t rest = static_cast<std::size_t>(columns - j);
    for (int r = 0; r < together; ++r) {
      sum[r] =
          fma(V::load_partial(x + r * stride + j, rest), V::load_partial(y + r * stride + j, rest), sum[r]);
    }
  }
  for (int r = 0; r < together; ++r) out[r] = reduce_add(sum[r]);
}

template <class T>
void lane_dots(std::int64_t rows, std::int64_t columns, const T* x, const T* y, std::int64_t stride, T* out) {
  std::int64_t i = 0;
  for (; i + 4 <= rows; i += 4) {
    dot_rows<T, 4>(columns, x + i * stride, y + i * stride, stride, out + i);
  }
  for (; i < rows; ++i) dot_rows<T, 1>(columns, x + i * stride, y + i * stride, stride, out + i);
}

template <class T>
T abs_max(std::int64_t n, const T* x) {
  using V = Vec<T>;
  V largest = V::splat(T(0));
  std::int64_t i = 0;
  for (; i + V::lanes <= n; i += V::lanes) largest = numerics::lane_max(abs(V::load(x + i)), largest);
  if (i < n) {
    largest = numerics::lane_max(abs(V::load_partial(x + i, static_cast<std::size_t>(n - i))), largest);
  }
  return reduce_max(largest);
}

template <class T>
bool all_finite(std::int64_t n, const T* x) {
  using V = Vec<T>;
  const V zero = V::splat(T(0));
  V sum = zero;  // of 0 * x: zero, or NaN for ever
  std::int64_t i = 0;
  for (; i + V::lanes <= n; i += V::lanes) sum = fma(zero, V::load(x + i), sum);
  if (i < n) sum = fma(zero, V::load_partial(x + i, static_cast<std::size_t>(n - i)), sum);
  return reduce_add(sum) == T(0);
}

template <class T>
constexpr VectorKernels::Table<T> table() {
  return {{elementwise<T, Scale, false>, elementwise<T, Divide, false>, elementwise<T, AddScaled, true>,
           elementwise<T, AddDivide, true>, elementwise<T, Blend, true>, elementwise<T, SquareAdd, false>,
           elementwise<T, OverRoot, true>, elementwise<T, ScaleDivide, false>, elementwise<T, Clamp, false>,
           elementwise<T, Decay, false>, elementwise<T, Fade, false>, elementwise<T, Lift, false>},
          lane_dots<T>,
          abs_max<T>,
          all_finite<T>};
}

}  // namespace

extern const VectorKernels vector_ops_kernels;
const VectorKernels vector_ops_kernels = {table<float>(), table<double>()};

}  // namespace lamina::cpu::LAMINA_ISA
