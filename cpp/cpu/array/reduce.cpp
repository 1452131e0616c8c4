#include "cpu/reduce/reduce.h"

#include <algorithm>
#include <limits>
#include <type_traits>
#include <vector>

#include "core/threads.h"
#include "cpu/array/array.h"
#include "cpu/dispatch.h"
#include "numerics/order.h"

namespace lamina {

ElementType reduce_type(ReduceKind kind, ElementType type) {
  if (kind == ReduceKind::argmax || kind == ReduceKind::argmin) return ElementType::int64;
  const bool adds = kind == ReduceKind::sum || kind == ReduceKind::prod;
  const bool floating = type == ElementType::float32 || type == ElementType::float64;
  return adds && !floating ? ElementType::int64 : type;
}

namespace cpu {

namespace {

using numerics::kRowChunk;
using numerics::kSumChunk;

double cost_of(std::int64_t elements, std::size_t bytes) {
  return 0.1 * static_cast<double>(elements) * static_cast<double>(bytes);
}

/// Calls body(o) for each of `outer` parts that have `elements` each.
template <class Body>
void for_each_part(std::int64_t outer, std::int64_t elements, std::size_t bytes, const Body& body) {
  const std::int64_t per_task = std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, elements));
  const std::int64_t tasks = (outer + per_task - 1) / per_task;
  threads::parallel_for(
      tasks,
      [&](std::int64_t task) {
        const std::int64_t end = std::min(outer, (task + 1) * per_task);
        for (std::int64_t o = task * per_task; o < end; ++o) body(o);
      },
      threads::worthwhile(cost_of(outer * elements, bytes), tasks));
}

// ---- float32 and float64

template <class T>
void sums(const ReduceArguments& a) {
  const DType dtype = sizeof(T) == 4 ? DType::float32 : DType::float64;
  const T* const x = static_cast<const T*>(a.x);
  T* const out = static_cast<T*>(a.out);
  if (a.row) return row_sums(dtype, a.outer, a.reduced, x, out);
  if (a.outer == 1) return column_sums(dtype, a.reduced, a.inner, x, out);
  for_each_part(a.outer, a.reduced * a.inner, sizeof(T), [&](std::int64_t o) {
    column_sums(dtype, a.reduced, a.inner, x + o * a.reduced * a.inner, out + o * a.inner);
  });
}

template <class T>
void folds(const ReduceArguments& a) {
  const int kind = static_cast<int>(a.kind) - static_cast<int>(ReduceKind::prod),
            type = sizeof(T) == 4 ? 0 : 1;
  const T* const x = static_cast<const T*>(a.x);
  T* const out = static_cast<T*>(a.out);
  if (!a.row) {
    const ReduceColumnsKernel kernel = kernels().array_reduce->columns[kind][type];
    constexpr std::int64_t kColumns = 1024;
    const std::int64_t blocks = (a.inner + kColumns - 1) / kColumns;
    threads::parallel_for(
        a.outer * blocks,
        [&](std::int64_t task) {
          const std::int64_t o = task / blocks, column = task % blocks * kColumns;
          kernel(a.reduced, std::min(kColumns, a.inner - column), kRowChunk,
                 x + o * a.reduced * a.inner + column, a.inner, out + o * a.inner + column);
        },
        threads::worthwhile(cost_of(a.outer * a.reduced * a.inner, sizeof(T)), a.outer * blocks));
    return;
  }
  const ReduceRowsKernel rows = kernels().array_reduce->rows[kind][type];
  if (a.reduced <= kSumChunk) {
    const std::int64_t block = std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, a.reduced));
    const std::int64_t tasks = (a.outer + block - 1) / block;
    threads::parallel_for(
        tasks,
        [&](std::int64_t task) {
          const std::int64_t first = task * block;
          rows(std::min(block, a.outer - first), a.reduced, x + first * a.reduced, a.reduced, out + first);
        },
        threads::worthwhile(cost_of(a.outer * a.reduced, sizeof(T)), tasks));
    return;
  }
  const std::int64_t chunks = (a.reduced + kSumChunk - 1) / kSumChunk;
  std::vector<T> partials(static_cast<std::size_t>(a.outer * chunks));
  threads::parallel_for(
      a.outer * chunks,
      [&](std::int64_t task) {
        const std::int64_t begin = task % chunks * kSumChunk;
        rows(1, std::min(kSumChunk, a.reduced - begin), x + task / chunks * a.reduced + begin, 0,
             partials.data() + task);
      },
      threads::worthwhile(cost_of(a.outer * a.reduced, sizeof(T)), a.outer * chunks));
  // The chunk tree: columns of one element, chains of one.
  const ReduceColumnsKernel tree = kernels().array_reduce->columns[kind][type];
  for (std::int64_t o = 0; o < a.outer; ++o) tree(chunks, 1, 1, partials.data() + o * chunks, 1, out + o);
}

