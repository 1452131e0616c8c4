// Copies of operands in the order in which tiles read them. Included only by gemm.isa.cpp.
#pragma once

#include "cpu/gemm/tile.isa.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

/// to[j * to_row + i] = from[i * from_row + j] (+ bias[i]) for `rows` x `columns` elements,
/// at most one vector of each. Rows of `to` are padded with +0 to one vector when kPad.
template <class V, bool kPad, class T = typename V::Scalar>
LAMINA_INLINE void transpose_square(std::int64_t rows, std::int64_t columns, const T* from,
                                    std::int64_t from_row, const T* bias, T* to, std::int64_t to_row) {
  V square[V::lanes];
  if (rows == V::lanes && columns == V::lanes) {
#pragma GCC unroll 16
    for (int i = 0; i < V::lanes; ++i) square[i] = V::load(from + i * from_row);
  } else {
#pragma GCC unroll 16
    for (int i = 0; i < V::lanes; ++i) {
      square[i] =
          i < rows ? V::load_partial(from + i * from_row, static_cast<std::size_t>(columns)) : V::splat(T(0));
    }
  }
  transpose(square);
  if (bias != nullptr) {
    const V added = V::load_partial(bias, static_cast<std::size_t>(rows));
#pragma GCC unroll 16
    for (int j = 0; j < V::lanes; ++j) square[j] = square[j] + added;
  }
  if (kPad || rows == V::lanes) {
#pragma GCC unroll 16
    for (int j = 0; j < V::lanes; ++j) {
      if (j < columns) square[j].store(to + j * to_row);
    }
  } else {
#pragma GCC unroll 16
    for (int j = 0; j < V::lanes; ++j) {
      if (j < columns) square[j].store_partial(to + j * to_row, static_cast<std::size_t>(rows));
    }
  }
}

LAMINA_INLINE std::int64_t least(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

template <class T>
void transpose_block(std::int64_t rows, std::int64_t columns, const T* from, std::int64_t from_row,
                     const T* bias, T* to, std::int64_t to_row) {
  using V = typename VectorOf<T>::Type;
  for (std::int64_t j = 0; j < columns; j += V::lanes) {
    for (std::int64_t i = 0; i < rows; i += V::lanes) {
      transpose_square<V, false>(least(rows - i, V::lanes), least(columns - j, V::lanes),
                                 from + i * from_row + j, from_row, bias == nullptr ? nullptr : bias + i,
                                 to + j * to_row + i, to_row);
    }
  }
}

/// One strip: to[l * rows + i] = a[i * a_row + l * a_column]. Writes up to a vector more.
template <class T>
void pack_strip(std::int64_t rows, std::int64_t depth, const T* a, std::int64_t a_row, std::int64_t a_column,
                T* to) {
  using V = typename VectorOf<T>::Type;
  if (a_column == 1 && rows <= V::lanes) {
    // Stores run over into the next row of `to`, which is written after.
    for (std::int64_t l = 0; l < depth; l += V::lanes) {
      transpose_square<V, true>(rows, least(depth - l, V::lanes), a + l, a_row,
                                static_cast<const T*>(nullptr), to + l * rows, rows);
    }
  } else if (a_column == 1) {
    for (std::int64_t l = 0; l < depth; l += V::lanes) {
      for (std::int64_t i = 0; i < rows; i += V::lanes) {
        transpose_square<V, false>(least(rows - i, V::lanes), least(depth - l, V::lanes), a + i * a_row + l,
                                   a_row, static_cast<const T*>(nullptr), to + l * rows + i, rows);
      }
    }
  } else {
    for (std::int64_t l = 0; l < depth; ++l) {
      for (std::int64_t i = 0; i < rows; ++i) to[l * rows + i] = a[i * a_row + l * a_column];
    }
  }
}

/// A whose columns lie side by side: a few columns for all strips, so that each line of A is read once
/// and columns that share a cache set stay until then.
template <class T>
void pack_columns(std::int64_t rows, std::int64_t depth, std::int64_t strips, const T* a,
                  std::int64_t a_column, T* to) {
  using V = typename VectorOf<T>::Type;
  constexpr std::int64_t together = 8;
  for (std::int64_t first = 0; first < depth; first += together) {
    const std::int64_t end = least(first + together, depth);
    for (std::int64_t s = 0; s < strips; ++s) {
      const std::int64_t i = part_begin(rows, strips, s), height = part_begin(rows, strips, s + 1) - i;
      T* const strip = to + i * depth;
      const auto size = static_cast<std::size_t>(height);
      for (std::int64_t l = first; l < end; ++l) {
        V::load_partial(a + l * a_column + i, size).store_partial(strip + l * height, size);
      }
    }
  }
}

template <class T>
void pack_a(std::int64_t rows, std::int64_t depth, std::int64_t strip, const T* a, std::int64_t a_row,
            std::int64_t a_column, T* to) {
  const std::int64_t strips = (rows + strip - 1) / strip;
  if (a_row == 1 && strip <= VectorOf<T>::Type::lanes) {
    return pack_columns(rows, depth, strips, a, a_column, to);
  }
  for (std::int64_t s = 0; s < strips; ++s) {
    const std::int64_t i = part_begin(rows, strips, s), next = part_begin(rows, strips, s + 1);
    pack_strip(next - i, depth, a + i * a_row, a_row, a_column, to + i * depth);
  }
}

/// One panel: to[l * width + j] = b[l * b_row + j * b_column], +0 from j = columns to width.
template <class T>
void pack_panel(std::int64_t depth, std::int64_t columns, std::int64_t width, const T* b, std::int64_t b_row,
                std::int64_t b_column, T* to) {
  using V = typename VectorOf<T>::Type;
  if (b_column == 1) {
    const std::int64_t whole = columns - columns % V::lanes;
    for (std::int64_t l = 0; l < depth; ++l) {
      const T* from = b + l * b_row;
      for (std::int64_t j = 0; j < whole; j += V::lanes) V::load(from + j).store(to + l * width + j);
      if (whole < width) {
        V::load_partial(from + whole, static_cast<std::size_t>(columns - whole))
            .store(to + l * width + whole);
      }
    }
  } else if (b_row == 1) {
    for (std::int64_t j = 0; j < width; j += V::lanes) {
      for (std::int64_t l = 0; l < depth; l += V::lanes) {
        transpose_square<V, true>(least(columns - j, V::lanes), least(depth - l, V::lanes),
                                  b + j * b_column + l, b_column, static_cast<const T*>(nullptr),
                                  to + l * width + j, width);
      }
    }
  } else {
    for (std::int64_t l = 0; l < depth; ++l) {
      for (std::int64_t j = 0; j < columns; ++j) to[l * width + j] = b[l * b_row + j * b_column];
      for (std::int64_t j = columns; j < width; ++j) to[l * width + j] = T(0);
    }
  }
}

template <class T>
void pack_b(std::int64_t depth, std::int64_t columns, std::int64_t panel, const T* b, std::int64_t b_row,
            std::int64_t b_column, T* to) {
  constexpr std::int64_t lanes = VectorOf<T>::Type::lanes;
  const std::int64_t vectors = (columns + lanes - 1) / lanes, panels = (vectors + panel - 1) / panel;
  for (std::int64_t p = 0; p < panels; ++p) {
    const std::int64_t j = part_begin(vectors, panels, p) * lanes;
    const std::int64_t width = part_begin(vectors, panels, p + 1) * lanes - j;
    pack_panel(depth, least(columns - j, width), width, b + j * b_column, b_row, b_column, to + j * depth);
  }
}

}  // namespace
}  // namespace lamina::cpu::LAMINA_ISA
