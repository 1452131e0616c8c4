// How the elements of strided, broadcast operands are brought to kernels that know only
// contiguous ranges and single elements. Results are always row-major, so their elements are
// computed in order, cut into pieces for threads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/tensor.h"
#include "core/threads.h"
#include "device/array.h"

namespace lamina::cpu {

/// The axes of N operands with the shape of the result: axes of extent 1 left out, axes that
/// lie behind each other in every operand made one.
template <int N>
struct Loop {
  int rank = 0;
  std::int64_t shape[kMaximumRank];
  std::int64_t strides[N][kMaximumRank];
  std::int64_t size = 1;

  Loop(int full_rank, const std::int64_t* full_shape, const ArrayOperand* const (&operands)[N]) {
    for (int axis = 0; axis < full_rank; ++axis) {
      const std::int64_t extent = full_shape[axis];
      size *= extent;
      if (extent == 1) continue;
      bool merge = rank > 0;
      for (int k = 0; merge && k < N; ++k) {
        merge = strides[k][rank - 1] == operands[k]->strides[axis] * extent;
      }
      if (merge) {
        shape[rank - 1] *= extent;
      } else {
        shape[rank++] = extent;
      }
      for (int k = 0; k < N; ++k) strides[k][rank - 1] = operands[k]->strides[axis];
    }
  }

