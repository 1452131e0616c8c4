// What is prefetched for a block of a product before it is read: the block of A that follows, or what the
// update of its own elements needs. Nothing here changes a result. Included only by gemm.cpp.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cpu/gemm/plan.h"
#include "device/arguments.h"

namespace lamina::cpu {

/// The part of the (possibly swapped) product that one task computes.
struct Range {
  std::int64_t row, rows, column, columns, begin, end;
};

/// Brings a block of A into the L2 cache: tiles read it in short pieces of many rows, which hardware
/// prefetchers do not follow.
template <class T>
void prefetch_block_a(const ProductSize& size, std::int64_t rows, std::int64_t depth, const T* a) {
#if defined(__GNUC__)
  constexpr std::int64_t line = 64 / sizeof(T);
  const bool by_rows = size.a_column == 1;
  const std::int64_t lines = by_rows ? rows : depth, stride = by_rows ? size.a_row : size.a_column;
  const std::int64_t length = by_rows ? depth : rows;
  for (std::int64_t i = 0; i < lines; ++i) {
    for (std::int64_t j = 0; j < length; j += line) __builtin_prefetch(a + i * stride + j, 0, 2);
  }
#endif
}

/// Where a block begins in its range: row, column, term.
struct Place {
  std::int64_t i, j, l;
};

/// Where the block behind the one at `at` begins; behind the range, after the last one.
inline Place place_behind(const Plan& plan, const Range& range, Place at) {
  at.l += plan.depth;
  if (at.l >= range.end - range.begin) at.l = 0, at.i += plan.rows;
  if (at.i >= range.rows) at.i = 0, at.j += plan.columns;
  return at;
}

constexpr std::int64_t kUncachedBytes = 8 << 20;  // an operand that no L2 cache keeps

/// The block of A at `at`. `a` is A's first element in the range.
template <class T>
PrefetchStreams block_of_a(const Plan& plan, const Range& range, Place at, const T* a) {
  const ProductSize& size = plan.size;
  const std::int64_t depth = range.end - range.begin;
  PrefetchStreams next;
  const bool by_rows = size.a_column == 1;
  const std::int64_t apart = by_rows ? size.a_row : size.a_column;
  if (apart == 0) return next;
  std::int64_t left = depth - at.l;
  if (at.j >= range.columns) {
    // The piece of the depth behind this task's is mostly the same thread's next task. A smaller operand may
    // still be in a cache from the last time.
    if (range.end >= size.k || size.m * size.k * size.element_bytes < kUncachedBytes) return next;
    at = {0, 0, depth};
    left = size.k - range.end;
  }
  const std::int64_t rows = std::min(plan.rows, range.rows - at.i);
  const std::int64_t terms = std::min(plan.depth, left);
  next.streams[next.count++] = a + at.i * size.a_row + at.l * size.a_column;
  next.runs = by_rows ? rows : terms;
  next.bytes = (by_rows ? terms : rows) * size.element_bytes;
  next.apart = apart * size.element_bytes;
  return next;
}

/// What the update of rows x columns elements of C from (row, column) on reads beside their gradients.
template <class T>
PrefetchStreams read_by_update(const UpdateArguments& update, const ProductSize& size, std::int64_t row,
                               std::int64_t rows, std::int64_t column, std::int64_t columns) {
  PrefetchStreams next;
  static_assert(PrefetchStreams::kMostStreams >= 1 + kUpdateSlots);
  const auto add = [&](const void* flat) {
    if (flat == nullptr) return;
    next.streams[next.count++] = static_cast<const T*>(flat) + row * size.n + column;
  };
  add(update.parameters);
  for (const void* slot : update.slots) add(slot);
  next.runs = rows;
  next.bytes = columns * size.element_bytes;
  next.apart = size.n * size.element_bytes;
  return next;
}

}  // namespace lamina::cpu
