// How a product is cut into tasks, blocks and pieces. A plan decides speed only: every
// plan gives the same bits.
#pragma once

#include <cstdint>

#include "cpu/gemm/kernels.h"

namespace lamina::cpu {

/// Sizes and strides of a product (see GemmArguments), in elements.
struct ProductSize {
  std::int64_t m = 0, n = 0, k = 0;
  std::int64_t a_row = 0, a_column = 0, b_row = 0, b_column = 0, c_row = 0;
  std::int64_t chunk = 0;
  std::int64_t element_bytes = 0;
  bool consumed = false;  ///< blocks of C are used at once and not stored

  bool operator==(const ProductSize&) const = default;
};

/// What a plan has to know of the kernels.
struct KernelTraits {
  std::int64_t lanes = 0;
  double nanoseconds = 0.0;  ///< one fused multiply-add of a logical vector, about
  GemmShape (*shape)(std::int64_t rows, std::int64_t columns) = nullptr;
};

struct Plan {
  /// The product that is computed: the given one or, if `swapped`, C^T = B^T A^T.
  ProductSize size;
  bool swapped = false;
  bool pack_a = false, pack_b = false;
  bool prefetch_block_a = false;        ///< into L2, before it is read
  bool prefetch_a = false;              ///< by the tiles of the block before, but for the first block
  bool prefetch_b = false;              ///< panel by panel, by the tiles of the one before
  bool prefetch_update = false;         ///< of what the update of a tile's block reads
  bool pack_b_first = false;            ///< before it is used, not while its first rows are multiplied
  bool keep_a = false, keep_b = false;  ///< packed once for all blocks of a task, not for each
  bool share_b = false;                 ///< packed once for all tasks of the same columns that a thread takes
  GemmShape shape{1, 1, false, false};
  std::int64_t rows = 0, columns = 0, depth = 0;  ///< of a block and of a piece of its depth: MC, NC, KC
  std::int64_t row_tasks = 1, column_tasks = 1;
  std::int64_t depth_tasks = 1, depth_per_task = 0;  ///< a power of two of chunks each
  std::int64_t slots = 1;                            ///< of partial sums, for one element of C
  int threads = 1;
  bool lasts = true;  ///< whether it would be made again so, whatever other threads are doing
};

Plan make_plan(const ProductSize& size, const KernelTraits& kernels, bool may_use_threads);

}  // namespace lamina::cpu