  std::int64_t inner() const { return rank == 0 ? 1 : shape[rank - 1]; }
  std::int64_t inner_stride(int k) const { return rank == 0 ? 0 : strides[k][rank - 1]; }
  /// Every operand steps by 0 or 1 along the last axis.
  bool plain_inner() const {
    for (int k = 0; k < N; ++k) {
      if (inner_stride(k) != 0 && inner_stride(k) != 1) return false;
    }
    return true;
  }
  bool row_major(int k) const {
    std::int64_t step = 1;
    for (int axis = rank - 1; axis >= 0; --axis) {
      if (strides[k][axis] != step) return false;
      step *= shape[axis];
    }
    return true;
  }
  bool constant(int k) const {
    for (int axis = 0; axis < rank; ++axis) {
      if (strides[k][axis] != 0) return false;
    }
    return true;
  }
  /// Where element `index` (row-major) of operand k is.
  std::int64_t place(int k, std::int64_t index) const {
    std::int64_t at = 0;
    for (int axis = rank - 1; axis >= 0; --axis) {
      at += index % shape[axis] * strides[k][axis];
      index /= shape[axis];
    }
    return at;
  }
};

namespace detail {

template <class Word>
void gather_words(const std::int64_t* shape, const std::int64_t* strides, int rank, const Word* from,
                  std::int64_t begin, std::int64_t count, Word* to) {
  std::int64_t index[kMaximumRank];
  std::int64_t at = 0, rest = begin;
  for (int axis = rank - 1; axis >= 0; --axis) {
    index[axis] = rest % shape[axis];
    rest /= shape[axis];
    at += index[axis] * strides[axis];
  }
  const int last = rank - 1;
  const std::int64_t step = strides[last];
  while (count > 0) {
    const std::int64_t run = std::min(count, shape[last] - index[last]);
    const Word* const source = from + at;
    if (step == 1) {
      std::memcpy(to, source, static_cast<std::size_t>(run) * sizeof(Word));
    } else if (step == 0) {
      std::fill_n(to, run, *source);
    } else {
      for (std::int64_t i = 0; i < run; ++i) to[i] = source[i * step];
    }
    to += run;
    count -= run;
    at -= index[last] * step;
    index[last] = 0;
    for (int axis = last - 1; axis >= 0; --axis) {
      at += strides[axis];
      if (++index[axis] < shape[axis]) break;
      at -= shape[axis] * strides[axis];
      index[axis] = 0;
    }
  }
}

/// Elements begin..begin+count-1, in row-major order, of an operand of `bytes` an element.
inline void gather_range(const std::int64_t* shape, const std::int64_t* strides, int rank, std::size_t bytes,
                         const void* from, std::int64_t begin, std::int64_t count, void* to) {
  switch (bytes) {
    case 1:
      return gather_words(shape, strides, rank, static_cast<const std::uint8_t*>(from), begin, count,
                          static_cast<std::uint8_t*>(to));
    case 4:
      return gather_words(shape, strides, rank, static_cast<const std::uint32_t*>(from), begin, count,
                          static_cast<std::uint32_t*>(to));
    default:
      return gather_words(shape, strides, rank, static_cast<const std::uint64_t*>(from), begin, count,
                          static_cast<std::uint64_t*>(to));
  }
}

}  // namespace detail

// How the work is cut; none of these decides about bits.
inline constexpr std::int64_t kPieceElements = 16384;
inline constexpr std::int64_t kBlockElements = 1024;
inline constexpr std::int64_t kLongRow = 48;

/// Calls kernel(count, pointers, steps, out) until the result is complete. `bytes` are those of an
/// element of each operand; `cost` is about the nanoseconds that one element takes.
template <int N, class Kernel>
void for_each_range(const Loop<N>& loop, const void* const (&data)[N], const std::size_t (&bytes)[N],
                    void* out, std::size_t out_bytes, double cost, const Kernel& kernel) {
  const std::int64_t size = loop.size;
  if (size == 0) return;
  auto* const to = static_cast<std::byte*>(out);
  const auto at = [&](int k, std::int64_t place) {
    return static_cast<const std::byte*>(data[k]) + place * static_cast<std::int64_t>(bytes[k]);
  };
  const bool plain = loop.plain_inner();

  if (plain && loop.rank <= 1) {  // one range
    std::int64_t steps[N];
    for (int k = 0; k < N; ++k) steps[k] = loop.inner_stride(k);
    const auto piece = [&](std::int64_t begin, std::int64_t count) {
      const void* pointers[N];
      for (int k = 0; k < N; ++k) pointers[k] = at(k, begin * steps[k]);
      kernel(count, pointers, steps, to + begin * static_cast<std::int64_t>(out_bytes));
    };
    const std::int64_t pieces = (size + kPieceElements - 1) / kPieceElements;
    const int threads = pieces <= 1 ? 1 : threads::worthwhile(cost * static_cast<double>(size), pieces);
    if (threads <= 1) return piece(0, size);
    threads::parallel_for(
        pieces,
        [&](std::int64_t i) {
          piece(i * kPieceElements, std::min(kPieceElements, size - i * kPieceElements));
        },
        threads);
    return;
  }

  // Pieces of the result, in order; each walks whole rows where they are long enough, else it brings
  // what is not in order into a block.
  const bool rows = plain && loop.inner() >= kLongRow;
  bool direct[N], same[N];
  for (int k = 0; k < N; ++k) {
    direct[k] = loop.row_major(k);
    same[k] = loop.constant(k);
  }
  const auto piece = [&](std::int64_t begin, std::int64_t end) {
    const void* pointers[N];
    std::int64_t steps[N];
    if (rows) {
      const std::int64_t inner = loop.inner();
      for (std::int64_t i = begin; i < end;) {
        const std::int64_t count = std::min(end - i, inner - i % inner);
        for (int k = 0; k < N; ++k) {
          pointers[k] = at(k, loop.place(k, i));
          steps[k] = loop.inner_stride(k);
        }
        kernel(count, pointers, steps, to + i * static_cast<std::int64_t>(out_bytes));
        i += count;
      }
      return;
    }
    alignas(64) std::uint64_t block[N][kBlockElements];
    for (std::int64_t i = begin; i < end; i += kBlockElements) {
      const std::int64_t count = std::min(kBlockElements, end - i);
      for (int k = 0; k < N; ++k) {
        steps[k] = same[k] ? 0 : 1;
        if (same[k]) {
          pointers[k] = data[k];
        } else if (direct[k]) {
          pointers[k] = at(k, i);
        } else {
          detail::gather_range(loop.shape, loop.strides[k], loop.rank, bytes[k], data[k], i, count, block[k]);
          pointers[k] = block[k];
        }
      }
      kernel(count, pointers, steps, to + i * static_cast<std::int64_t>(out_bytes));
    }
  };
  const std::int64_t pieces = (size + kPieceElements - 1) / kPieceElements;
  const int threads = pieces <= 1 ? 1 : threads::worthwhile((cost + 1.0) * static_cast<double>(size), pieces);
  if (threads <= 1) return piece(0, size);
  threads::parallel_for(
      pieces, [&](std::int64_t i) { piece(i * kPieceElements, std::min(size, (i + 1) * kPieceElements)); },
      threads);
}

}  // namespace lamina::cpu
