// The kernels of this room that are compiled once per instruction set: one block of a
// matrix product, and the copies that bring operands into an order it reads fast.
//
// Order of evaluation, whatever the block, the tile or the instruction set: an element of
// C is the sum over l = 0, 1, ... depth - 1 of A[i,l] * B[l,j], cut into chunks of `chunk`
// terms. Within a chunk: sum = +0, then sum = fma(A[i,l], B[l,j], sum) for each l in turn.
// The chunks' sums are joined by the binary tree of numerics/order.h. The bias is added
// last, once. All lanes of a vector are elements of C, so no sum ever crosses lanes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lamina::cpu {

/// The tile of the micro-kernel (MR x NR in the literature): a block is cut into strips of at most `strip` =
/// MR rows and panels of at most `panel` vectors, NR columns. Both are cut evenly (see part_begin); what
/// remains of the last vector is padding.
struct GemmShape {
  std::int64_t strip;
  std::int64_t panel;
  // Whether its tiles issue software prefetches (GemmBlock::prefetch): always, or if they read A by
  // columns that lie side by side.
  bool can_prefetch, can_prefetch_by_columns;
};

/// Piece `part` of `parts` of 0..total, the longer ones first.
constexpr std::int64_t part_begin(std::int64_t total, std::int64_t parts, std::int64_t part) {
  if (parts == 1) return part * total;  // divisions take longer than a small product
  const std::int64_t each = total / parts, longer = total % parts;
  return part * each + (part < longer ? part : longer);
}

/// What is read next and is in no near cache: of each stream `runs` runs of `bytes` bytes, one `apart` bytes
/// after the other.
struct PrefetchStreams {
  static constexpr int kMostStreams = 4;
  const void* streams[kMostStreams];
  int count = 0;  ///< of streams
  std::int64_t runs, bytes, apart;

  bool together() const { return bytes == apart; }
};

/// rows x columns elements of C over the piece [begin, end) of the depth. Pieces of one
/// block come in order; the last one, with end == depth, stores C.
template <class T>
struct GemmBlock {
  std::int64_t rows, columns;  // both at least 1
  GemmShape shape;
  std::int64_t begin, end, depth, chunk;  // begin < end <= depth
  std::int64_t chunk_index;               // begin / chunk

  // A's element (0, begin). Packed: strip after strip, each with its column for l
  // together (a_row and a_column are not used).
  const T* a;
  std::int64_t a_row, a_column;
  bool a_packed;

  // B's element (begin, 0); its columns lie side by side. Packed: panel after panel, each
  // with its row for l together, padded to whole vectors. Otherwise nothing at or behind
  // b_end is read.
  const T* b;
  std::int64_t b_row;
  const T* b_end;
  bool b_packed;
  T* pack_b_to;  // if B is not packed: receives it packed, on the way; or null
  // Tiles that can prefetch the panel of B after theirs, if it is in no cache and is stored as B is; behind
  // the last one comes the one at b_behind, unless that is null.
  bool prefetch_b;
  const T* b_behind;

  T* c;
  std::int64_t c_row;
  const T* bias;  // [columns], or null

  PrefetchStreams prefetch;  // by tiles that can (GemmShape::can_prefetch)

  // Partial sums: a tile of r rows and v vectors takes r * v * lanes * slots
  // numbers: slot 0 a chunk cut short by the end of a piece, slot 1 + i level i of the
  // binary counter. Tiles have places of their own when there are several pieces.
  T* partials;
  std::int64_t slots;
  bool several_pieces;
};

template <class T>
struct GemmFunctions {
  std::int64_t lanes;
  std::int64_t largest_tile;  ///< elements of the largest tile
  double nanoseconds;         ///< one fused multiply-add of `lanes` lanes, about: for cost estimates
  /// The shape that is best for a block.
  GemmShape (*shape)(std::int64_t rows, std::int64_t columns);
  void (*multiply)(const GemmBlock<T>& block);
  /// Packs rows x depth elements of A (any strides) into strips: rows * depth numbers and
  /// one vector that may be overwritten.
  void (*pack_a)(std::int64_t rows, std::int64_t depth, std::int64_t strip, const T* a, std::int64_t a_row,
                 std::int64_t a_column, T* to);
  /// Packs depth x columns elements of B (any strides) into panels, the last vector padded
  /// with +0: depth * (columns rounded up to whole vectors) numbers.
  void (*pack_b)(std::int64_t depth, std::int64_t columns, std::int64_t panel, const T* b, std::int64_t b_row,
                 std::int64_t b_column, T* to);
  /// to[j,i] = from[i,j] (+ bias[i] if there is one) for rows x columns elements of `from`.
  void (*transpose)(std::int64_t rows, std::int64_t columns, const T* from, std::int64_t from_row,
                    const T* bias, T* to, std::int64_t to_row);
};

/// Plain pointers; one table per instruction set, defined in gemm.isa.cpp.
struct GemmKernels {
  GemmFunctions<float> f32;
  GemmFunctions<double> f64;
};

}  // namespace lamina::cpu
