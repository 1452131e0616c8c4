#include "ops/reductions.h"

#include "device/device.h"
#include "ops/broadcast.h"
#include "ops/creation.h"
#include "ops/elementwise.h"
#include "ops/promotion.h"
#include "ops/shaping.h"

namespace lamina::ops {

namespace {

struct Reduced {
  bool axis[kMaximumRank] = {};
  int count = 0;
};

Reduced reduced_axes(std::string_view where, int rank, const Axes& axes) {
  Reduced reduced;
  if (!axes) {
    for (int i = 0; i < rank; ++i) reduced.axis[i] = true;
    reduced.count = rank;
    return reduced;
  }
  for (const std::int64_t given : *axes) {
    const int axis = normalized_axis(where, given, rank);
    if (reduced.axis[axis]) {
      throw ValueError(text("[", where, "] an axis is named twice. Received: axis=", to_string(*axes)));
    }
    reduced.axis[axis] = true;
    ++reduced.count;
  }
  return reduced;
}

Tensor number_like(const Tensor& x, double value) { return scalar(x.type(), value); }

}  // namespace

std::int64_t reduced_count(std::string_view where, const Tensor& x, const Axes& axes) {
  const Reduced reduced = reduced_axes(where, x.rank(), axes);
  std::int64_t count = 1;
  for (int i = 0; i < x.rank(); ++i) {
    if (reduced.axis[i]) count *= x.extent(i);
  }
  return count;
}

Tensor reduce(ReduceKind kind, std::string_view where, const Tensor& x, const Axes& axes, bool keepdims) {
  const int rank = x.rank();
  const Reduced reduced = reduced_axes(where, rank, axes);
  ArrayShape result;
  for (int i = 0; i < rank; ++i) {
    if (!reduced.axis[i]) {
      result.push_back(x.extent(i));
    } else if (keepdims) {
      result.push_back(1);
    }
  }
  ReduceArguments a;
  a.kind = kind;
  a.type = x.type();
  const bool everything = reduced.count == rank;
  a.row = everything || (rank > 0 && reduced.axis[rank - 1]);
  // The order of axes: kept and reduced along a row; else kept before the first reduced, reduced, kept.
  ArrayShape order;
  int first = 0;
  while (first < rank && !reduced.axis[first]) ++first;
  for (int i = 0; i < rank; ++i) {
    if (!reduced.axis[i] && (a.row || i < first)) {
      order.push_back(i);
      a.outer *= x.extent(i);
    }
  }
  for (int i = 0; i < rank; ++i) {
    if (reduced.axis[i]) {
      order.push_back(i);
      a.reduced *= x.extent(i);
    }
  }
  for (int i = 0; i < rank; ++i) {
    if (!reduced.axis[i] && !a.row && i >= first) {
      order.push_back(i);
      a.inner *= x.extent(i);
    }
  }
  if (reduced.count == 0) {  // nothing to reduce: each element is a row of one
    a.row = true;
    a.outer = x.size();
    a.inner = 1;
  }
  if (a.reduced == 0 && kind != ReduceKind::sum && kind != ReduceKind::prod && a.outer * a.inner > 0) {
    throw ValueError(text("[", where, "] there is no largest or smallest of no elements. Received: shape ",
                          to_string(x.shape())));
  }
  const Tensor dense = contiguous(reduced.count == 0 ? x : transpose(x, order));
  Tensor out = empty(reduce_type(kind, x.type()), result);
  a.x = dense.raw();
  a.out = out.raw();
  current_device().reduce(a);
  return out;
}

Tensor sum(const Tensor& x, const Axes& axes, bool keepdims) {
  return reduce(ReduceKind::sum, "sum", x, axes, keepdims);
}
Tensor prod(const Tensor& x, const Axes& axes, bool keepdims) {
  return reduce(ReduceKind::prod, "prod", x, axes, keepdims);
}
Tensor max(const Tensor& x, const Axes& axes, bool keepdims) {
  return reduce(ReduceKind::max, "max", x, axes, keepdims);
}
Tensor min(const Tensor& x, const Axes& axes, bool keepdims) {
  return reduce(ReduceKind::min, "min", x, axes, keepdims);
}

namespace {
Tensor position(ReduceKind kind, std::string_view where, const Tensor& x, std::optional<std::int64_t> axis,
                bool keepdims) {
  if (axis) return reduce(kind, where, x, ArrayShape{*axis}, keepdims);
  const Tensor flat = reduce(kind, where, reshape(x, {-1}), ArrayShape{0}, false);
  if (!keepdims) return flat;
  ArrayShape ones;
  ones.resize(x.rank(), 1);
  return reshape(flat, ones);
}
}  // namespace

Tensor argmax(const Tensor& x, std::optional<std::int64_t> axis, bool keepdims) {
  return position(ReduceKind::argmax, "argmax", x, axis, keepdims);
}
Tensor argmin(const Tensor& x, std::optional<std::int64_t> axis, bool keepdims) {
  return position(ReduceKind::argmin, "argmin", x, axis, keepdims);
}

Tensor mean(const Tensor& x, const Axes& axes, bool keepdims) {
  if (!is_floating(x.type())) return mean(cast(x, default_float()), axes, keepdims);
  const Tensor total = reduce(ReduceKind::sum, "mean", x, axes, keepdims);
  return divide(total, number_like(x, static_cast<double>(reduced_count("mean", x, axes))));
}

Tensor var(const Tensor& x, const Axes& axes, bool keepdims, double correction) {
  if (!is_floating(x.type())) return var(cast(x, default_float()), axes, keepdims, correction);
  const double count = static_cast<double>(reduced_count("var", x, axes)) - correction;
  const Tensor squares = square(subtract(x, mean(x, axes, true)));
  return divide(sum(squares, axes, keepdims), number_like(x, count > 0.0 ? count : 0.0));
}
Tensor std(const Tensor& x, const Axes& axes, bool keepdims, double correction) {
  return sqrt(var(x, axes, keepdims, correction));
}

namespace {
/// Of bools, of which the largest of none is false and the smallest true.
Tensor logical_reduce(ReduceKind kind, std::string_view where, const Tensor& x, const Axes& axes,
                      bool keepdims) {
  const Tensor truth = cast(x, ElementType::boolean);
  if (truth.size() == 0) {
    const Tensor counts = reduce(ReduceKind::sum, where, truth, axes, keepdims);
    return full(ElementType::boolean, counts.shape(), kind == ReduceKind::min ? 1.0 : 0.0);
  }
  return reduce(kind, where, truth, axes, keepdims);
}
}  // namespace

Tensor any(const Tensor& x, const Axes& axes, bool keepdims) {
  return logical_reduce(ReduceKind::max, "any", x, axes, keepdims);
}
Tensor all(const Tensor& x, const Axes& axes, bool keepdims) {
  return logical_reduce(ReduceKind::min, "all", x, axes, keepdims);
}
Tensor count_nonzero(const Tensor& x, const Axes& axes, bool keepdims) {
  return reduce(ReduceKind::sum, "count_nonzero", cast(x, ElementType::boolean), axes, keepdims);
}

Tensor logsumexp(const Tensor& x, const Axes& axes, bool keepdims) {
  if (!is_floating(x.type())) return logsumexp(cast(x, default_float()), axes, keepdims);
  Tensor largest = reduce(ReduceKind::max, "logsumexp", x, axes, true);
  // An infinite maximum would make NaN of infinity less infinity.
  largest = where(isfinite(largest), largest, number_like(x, 0.0));
  const Tensor total = sum(exp(subtract(x, largest)), axes, true);
  const Tensor result = add(log(total), largest);
  return keepdims ? result : squeeze(result, axes ? axes : Axes(ArrayShape()), !axes);
}

Tensor sum_to(const Tensor& x, const ArrayShape& shape) {
  if (x.shape() == shape) return x;
  ArrayShape axes;
  const int skip = x.rank() - shape.rank();
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (axis < skip || (shape[axis - skip] == 1 && x.extent(axis) != 1)) axes.push_back(axis);
  }
  return reshape(sum(x, axes, true), shape);
}

}  // namespace lamina::ops
