// Reductions over axes. The order of a sum's additions (docs/numerics.md, section 7) follows from
// the axes alone, never from how the tensor lies in memory: along a row where the last axis is
// among the reduced ones, which then count as one axis in row-major order; down a column otherwise.
#pragma once

#include <optional>
#include <string_view>

#include "core/tensor.h"
#include "device/array_kinds.h"
#include "ops/broadcast.h"

namespace lamina::ops {

Tensor reduce(ReduceKind kind, std::string_view where, const Tensor& x, const Axes& axes, bool keepdims);

/// Integers and bool are added and multiplied in int64.
Tensor sum(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
Tensor prod(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
/// NaN where there is one. ValueError for a maximum of nothing.
Tensor max(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
Tensor min(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
/// int64 positions; of all elements in row-major order without an axis. The first of equals; NaN
/// counts as the extreme.
Tensor argmax(const Tensor& x, std::optional<std::int64_t> axis = {}, bool keepdims = false);
Tensor argmin(const Tensor& x, std::optional<std::int64_t> axis = {}, bool keepdims = false);
/// The sum divided by the number of elements; integers in the default floating type.
Tensor mean(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
/// The sum of the squares of x - mean, divided by the number of elements less `correction`.
Tensor var(const Tensor& x, const Axes& axes = {}, bool keepdims = false, double correction = 0.0);
Tensor std(const Tensor& x, const Axes& axes = {}, bool keepdims = false, double correction = 0.0);
Tensor any(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
Tensor all(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
Tensor count_nonzero(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
/// log of the sum of exp, the maximum taken out first.
Tensor logsumexp(const Tensor& x, const Axes& axes = {}, bool keepdims = false);

/// The sum over the axes that broadcasting added or stretched: x as `shape`, which broadcasts to it.
Tensor sum_to(const Tensor& x, const ArrayShape& shape);

/// The number of elements that go into each result.
std::int64_t reduced_count(std::string_view where, const Tensor& x, const Axes& axes);

}  // namespace lamina::ops
