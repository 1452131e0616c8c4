// Which tiles there are, and which one suits a block. Included only by gemm.isa.cpp.
//
// A tile keeps rows x vectors sums in registers. Two fused multiply-adds can start each
// cycle and one takes about four, so at least eight registers of sums are wanted; beyond
// that, larger tiles load less per multiplication. Shapes never change a result.
#pragma once

#include "cpu/gemm/tile.isa.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

// kMaxVectors[r]: the widest tile of r rows; 0: none that high.
#if LAMINA_ISA_AVX512
constexpr int kMaxVectors[] = {0, 16, 8, 8, 6, 5, 4, 3, 3, 3};  // 32 registers of one vector
constexpr double kNanoseconds = 0.2;                            // a multiply-add of a logical vector
#elif LAMINA_ISA_AVX2
constexpr int kMaxVectors[] = {0, 6, 3, 2, 1, 1, 1};  // 16 registers of half a vector
constexpr double kNanoseconds = 0.3;                  // a multiply-add of a logical vector
#elif LAMINA_ISA_NEON
// 32 registers of a quarter. Six rows would just fit, but not the way compilers order the loads.
constexpr int kMaxVectors[] = {0, 3, 2, 1, 1, 1};
constexpr double kNanoseconds = 0.6;  // a multiply-add of a logical vector
#else
constexpr int kMaxVectors[] = {0, 1, 1, 1, 1};
constexpr double kNanoseconds = 10.0;  // a multiply-add of a logical vector
#endif
constexpr int kMaxRows = static_cast<int>(sizeof kMaxVectors / sizeof kMaxVectors[0]) - 1;
constexpr int kWidest = kMaxVectors[1];

constexpr int largest_tile() {
  int most = 0;
  for (int r = 1; r <= kMaxRows; ++r) most = r * kMaxVectors[r] > most ? r * kMaxVectors[r] : most;
  return most;
}

/// The highest tile of that many vectors.
constexpr std::int64_t strip_of(std::int64_t vectors) {
  std::int64_t strip = kMaxRows;
  while (kMaxVectors[strip] < vectors) --strip;
  return strip;
}

/// Whether tiles so high have time for software prefetches.
constexpr bool can_prefetch(std::int64_t rows) { return rows + 1 >= kMaxRows; }
constexpr bool can_prefetch_by_columns(std::int64_t rows) { return can_prefetch(rows) || rows >= 5; }

template <class T>
struct Tiles {
  using Function = void (*)(const Tile<T>&);
  // [2]: A along its rows, or its columns.
  Function of[2][kMaxRows + 1][kWidest + 1] = {};
  Function packing[kMaxRows + 1][kWidest + 1] = {};
  Function prefetching[2][kMaxRows + 1][kWidest + 1] = {};
};

template <class T, int kRows, int kVectors>
constexpr void add_tiles(Tiles<T>& tiles) {
  if constexpr (kRows <= kMaxRows) {
    if constexpr (kVectors > kMaxVectors[kRows]) {
      add_tiles<T, kRows + 1, 1>(tiles);
    } else {
      using V = typename VectorOf<T>::Type;
      tiles.of[0][kRows][kVectors] = &tile<V, kRows, kVectors, Beside::nothing, Along::rows>;
      tiles.packing[kRows][kVectors] = &tile<V, kRows, kVectors, Beside::pack, Along::rows>;
      tiles.of[1][kRows][kVectors] = tiles.of[0][kRows][kVectors];
      for (auto& prefetching : tiles.prefetching) prefetching[kRows][kVectors] = tiles.of[0][kRows][kVectors];
      if constexpr (can_prefetch(kRows)) {
        tiles.prefetching[0][kRows][kVectors] = &tile<V, kRows, kVectors, Beside::prefetch, Along::rows>;
      }
      if constexpr (can_prefetch_by_columns(kRows)) {
        tiles.of[1][kRows][kVectors] = &tile<V, kRows, kVectors, Beside::nothing, Along::columns>;
        tiles.prefetching[1][kRows][kVectors] = &tile<V, kRows, kVectors, Beside::prefetch, Along::columns>;
      }
      add_tiles<T, kRows, kVectors + 1>(tiles);
    }
  }
}

template <class T>
constexpr Tiles<T> make_tiles() {
  Tiles<T> tiles;
  add_tiles<T, 1, 1>(tiles);
  return tiles;
}

template <class T>
GemmShape shape(std::int64_t rows, std::int64_t columns) {
  const std::int64_t vectors = (columns - 1) / VectorOf<T>::Type::lanes + 1;
  const std::int64_t strip = rows < kMaxRows ? rows : kMaxRows;
  const std::int64_t panel = kMaxVectors[strip];
  // A panel a little wider, with lower strips, rather than narrow ones: loads per multiplication. Among
  // many panels a narrow one does not count, and the highest strips come closest to the peak.
  constexpr std::int64_t few = 40;
  if (strip >= 4 && vectors > panel && vectors % panel == 1 && panel < kWidest &&
      (vectors == panel + 1 || (strip_of(panel + 1) > 4 && vectors <= few))) {
    const std::int64_t lower = strip_of(panel + 1);
    return {lower, panel + 1, can_prefetch(lower), can_prefetch_by_columns(lower)};
  }
  return {strip, panel, can_prefetch(strip), can_prefetch_by_columns(strip)};
}

}  // namespace
}  // namespace lamina::cpu::LAMINA_ISA
