#include "cpu/reduce/reduce.h"

#include <algorithm>
#include <type_traits>

#include "core/buffer.h"
#include "core/threads.h"
#include "cpu/dispatch.h"
#include "numerics/chunk_tree.h"
#include "numerics/order.h"

namespace lamina::cpu {
namespace {

using numerics::kRowChunk;
using numerics::kSumChunk;

// How the work is cut into tasks. None of these decides about bits: a group of 2^j chunks is a
// subtree of the tree over all chunks.
constexpr std::int64_t kGroupRows = 16 * kRowChunk;
constexpr std::int64_t kColumnBlock = 256;
constexpr std::int64_t kRowBlockElements = 1 << 15;
constexpr double kNanosecondsPerByte = 0.05;

/// Grow-only memory of this thread for partial sums.
template <class T>
T* scratch(std::int64_t n) {
  static thread_local Buffer buffer;
  const std::size_t bytes = static_cast<std::size_t>(n) * sizeof(T);
  if (buffer.bytes() < bytes) buffer = Buffer(bytes);
  return buffer.as<T>();
}

std::int64_t pieces_of(std::int64_t n, std::int64_t piece) { return (n + piece - 1) / piece; }

template <class T>
ReduceKernels::ColumnSums<T> column_kernel() {
  if constexpr (std::is_same_v<T, float>) {
    return kernels().reduce->column_sums_f32;
  } else {
    return kernels().reduce->column_sums_f64;
  }
}
template <class T>
ReduceKernels::LaneSums<T> lane_kernel() {
  if constexpr (std::is_same_v<T, float>) {
    return kernels().reduce->lane_sums_f32;
  } else {
    return kernels().reduce->lane_sums_f64;
  }
}

template <class T>
void column_sums(std::int64_t rows, std::int64_t columns, const T* x, T* out) {
  if (rows == 0) {  // x may be null
    std::fill_n(out, columns, T(0));
    return;
  }
  const auto kernel = column_kernel<T>();
  const std::int64_t groups = pieces_of(rows, kGroupRows), blocks = pieces_of(columns, kColumnBlock);
  const double cost =
      kNanosecondsPerByte * sizeof(T) * static_cast<double>(rows) * static_cast<double>(columns);
  const int threads = threads::worthwhile(cost, groups * blocks);
  if (threads <= 1) {
    kernel(rows, columns, kRowChunk, x, columns, out);
    return;
  }
  T* const partials = groups > 1 ? scratch<T>(groups * columns) : out;
  threads::parallel_for(
      groups * blocks,
      [&](std::int64_t task) {
        const std::int64_t row = task / blocks * kGroupRows, column = task % blocks * kColumnBlock;
        kernel(std::min(kGroupRows, rows - row), std::min(kColumnBlock, columns - column), kRowChunk,
               x + row * columns + column, columns, partials + task / blocks * columns + column);
      },
      threads);
  // The tree over the groups: chains of one, +0 + partial = partial since no partial is -0.
  if (groups > 1) kernel(groups, columns, 1, partials, columns, out);
}

template <class T>
void row_sums(std::int64_t rows, std::int64_t columns, const T* x, T* out) {
  const auto kernel = lane_kernel<T>();
  const double cost =
      kNanosecondsPerByte * sizeof(T) * static_cast<double>(rows) * static_cast<double>(columns);
  if (columns <= kSumChunk) {
    const std::int64_t block =
        std::max<std::int64_t>(1, kRowBlockElements / std::max<std::int64_t>(1, columns));
    const std::int64_t tasks = pieces_of(rows, block);
    threads::parallel_for(
        tasks,
        [&](std::int64_t task) {
          const std::int64_t row = task * block;
          kernel(std::min(block, rows - row), columns, x + row * columns, columns, out + row);
        },
        threads::worthwhile(cost, tasks));
    return;
  }
  // Long rows: first every chunk's lane sum, then each row's tree.
  const std::int64_t chunks = pieces_of(columns, kSumChunk);
  constexpr std::int64_t kChunksPerTask = kRowBlockElements / kSumChunk;
  const std::int64_t tasks_per_row = pieces_of(chunks, kChunksPerTask);
  T* const partials = scratch<T>(rows * chunks);
  threads::parallel_for(
      rows * tasks_per_row,
      [&](std::int64_t task) {
        const std::int64_t row = task / tasks_per_row, first = task % tasks_per_row * kChunksPerTask;
        const std::int64_t last = std::min(chunks, first + kChunksPerTask);
        const std::int64_t whole = std::min(last, columns / kSumChunk) - first;
        const T* const from = x + row * columns + first * kSumChunk;
        T* const to = partials + row * chunks + first;
        kernel(whole, kSumChunk, from, kSumChunk, to);
        if (first + whole < last) kernel(1, columns % kSumChunk, from + whole * kSumChunk, 0, to + whole);
      },
      threads::worthwhile(cost, rows * tasks_per_row));
  for (std::int64_t row = 0; row < rows; ++row) {
    numerics::BinaryCounter<T> tree;
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) tree.push(partials[row * chunks + chunk]);
    out[row] = tree.total(T(0));
  }
}

}  // namespace

void column_sums(DType dtype, std::int64_t rows, std::int64_t columns, const void* x, void* out) {
  if (dtype == DType::float32) {
    column_sums(rows, columns, static_cast<const float*>(x), static_cast<float*>(out));
  } else {
    column_sums(rows, columns, static_cast<const double*>(x), static_cast<double*>(out));
  }
}

void row_sums(DType dtype, std::int64_t rows, std::int64_t columns, const void* x, void* out) {
  if (dtype == DType::float32) {
    row_sums(rows, columns, static_cast<const float*>(x), static_cast<float*>(out));
  } else {
    row_sums(rows, columns, static_cast<const double*>(x), static_cast<double*>(out));
  }
}

}  // namespace lamina::cpu
