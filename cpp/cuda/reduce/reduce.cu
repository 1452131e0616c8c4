#include "cuda/memory.h"
#include "cuda/reduce/reduce.h"
#include "cuda/reduce/tree.h"

namespace lamina::cuda {
namespace {

template <class T>
struct Sum {
  std::int64_t columns;
  const T* x;
  T* out;
  LAMINA_KERNEL T term(T sum, std::int64_t r, std::int64_t j) const { return sum + x[r * columns + j]; }
  LAMINA_KERNEL void finish(std::int64_t j, T total) const { out[j] = total; }
};

template <class T>
struct RowTree {
  static constexpr const char* kName = "row sums (tree)";
  std::int64_t chunks;
  const T* partials;
  T* out;
  LAMINA_KERNEL void operator()(std::int64_t r) const {
    numerics::BinaryCounter<T> tree;
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) tree.push(partials[r * chunks + chunk]);
    out[r] = tree.total(T(0));
  }
};

template <class T>
void rows_as(std::int64_t rows, std::int64_t columns, const T* x, T* to) {
  const std::int64_t chunks = pieces_of(columns, numerics::kSumChunk);
  if (chunks <= 1) {
    return for_each_group<T>(rows, LaneSums<T, Elements<T>>{Elements<T>{x}, columns, 1, to});
  }
  const Scratch partials(static_cast<std::size_t>(rows * chunks) * sizeof(T));
  for_each_group<T>(rows * chunks,
                    LaneSums<T, Elements<T>>{Elements<T>{x}, columns, chunks, partials.as<T>()});
  for_each_item(rows, RowTree<T>{chunks, partials.as<T>(), to});
}

}  // namespace

void column_sums(DType dtype, std::int64_t rows, std::int64_t columns, const void* x, void* to) {
  if (dtype == DType::float32) {
    down_columns<float>(rows, columns, Sum<float>{columns, in<float>(x), out<float>(to)});
  } else {
    down_columns<double>(rows, columns, Sum<double>{columns, in<double>(x), out<double>(to)});
  }
}

void row_sums(DType dtype, std::int64_t rows, std::int64_t columns, const void* x, void* to) {
  if (dtype == DType::float32) {
    rows_as(rows, columns, in<float>(x), out<float>(to));
  } else {
    rows_as(rows, columns, in<double>(x), out<double>(to));
  }
}

}  // namespace lamina::cuda
