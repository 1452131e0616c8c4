// The chunk tree over numbers that one block can hold: each thread first joins a subtree of its own.
// Included by *.cu.
#pragma once

#include "cuda/launch.h"

namespace lamina::cuda {
namespace {

/// *to = the chunk tree over leaf(0), ... leaf(leaves - 1), each a U; +0 without leaves. Or *to + that, with
/// `adds`.
template <class U, class Leaf>
struct TreeOf {
  static constexpr const char* kName = "tree";
  static constexpr int kThreads = 256;
  struct Shared {
    U partial[2][kThreads];
  };
  struct Registers {};
  struct Memory {};

  std::int64_t leaves;
  Leaf leaf;
  U* to;
  bool adds;

  LAMINA_KERNEL void operator()(Block<TreeOf>& block) const {
    std::int64_t each = 1;  // a power of two: a thread's leaves are a subtree
    while (pieces_of(leaves, each) > kThreads) each *= 2;
    int count = static_cast<int>(pieces_of(leaves, each));
    block.each([&](int thread, Registers&, Memory&) {
      if (thread >= count) return;
      numerics::BinaryCounter<U> tree;
      const std::int64_t first = thread * each, end = first + each < leaves ? first + each : leaves;
      for (std::int64_t i = first; i < end; ++i) tree.push(leaf(i));
      block.shared.partial[0][thread] = tree.total(U(0));
    });
    int level = 0;
    for (; count > 1; count = (count + 1) / 2, level ^= 1) {
      block.each([&](int thread, Registers&, Memory&) {
        if (thread >= (count + 1) / 2) return;
        const U* from = block.shared.partial[level];
        const bool two = 2 * thread + 1 < count;
        block.shared.partial[level ^ 1][thread] =
            two ? from[2 * thread] + from[2 * thread + 1] : from[2 * thread];
      });
    }
    block.each([&](int thread, Registers&, Memory&) {
      if (thread != 0) return;
      const U sum = leaves > 0 ? block.shared.partial[level][0] : U(0);
      *to = adds ? *to + sum : sum;
    });
  }
};

template <class U, class Leaf>
void tree_of(std::int64_t leaves, const Leaf& leaf, U* to, bool adds = false) {
  for_each_block(1, TreeOf<U, Leaf>{leaves, leaf, to, adds});
}

/// Numbers as they lie.
template <class U>
struct Stored {
  const U* value;
  LAMINA_KERNEL U operator()(std::int64_t i) const { return value[i]; }
};

/// A chunk of rows: the chain from +0 of weight times value in double. Null values are ones, null weights
/// leave the value as it is.
template <class T, class Value>
struct ChunkOfRows {
  std::int64_t rows;
  const Value* value;
  const T* weights;
  LAMINA_KERNEL double operator()(std::int64_t chunk) const {
    const std::int64_t first = chunk * numerics::kRowChunk;
    const std::int64_t end = first + numerics::kRowChunk < rows ? first + numerics::kRowChunk : rows;
    double sum = 0.0;
    for (std::int64_t r = first; r < end; ++r) {
      const double v = value != nullptr ? static_cast<double>(value[r]) : 1.0;
      sum += weights != nullptr ? static_cast<double>(weights[r]) * v : v;
    }
    return sum;
  }
};

template <class T, class Value>
void sum_of_rows(std::int64_t rows, const Value* value, const T* weights, double* to) {
  tree_of(pieces_of(rows, numerics::kRowChunk), ChunkOfRows<T, Value>{rows, value, weights}, to);
}

/// Down columns: term(sum, r, j) continues the chain of column j with row r; finish(j, total) takes the
/// tree over the chunks. `several` chunks are first written aside, each by a thread of its own.
template <class T, class Column>
struct ColumnChunks {
  static constexpr const char* kName = "columns";
  Column column;
  std::int64_t rows, columns;
  T* partials;
  LAMINA_KERNEL void operator()(std::int64_t e) const {
    const std::int64_t j = e % columns;
    partials[e] = chunk_of(column, e / columns, rows, j);
  }
  static LAMINA_KERNEL T chunk_of(const Column& c, std::int64_t chunk, std::int64_t rows, std::int64_t j) {
    const std::int64_t first = chunk * numerics::kRowChunk;
    const std::int64_t end = first + numerics::kRowChunk < rows ? first + numerics::kRowChunk : rows;
    T sum = T(0);
    for (std::int64_t r = first; r < end; ++r) sum = c.term(sum, r, j);
    return T(0) + sum;  // as a chain of one: no partial is -0
  }
};
template <class T, class Column>
struct ColumnTotals {
  static constexpr const char* kName = "columns (totals)";
  Column column;
  std::int64_t rows, columns, chunks;
  const T* partials;  ///< or null: computed here
  LAMINA_KERNEL void operator()(std::int64_t j) const {
    numerics::BinaryCounter<T> tree;
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
      tree.push(partials != nullptr ? partials[chunk * columns + j]
                                    : ColumnChunks<T, Column>::chunk_of(column, chunk, rows, j));
    }
    column.finish(j, tree.total(T(0)));
  }
};

template <class T, class Column>
void down_columns(std::int64_t rows, std::int64_t columns, const Column& column) {
  const std::int64_t chunks = pieces_of(rows, numerics::kRowChunk);
  if (chunks <= 2) {
    return for_each_item(columns, ColumnTotals<T, Column>{column, rows, columns, chunks, nullptr});
  }
  const Scratch partials(static_cast<std::size_t>(chunks * columns) * sizeof(T));
  for_each_item(chunks * columns, ColumnChunks<T, Column>{column, rows, columns, partials.as<T>()});
  for_each_item(columns, ColumnTotals<T, Column>{column, rows, columns, chunks, partials.as<T>()});
}

/// Along a vector: the lane sum of each chunk of kSumChunk, by a group of threads each.
/// term(sum, i, count) continues the lanes' chains with `count` elements from i.
template <class T, class Terms>
struct LaneSums {
  static constexpr const char* kName = "sum";
  Terms terms;
  std::int64_t n, chunks;  ///< of each row
  T* partials;
  LAMINA_KERNEL void operator()(std::int64_t e) const {
    using V = Vec<T>;
    const std::int64_t row = e / chunks, first = e % chunks * numerics::kSumChunk;
    const std::int64_t end = first + numerics::kSumChunk < n ? first + numerics::kSumChunk : n;
    V sum = V::splat(T(0));
    for (std::int64_t i = first; i < end; i += V::lanes) {
      const auto count = static_cast<std::size_t>(end - i < V::lanes ? end - i : V::lanes);
      sum = terms.add(sum, row * n + i, count);
    }
    const T total = reduce_add(sum);
    partials[e] = total;
  }
};

/// *to = the sum along one vector.
template <class T, class Terms>
void along(std::int64_t n, const Terms& terms, T* to) {
  const std::int64_t chunks = pieces_of(n, numerics::kSumChunk);
  const Scratch partials(static_cast<std::size_t>(chunks) * sizeof(T));
  for_each_group<T>(chunks, LaneSums<T, Terms>{terms, n, chunks, partials.as<T>()});
  tree_of(chunks, Stored<T>{partials.as<T>()}, to);
}

template <class T>
struct Elements {
  const T* x;
  LAMINA_KERNEL Vec<T> add(Vec<T> sum, std::int64_t i, std::size_t count) const {
    return sum + numerics::load_some<Vec<T>>(x + i, count);
  }
};

}  // namespace

/// One number of the device's.
template <class T>
T read(const T* from) {
  T value;
  runtime::copy_to_host(&value, from, sizeof value);
  return value;
}

}  // namespace lamina::cuda
