#include "cpu/array/kernels.h"
#include "cpu/vec/vec.h"
#include "numerics/array_functions.h"
#include "numerics/chunk_tree.h"
#include "numerics/row.h"
#include "numerics/scalar.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

using std::int64_t;

struct Product {
  template <class V>
  static LAMINA_INLINE V of(V a, V b) {
    return a * b;
  }
  static constexpr double start = 1.0;
};
struct Largest {
  template <class V>
  static LAMINA_INLINE V of(V a, V b) {
    return numerics::maximum(a, b);
  }
  static constexpr double start = -__builtin_huge_val();
};
struct Smallest {
  template <class V>
  static LAMINA_INLINE V of(V a, V b) {
    return numerics::minimum(a, b);
  }
  static constexpr double start = __builtin_huge_val();
};

/// The lane tree with another operation than the sum.
template <class T, class Operation>
LAMINA_INLINE T joined(Vec<T> v) {
  using One = numerics::Lane<T>;
  T lane[Vec<T>::lanes];
  v.store(lane);
  for (int half = Vec<T>::lanes / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) lane[i] = Operation::of(One{lane[i]}, One{lane[i + half]}).value;
  }
  return lane[0];
}

template <class T, class Operation>
void fold_rows(int64_t rows, int64_t columns, const void* from, int64_t stride, void* to) {
  using V = Vec<T>;
  const T* x = static_cast<const T*>(from);
  T* const out = static_cast<T*>(to);
  const V start = V::splat(static_cast<T>(Operation::start));
  for (int64_t i = 0; i < rows; ++i, x += stride) {
    V folded = start;
    int64_t j = 0;
    for (; j + V::lanes <= columns; j += V::lanes) folded = Operation::of(folded, V::load(x + j));
    if (j < columns) {
      const auto rest = static_cast<std::size_t>(columns - j);
      folded = Operation::of(folded, numerics::keep_first(V::load_partial(x + j, rest), rest, start));
    }
    out[i] = joined<T, Operation>(folded);
  }
}

/// The chunk tree with another operation than the sum.
template <class V, class Operation>
class Counter {
 public:
  LAMINA_INLINE void push(V partial) {
    for (unsigned long long n = count_; (n & 1) != 0; n >>= 1)
      partial = Operation::of(stack_[--depth_], partial);
    stack_[depth_++] = partial;
    ++count_;
  }
  LAMINA_INLINE V total() {
    V result = stack_[--depth_];
    while (depth_ > 0) result = Operation::of(stack_[--depth_], result);
    return result;
  }

 private:
  V stack_[64];
  unsigned long long count_ = 0;
  int depth_ = 0;
};

template <class T, class Operation>
void fold_columns(int64_t rows, int64_t columns, int64_t chunk, const void* from, int64_t stride, void* to) {
  using V = Vec<T>;
  const T* const x = static_cast<const T*>(from);
  T* const out = static_cast<T*>(to);
  for (int64_t j = 0; j < columns; j += V::lanes) {
    const auto count = static_cast<std::size_t>(columns - j < V::lanes ? columns - j : V::lanes);
    Counter<V, Operation> tree;
    for (int64_t first = 0; first < rows || first == 0; first += chunk) {
      const int64_t end = first + chunk < rows ? first + chunk : rows;
      V folded = V::splat(static_cast<T>(Operation::start));
      for (int64_t r = first; r < end; ++r) {
        folded = Operation::of(folded, numerics::load_some<V>(x + r * stride + j, count));
      }
      tree.push(folded);
    }
    numerics::store_some(tree.total(), out + j, count);
  }
}

}  // namespace

extern const ArrayReduceKernels array_reduce_kernels;
const ArrayReduceKernels array_reduce_kernels = {
    {{fold_rows<float, Product>, fold_rows<double, Product>},
     {fold_rows<float, Largest>, fold_rows<double, Largest>},
     {fold_rows<float, Smallest>, fold_rows<double, Smallest>}},
    {{fold_columns<float, Product>, fold_columns<double, Product>},
     {fold_columns<float, Largest>, fold_columns<double, Largest>},
     {fold_columns<float, Smallest>, fold_columns<double, Smallest>}},
};

}  // namespace lamina::cpu::LAMINA_ISA