// ---- Integers and bools: exact, in any order

template <class T, class Result, class Operation>
void exact(const ReduceArguments& a, Result start, const Operation& operation) {
  const T* const x = static_cast<const T*>(a.x);
  Result* const out = static_cast<Result*>(a.out);
  for_each_part(a.outer, a.reduced * a.inner, sizeof(T), [&](std::int64_t o) {
    const T* const from = x + o * a.reduced * a.inner;
    Result* const to = out + o * a.inner;
    if (a.inner == 1) {
      Result result = start;
      for (std::int64_t r = 0; r < a.reduced; ++r) result = operation(result, from[r]);
      *to = result;
      return;
    }
    std::fill_n(to, a.inner, start);
    for (std::int64_t r = 0; r < a.reduced; ++r) {
      const T* const row = from + r * a.inner;
      for (std::int64_t j = 0; j < a.inner; ++j) to[j] = operation(to[j], row[j]);
    }
  });
}

template <class T>
void integer_reduce(const ReduceArguments& a) {
  switch (a.kind) {
    case ReduceKind::sum:
      return exact<T, std::int64_t>(a, std::int64_t{0}, [](std::int64_t r, T x) {
        return static_cast<std::int64_t>(static_cast<std::uint64_t>(r) + static_cast<std::uint64_t>(x));
      });
    case ReduceKind::prod:
      return exact<T, std::int64_t>(a, std::int64_t{1}, [](std::int64_t r, T x) {
        return static_cast<std::int64_t>(static_cast<std::uint64_t>(r) * static_cast<std::uint64_t>(x));
      });
    case ReduceKind::max:
      return exact<T, T>(a, std::numeric_limits<T>::min(), [](T r, T x) { return r > x ? r : x; });
    default:
      return exact<T, T>(a, std::numeric_limits<T>::max(), [](T r, T x) { return r < x ? r : x; });
  }
}

// ---- Positions

template <class T>
void positions(const ReduceArguments& a) {
  const T* const x = static_cast<const T*>(a.x);
  auto* const out = static_cast<std::int64_t*>(a.out);
  const bool largest = a.kind == ReduceKind::argmax;
  for_each_part(a.outer, a.reduced * a.inner, sizeof(T), [&](std::int64_t o) {
    const T* const from = x + o * a.reduced * a.inner;
    std::int64_t* const to = out + o * a.inner;
    std::fill_n(to, a.inner, std::int64_t{0});
    for (std::int64_t r = 1; r < a.reduced; ++r) {
      const T* const row = from + r * a.inner;
      for (std::int64_t j = 0; j < a.inner; ++j) {
        const T best = from[to[j] * a.inner + j];
        const bool better = largest ? row[j] > best : row[j] < best;
        if (better || (row[j] != row[j] && best == best)) to[j] = best == best ? r : to[j];
      }
    }
  });
}

template <class T>
void fold_as(const ReduceArguments& a) {
  if (a.kind == ReduceKind::argmax || a.kind == ReduceKind::argmin) return positions<T>(a);
  if constexpr (std::is_floating_point_v<T>) {
    return a.kind == ReduceKind::sum ? sums<T>(a) : folds<T>(a);
  } else {
    return integer_reduce<T>(a);
  }
}

}  // namespace

void array_reduce(const ReduceArguments& a) {
  if (a.outer == 0 || a.inner == 0) return;
  switch (tensor_type(a.type)) {
    case TensorType::boolean:
    case TensorType::uint8:
      return fold_as<std::uint8_t>(a);
    case TensorType::int32:
      return fold_as<std::int32_t>(a);
    case TensorType::int64:
      return fold_as<std::int64_t>(a);
    case TensorType::float32:
      return fold_as<float>(a);
    case TensorType::float64:
      return fold_as<double>(a);
  }
}

}  // namespace cpu
}  // namespace lamina
