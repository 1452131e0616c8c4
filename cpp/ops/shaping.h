// The same elements in another shape or order. What strides can say is a view; the rest copies.
#pragma once

#include <vector>

#include "core/tensor.h"
#include "ops/broadcast.h"

namespace lamina::ops {

/// The elements in row-major order under another shape, of which one extent may be -1. A view where
/// strides can say it.
Tensor reshape(const Tensor& x, const ArrayShape& shape);
/// Axis i of the result is axis order[i] of x. A view.
Tensor transpose(const Tensor& x, const ArrayShape& order);
/// All axes reversed. A view.
Tensor transpose(const Tensor& x);
Tensor swapaxes(const Tensor& x, std::int64_t axis1, std::int64_t axis2);
/// Leaves out axes of extent 1: those given (ValueError for any other extent), or all. A view.
Tensor squeeze(const Tensor& x, const Axes& axes = {}, bool all = true);
/// New axes of extent 1 at these places of the result. A view.
Tensor expand_dims(const Tensor& x, const ArrayShape& axes);
/// A view whose broadcast axes have a stride of 0.
Tensor broadcast_to(const Tensor& x, const ArrayShape& shape);
/// A view with these axes reversed (all of them where none are given).
Tensor flip(const Tensor& x, const Axes& axes);

/// One after the other along `axis`, of the promoted type.
Tensor concatenate(const std::vector<Tensor>& xs, std::int64_t axis);
/// Elements in order, each `repeats` times, along `axis`.
Tensor repeat(const Tensor& x, std::int64_t repeats, std::int64_t axis);
/// x surrounded by `value` (a tensor without axes): before[i] and after[i] elements along axis i.
Tensor pad(const Tensor& x, const ArrayShape& before, const ArrayShape& after, const Tensor& value);
/// Zero above (below) diagonal k of the last two axes.
Tensor tril(const Tensor& x, std::int64_t k);
Tensor triu(const Tensor& x, std::int64_t k);

/// Copies `x`, broadcast, into the elements of `target`, a view: for functions that build results
/// and for Variables. Raises the storage's version.
void assign(const Tensor& target, const Tensor& x);

}  // namespace lamina::ops
