// The differentiable functions: each calls its namesake of ops/ and, when a tape wants it, records the call
// with its rule. Where no tape records they cost one look at a thread-local pointer more. Arguments and
// errors are those of ops/.
#pragma once

#include <vector>

#include "core/tensor.h"
#include "device/kinds.h"
#include "ops/ops.h"

namespace lamina::autograd {

// What has no rule here is the function of ops/, a constant to every tape.
using namespace ops;  // NOLINT

// Element by element: autograd/rules.def.
#define UNARY(function, formula) Tensor function(const Tensor& x);
#define BINARY(function, formula_a, formula_b) Tensor function(const Tensor& a, const Tensor& b);
#include "autograd/rules.def"
#undef UNARY
#undef BINARY

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
/// minimum(maximum(x, low), high) with numbers as bounds.
Tensor clip(const Tensor& x, double low, double high);
Tensor cast(const Tensor& x, ElementType type);
Tensor contiguous(const Tensor& x);
Tensor copy(const Tensor& x);

// Reductions: functions/reductions.cpp.
Tensor sum(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
Tensor prod(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
Tensor max(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
Tensor min(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
Tensor mean(const Tensor& x, const Axes& axes = {}, bool keepdims = false);
Tensor var(const Tensor& x, const Axes& axes = {}, bool keepdims = false, double correction = 0.0);
Tensor std(const Tensor& x, const Axes& axes = {}, bool keepdims = false, double correction = 0.0);
Tensor logsumexp(const Tensor& x, const Axes& axes = {}, bool keepdims = false);

// Shapes: functions/shaping.cpp.
Tensor reshape(const Tensor& x, const ArrayShape& shape);
Tensor transpose(const Tensor& x, const ArrayShape& order);
Tensor transpose(const Tensor& x);
Tensor swapaxes(const Tensor& x, std::int64_t axis1, std::int64_t axis2);
Tensor squeeze(const Tensor& x, const Axes& axes = {}, bool all = true);
Tensor expand_dims(const Tensor& x, const ArrayShape& axes);
Tensor broadcast_to(const Tensor& x, const ArrayShape& shape);
Tensor sum_to(const Tensor& x, const ArrayShape& shape);
Tensor flip(const Tensor& x, const Axes& axes);
Tensor concatenate(const std::vector<Tensor>& xs, std::int64_t axis);
Tensor stack(const std::vector<Tensor>& xs, std::int64_t axis);
Tensor repeat(const Tensor& x, std::int64_t repeats, std::int64_t axis);
Tensor pad(const Tensor& x, const ArrayShape& before, const ArrayShape& after, const Tensor& value);
Tensor tril(const Tensor& x, std::int64_t k);
Tensor triu(const Tensor& x, std::int64_t k);
/// The elements at `strides` from `offset` of x in row-major order: what indexing by slices gives. No element
/// may occur twice.
Tensor take_view(const Tensor& x, const ArrayShape& shape, const ArrayShape& strides, std::int64_t offset);
/// Zeros of the shape `whole` with x at those places.
Tensor put_view(const Tensor& x, const ArrayShape& whole, const ArrayShape& strides, std::int64_t offset);
/// Elements [start, stop) of one axis.
Tensor slice_axis(const Tensor& x, int axis, std::int64_t start, std::int64_t stop);

// Elements by position: functions/indexing.cpp.
Tensor slice(const Tensor& x, const IndexItems& items);
Tensor slice_backward(const Tensor& updates, const IndexItems& items, const ArrayShape& shape);
Tensor slice_update(const Tensor& x, const IndexItems& items, const Tensor& updates);
Tensor gather(const Tensor& x, const Positions& positions);
Tensor scatter(const Tensor& x, const Positions& positions, const Tensor& updates, ScatterKind kind);
Tensor take(const Tensor& x, const Tensor& indices, std::int64_t axis);
Tensor take_backward(const Tensor& updates, const Tensor& indices, std::int64_t axis,
                     const ArrayShape& shape);
Tensor take_along_axis(const Tensor& x, const Tensor& indices, std::int64_t axis);
Tensor take_along_axis_backward(const Tensor& updates, const Tensor& indices, std::int64_t axis,
                                const ArrayShape& shape);
Tensor cumsum(const Tensor& x, std::int64_t axis);
Tensor cumprod(const Tensor& x, std::int64_t axis);
Tensor sort(const Tensor& x, std::int64_t axis, bool descending);
Tensor dropout(const Tensor& x, double rate, RandomKey key);

// Products: functions/products.cpp.
Tensor matmul(const Tensor& a, const Tensor& b);

// Fused: functions/activation.cpp, dense.cpp, loss.cpp.
/// Any activation; softmax, log_softmax and sparsemax over the last axis.
Tensor activation(const Activation& f, const Tensor& x);
inline Tensor activate(const Activation& f, const Tensor& x) { return activation(f, x); }
/// dy times f's Jacobian; `saved` is f's output or input, as derivative_from(f) says.
Tensor activation_backward(const Activation& f, const Tensor& saved, const Tensor& dy);
/// f(x kernel + bias) for x of [..., inputs] and kernel of [inputs, units]; a bias that is not defined is
/// none.
Tensor dense(const Tensor& x, const Tensor& kernel, const Tensor& bias, const Activation& f);
/// The loss of each position of all axes but the last: [..., C] and [..., C] (sparse: integers [...])
/// give [...]. Formulas: cpu/loss/loss.h.
Tensor row_losses(const LossSpecification& loss, const Tensor& target, const Tensor& prediction);

/// x as a constant: the same values, which no tape follows further.
inline Tensor stop_gradient(const Tensor& x) { return x.alias(); }
/// x as a value of its own, through which gradients pass.
Tensor identity(const Tensor& x);

}  // namespace lamina::autograd
