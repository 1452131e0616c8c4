// The micro-kernel: one tile of C in registers. Included only by gemm.isa.cpp.
#pragma once

#include "cpu/gemm/kernels.h"
#include "cpu/vec/vec.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

template <class T>
struct VectorOf;
template <>
struct VectorOf<float> {
  using Type = F32;
};
template <>
struct VectorOf<double> {
  using Type = F64;
};

/// What a tile prefetches while it multiplies: the address at the first step, and how many bytes further it
/// goes after each step and each chunk. A number and no pointer, as it may run past the end of A.
struct Prefetch {
  std::uintptr_t place;
  std::int64_t step, chunk;
};

template <class T>
struct Tile {
  const T* a;  // element (0, begin) of the tile's rows
  std::int64_t a_row, a_column;
  std::int64_t columns_ahead;  // elements from a column of A to the one prefetched with it
  const T* b;                  // element (begin, 0) of the tile's columns, readable in whole vectors
  std::int64_t b_row;
  T* packed;
  std::int64_t begin, end, depth, chunk;
  std::int64_t chunk_index;  // begin / chunk
  T* partials;
  T* c;
  std::int64_t c_row;
  const T* bias;
  std::size_t last;   // lanes of the last vector that are columns of C
  Prefetch prefetch;  // for tiles that do
};

/// How many rows of B ahead, and columns of A: of a packed one many share a line.
constexpr std::int64_t kAhead = 12, kColumnsAhead = 8, kPackedColumnsAhead = 28;
LAMINA_INLINE void prefetch(const void* p) {
#if defined(__GNUC__)
  __builtin_prefetch(p);
#else
  (void)p;
#endif
}
/// Into the L2 cache only.
LAMINA_INLINE void prefetch_far(const void* p) {
#if defined(__GNUC__)
  __builtin_prefetch(p, 0, 2);
#else
  (void)p;
#endif
}

/// Where row r of A is: every third row has a pointer, and one stride serves the rows between.
template <class T, int kRows>
struct RowPointers {
  static constexpr int kPointers = (kRows + 2) / 3;
  const T* p[kPointers];
  std::int64_t row;

  LAMINA_INLINE RowPointers(const T* a, std::int64_t a_row) : row(a_row) {
#pragma GCC unroll 8
    for (int i = 0; i < kPointers; ++i) p[i] = a + 3 * i * a_row;
  }
  LAMINA_INLINE T at(int r) const { return p[r / 3][(r % 3) * row]; }
  LAMINA_INLINE void advance(std::int64_t a_column) {
#pragma GCC unroll 8
    for (int i = 0; i < kPointers; ++i) p[i] += a_column;
  }
};

