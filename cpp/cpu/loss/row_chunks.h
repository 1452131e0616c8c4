// Sums over the rows of a batch in the order of the contract, and pointers into its arrays. Losses and
// metrics share them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/threads.h"
#include "numerics/chunk_tree.h"
#include "numerics/order.h"

namespace lamina::cpu {

/// The sum over chunks of rows of chunk_sum(first row, rows), in the tree of order.h.
/// `cost`: the nanoseconds that a row takes.
template <class ChunkSum>
double sum_over_chunks(std::int64_t rows, double cost, const ChunkSum& chunk_sum) {
  using numerics::kRowChunk;
  const std::int64_t chunks = (rows + kRowChunk - 1) / kRowChunk;
  const auto sum_of = [&](std::int64_t chunk) {
    const std::int64_t first = chunk * kRowChunk;
    return chunk_sum(first, std::min(kRowChunk, rows - first));
  };
  numerics::BinaryCounter<double> tree;
  const int threads = threads::worthwhile(cost * static_cast<double>(rows), chunks);
  if (threads <= 1) {
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) tree.push(sum_of(chunk));
    return tree.total(0.0);
  }
  thread_local std::vector<double> kept;
  kept.resize(static_cast<std::size_t>(chunks));
  double* partials = kept.data();  // the workers' own `kept` is another one
  // Each task takes several neighbouring chunks, four tasks a thread.
  const std::int64_t grain = std::max<std::int64_t>(1, chunks / (4 * threads));
  threads::parallel_for((chunks + grain - 1) / grain,
                        [&](std::int64_t task) {
                          const std::int64_t end = std::min(chunks, (task + 1) * grain);
                          for (std::int64_t chunk = task * grain; chunk < end; ++chunk)
                            partials[chunk] = sum_of(chunk);
                        },
                        threads);
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) tree.push(partials[chunk]);
  return tree.total(0.0);
}

template <class T>
T* rows_from(void* base, std::int64_t first, std::int64_t columns) {
  return base == nullptr ? nullptr : static_cast<T*>(base) + first * columns;
}
template <class T>
const T* rows_from(const void* base, std::int64_t first, std::int64_t columns) {
  return base == nullptr ? nullptr : static_cast<const T*>(base) + first * columns;
}

}  // namespace lamina::cpu
