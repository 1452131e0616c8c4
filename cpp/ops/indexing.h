// Elements by their positions. Negative positions count from the end; what lies outside is an
// IndexError (IndexOutOfRange).
#pragma once

#include <vector>

#include "core/error.h"
#include "core/tensor.h"
#include "device/array.h"

namespace lamina::ops {

/// A position outside of an axis (Python: IndexError).
struct IndexOutOfRange : ValueError {
  using ValueError::ValueError;
};

/// What basic indexing says, axis by axis of x: one position (the axis goes), a slice of `length`
/// elements, or a new axis of extent 1. Positions are not negative and inside.
struct IndexItem {
  enum class Kind : std::uint8_t { position, slice, new_axis };
  Kind kind = Kind::slice;
  std::int64_t start = 0, step = 1, length = 1;
};
using IndexItems = std::vector<IndexItem>;

/// The view that the items describe; they name every axis of x in turn.
Tensor slice(const Tensor& x, const IndexItems& items);
/// Zeros of `shape` with `updates` where slice reads: its gradient.
Tensor slice_backward(const Tensor& updates, const IndexItems& items, const ArrayShape& shape);
/// A copy of x with `updates` (broadcast) where slice reads.
Tensor slice_update(const Tensor& x, const IndexItems& items, const Tensor& updates);

/// Integer tensors that stand for axes first, first + 1, ... of x: their broadcast shape takes these
/// axes' place.
struct Positions {
  int first = 0;
  std::vector<Tensor> indices;
};

/// x[..., indices, ...].
Tensor gather(const Tensor& x, const Positions& positions);
/// A copy of x in which the elements that gather would give are set to those of `updates` (broadcast),
/// or joined with them, one after the other in the positions' row-major order.
Tensor scatter(const Tensor& x, const Positions& positions, const Tensor& updates, ScatterKind kind);

/// The entries of x at `indices` along `axis`.
Tensor take(const Tensor& x, const Tensor& indices, std::int64_t axis);
/// Zeros of `shape` with the blocks of `updates` added at `indices` along `axis`: take's gradient.
Tensor take_backward(const Tensor& updates, const Tensor& indices, std::int64_t axis,
                     const ArrayShape& shape);
/// Element (i, ..) is x's at position indices[i, ..] along `axis`; the other axes broadcast.
Tensor take_along_axis(const Tensor& x, const Tensor& indices, std::int64_t axis);
/// Zeros of `shape` with `updates` added where take_along_axis reads: its gradient.
Tensor take_along_axis_backward(const Tensor& updates, const Tensor& indices, std::int64_t axis,
                                const ArrayShape& shape);
/// The positions of the elements that are not 0, row-major: one int64 tensor for each axis.
std::vector<Tensor> nonzero(const Tensor& x);

/// 1 where the class is the position along a new last axis; nothing but 0 for classes outside.
Tensor one_hot(const Tensor& classes, std::int64_t count, ElementType type);

/// Running sums and products along `axis`, one chain from the first element. Integers in int64.
Tensor cumsum(const Tensor& x, std::int64_t axis);
Tensor cumprod(const Tensor& x, std::int64_t axis);

/// Stable orders along `axis`; NaN counts as the largest.
Tensor argsort(const Tensor& x, std::int64_t axis, bool descending);
Tensor sort(const Tensor& x, std::int64_t axis, bool descending);
/// How many elements of the sorted vector lie before each value (right: or are equal to it); int64.
Tensor searchsorted(const Tensor& sorted, const Tensor& values, bool right);

}  // namespace lamina::ops