/// kRows rows by kVectors vectors of C: fma(A, B, sum) along the depth, chunk after chunk.
/// Beside that, `kBeside`:
/// pack: writes the vectors of B that it reads one behind the other to `packed`, for the tiles below; it
///     reads rows of B that lie apart, so it prefetches them.
/// prefetch: prefetches what will be read next, a line at most each step.
enum class Beside { nothing, pack, prefetch };
/// How A lies. Its columns are short runs, which no hardware prefetcher follows in time: the
/// highest tiles prefetch them.
enum class Along { rows, columns };
template <class V, int kRows, int kVectors, Beside kBeside, Along kAlong>
void tile(const Tile<typename V::Scalar>& t) {
  using T = typename V::Scalar;
  constexpr int kSlot = kRows * kVectors * V::lanes;
  V sum[kRows][kVectors];
  RowPointers<T, kRows> a(t.a, t.a_row);
  const T* b = t.b;
  [[maybe_unused]] T* packed = t.packed;
  const std::int64_t a_column = t.a_column, b_row = t.b_row;
  [[maybe_unused]] const std::int64_t columns_ahead = t.columns_ahead;
  std::int64_t index = t.chunk_index;
  [[maybe_unused]] std::uintptr_t next_line = t.prefetch.place;
  [[maybe_unused]] const auto line_step = static_cast<std::uintptr_t>(t.prefetch.step);

  std::int64_t l = t.begin;
  do {
    const std::int64_t chunk_end = (index + 1) * t.chunk;
    const std::int64_t stop = chunk_end < t.end ? chunk_end : t.end;
    if (l == index * t.chunk) {
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v) sum[r][v] = V::splat(T(0));
      }
    } else {
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v) sum[r][v] = V::load(t.partials + (r * kVectors + v) * V::lanes);
      }
    }

    std::int64_t steps = stop - l;
    l = stop;
    do {
      if constexpr (kBeside == Beside::pack) {
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v) {
          prefetch(b + kAhead * b_row + v * V::lanes);
          V::load(b + v * V::lanes).store(packed + v * V::lanes);
        }
        packed += kVectors * V::lanes;
      } else if constexpr (kRows >= 4) {
        // A panel is longer than the L1 cache; smaller tiles have no time to spare for this.
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v) prefetch(b + kAhead * b_row + v * V::lanes);
      }
      if constexpr (kAlong == Along::columns) prefetch(a.p[0] + columns_ahead);
      if constexpr (kRows <= kVectors) {
        V av[kRows];
#pragma GCC unroll 16
        for (int r = 0; r < kRows; ++r) av[r] = V::splat(a.at(r));
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v) {
          const V bv = V::load(b + v * V::lanes);
#pragma GCC unroll 16
          for (int r = 0; r < kRows; ++r) sum[r][v] = fma(av[r], bv, sum[r][v]);
        }
      } else {
        V bv[kVectors];
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v) bv[v] = V::load(b + v * V::lanes);
#pragma GCC unroll 16
        for (int r = 0; r < kRows; ++r) {
          const V av = V::splat(a.at(r));
#pragma GCC unroll 16
          for (int v = 0; v < kVectors; ++v) sum[r][v] = fma(av, bv[v], sum[r][v]);
        }
      }
      if constexpr (kBeside == Beside::prefetch) {
        prefetch_far(reinterpret_cast<const void*>(next_line));
        next_line += line_step;
      }
      a.advance(a_column);
      b += b_row;
    } while (--steps > 0);
    if constexpr (kBeside == Beside::prefetch) next_line += static_cast<std::uintptr_t>(t.prefetch.chunk);

    // A chunk has ended, or else the piece. Level i of the binary counter holds the sum of
    // 2^i chunks when bit i of the chunk's index is set.
    const bool done = stop == t.depth;
    T* to = t.partials;
    if (done || stop == chunk_end) {
      std::int64_t levels = index;
      T* level = t.partials + kSlot;
      for (; done ? levels != 0 : (levels & 1) != 0; levels >>= 1, level += kSlot) {
        if ((levels & 1) == 0) continue;
#pragma GCC unroll 16
        for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
          for (int v = 0; v < kVectors; ++v) {
            sum[r][v] = V::load(level + (r * kVectors + v) * V::lanes) + sum[r][v];
          }
        }
      }
      to = level;
    }
    if (!done) {
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v) sum[r][v].store(to + (r * kVectors + v) * V::lanes);
      }
    }
    ++index;
  } while (l < t.end);

  if (t.end != t.depth) return;
  if (t.bias != nullptr) {
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) {
      const V bias = v + 1 < kVectors || t.last == std::size_t(V::lanes)
                         ? V::load(t.bias + v * V::lanes)
                         : V::load_partial(t.bias + v * V::lanes, t.last);
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) sum[r][v] = sum[r][v] + bias;
    }
  }
  T* c = t.c;
  const bool whole = t.last == std::size_t(V::lanes);
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r, c += t.c_row) {
#pragma GCC unroll 16
    for (int v = 0; v + 1 < kVectors; ++v) sum[r][v].store(c + v * V::lanes);
    if (whole) {
      sum[r][kVectors - 1].store(c + (kVectors - 1) * V::lanes);
    } else {
      sum[r][kVectors - 1].store_partial(c + (kVectors - 1) * V::lanes, t.last);
    }
  }
}

}  // namespace
}  // namespace lamina::cpu::LAMINA_ISA
