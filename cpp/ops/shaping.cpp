#include "ops/shaping.h"

#include <algorithm>

#include "device/device.h"
#include "ops/broadcast.h"
#include "ops/creation.h"
#include "ops/elementwise.h"
#include "ops/promotion.h"

namespace lamina::ops {

namespace {

/// The strides that read x's elements, in order, as `shape`; false where none can.
bool view_strides(const Tensor& x, const ArrayShape& shape, ArrayShape* strides) {
  if (x.contiguous() || x.size() == 0) {
    *strides = row_major_strides(shape);
    return true;
  }
  strides->resize(shape.rank());
  // Groups of axes with the same number of elements on both sides; within a group x must be one run.
  int i = 0, j = 0;
  while (i < x.rank() || j < shape.rank()) {
    const int i_start = i, j_start = j;
    std::int64_t from = i < x.rank() ? x.extent(i++) : 1, to = j < shape.rank() ? shape[j++] : 1;
    while (from != to) {
      if (from < to) {
        from *= x.extent(i++);
      } else {
        to *= shape[j++];
      }
    }
    std::int64_t step = 0;
    bool started = false;
    std::int64_t expected = 0;
    for (int axis = i - 1; axis >= i_start; --axis) {
      if (x.extent(axis) == 1) continue;
      if (!started) {
        step = x.strides()[axis];
        started = true;
      } else if (x.strides()[axis] != expected) {
        return false;
      }
      expected = x.strides()[axis] * x.extent(axis);
    }
    for (int axis = j - 1; axis >= j_start; --axis) {
      (*strides)[axis] = step;
      step *= shape[axis];
    }
  }
  return true;
}

}  // namespace

Tensor reshape(const Tensor& x, const ArrayShape& wanted) {
  ArrayShape shape = wanted;
  int unknown = -1;
  std::int64_t known = 1;
  bool fits = true;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == -1 && unknown < 0) {
      unknown = axis;
    } else if (shape[axis] < 0) {
      fits = false;
    } else if (shape[axis] != 0 && known > (std::int64_t{1} << 47) / shape[axis]) {
      fits = x.size() == 0;  // beyond any array, unless there is an extent of 0
    } else {
      known *= shape[axis];
    }
  }
  if (fits && unknown >= 0) {
    fits = known > 0 && x.size() % known == 0;
    if (fits) shape[unknown] = x.size() / known;
  }
  if (!fits || shape.count() != x.size()) {
    throw ValueError(text("[reshape] the number of elements must stay the same. Received: shape ",
                          to_string(x.shape()), " and newshape ", to_string(wanted)));
  }
  ArrayShape strides;
  if (view_strides(x, shape, &strides)) return x.view(shape, strides, 0);
  const Tensor dense = contiguous(x);
  return dense.view(shape, row_major_strides(shape), 0);
}

Tensor transpose(const Tensor& x, const ArrayShape& order) {
  bool seen[kMaximumRank] = {};
  bool right = order.rank() == x.rank();
  ArrayShape shape, strides;
  for (int i = 0; right && i < order.rank(); ++i) {
    const int axis = normalized_axis("transpose", order[i], x.rank());
    right = !seen[axis];
    seen[axis] = true;
    shape.push_back(x.extent(axis));
    strides.push_back(x.strides()[axis]);
  }
  if (!right) {
    throw ValueError(text("[transpose] axes must name each axis once. Received: shape ", to_string(x.shape()),
                          " and axes=", to_string(order)));
  }
  return x.view(shape, strides, 0);
}

Tensor transpose(const Tensor& x) {
  ArrayShape shape, strides;
  for (int axis = x.rank() - 1; axis >= 0; --axis) {
    shape.push_back(x.extent(axis));
    strides.push_back(x.strides()[axis]);
  }
  return x.view(shape, strides, 0);
}

Tensor swapaxes(const Tensor& x, std::int64_t axis1, std::int64_t axis2) {
  const int a = normalized_axis("swapaxes", axis1, x.rank()),
            b = normalized_axis("swapaxes", axis2, x.rank());
  ArrayShape shape = x.shape(), strides = x.strides();
  std::swap(shape[a], shape[b]);
  std::swap(strides[a], strides[b]);
  return x.view(shape, strides, 0);
}

Tensor squeeze(const Tensor& x, const Axes& axes, bool all) {
  bool leave[kMaximumRank] = {};
  if (axes && !all) {
    for (const std::int64_t given : *axes) {
      const int axis = normalized_axis("squeeze", given, x.rank());
      if (x.extent(axis) != 1) {
        throw ValueError(text("[squeeze] only axes of extent 1 can be left out. Received: shape ",
                              to_string(x.shape()), " and axis=", given));
      }
      leave[axis] = true;
    }
  } else {
    for (int axis = 0; axis < x.rank(); ++axis) leave[axis] = x.extent(axis) == 1;
  }
  ArrayShape shape, strides;
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (leave[axis]) continue;
    shape.push_back(x.extent(axis));
    strides.push_back(x.strides()[axis]);
  }
  return x.view(shape, strides, 0);
}

Tensor expand_dims(const Tensor& x, const ArrayShape& axes) {
  const int rank = x.rank() + axes.rank();
  bool fresh[2 * kMaximumRank] = {};
  for (const std::int64_t given : axes) {
    const int axis = normalized_axis("expand_dims", given, rank);
    if (fresh[axis]) {
      throw ValueError(text("[expand_dims] an axis is named twice. Received: axis=", to_string(axes)));
    }
    fresh[axis] = true;
  }
  ArrayShape shape, strides;
  int from = 0;
  for (int axis = 0; axis < rank; ++axis) {
    shape.push_back(fresh[axis] ? 1 : x.extent(from));
    strides.push_back(fresh[axis] ? 0 : x.strides()[from]);
    if (!fresh[axis]) ++from;
  }
  return x.view(shape, strides, 0);
}

Tensor broadcast_to(const Tensor& x, const ArrayShape& shape) {
  bool fits = x.rank() <= shape.rank();
  const int skip = shape.rank() - x.rank();
  for (int axis = 0; fits && axis < x.rank(); ++axis) {
    fits = x.extent(axis) == 1 || x.extent(axis) == shape[skip + axis];
  }
  if (!fits) {
    throw ValueError(
        text("[broadcast_to] counted from the last axis, extents must be equal or 1. Received: shape ",
             to_string(x.shape()), " and shape=", to_string(shape)));
  }
  shape.count();  // not negative, not beyond all memory
  return x.view(shape, broadcast_strides(x, shape), 0);
}

Tensor flip(const Tensor& x, const Axes& axes) {
  ArrayShape strides = x.strides();
  std::int64_t offset = 0;
  const auto reverse = [&](int axis) {
    if (x.size() != 0) offset += (x.extent(axis) - 1) * strides[axis];
    strides[axis] = -strides[axis];
  };
  if (axes) {
    bool seen[kMaximumRank] = {};
    for (const std::int64_t given : *axes) {
      const int axis = normalized_axis("flip", given, x.rank());
      if (!seen[axis]) reverse(axis);
      seen[axis] = true;
    }
  } else {
    for (int axis = 0; axis < x.rank(); ++axis) reverse(axis);
  }
  return x.view(x.shape(), strides, offset);
}

void assign(const Tensor& target, const Tensor& x) {
  if (!target.storage().writeable()) {
    throw ValueError("[assign] this tensor shares memory that must not be changed");
  }
  const Tensor source = cast(x, target.type());
  const ArrayShape strides = broadcast_strides(broadcast_to(source, target.shape()), target.shape());
  WriteArguments a;
  a.type = target.type();
  a.rank = target.rank();
  a.shape = target.shape().begin();
  a.x = operand(source, strides);
  a.out = target.raw();
  a.out_strides = target.strides().begin();
  current_device().write(a);
  target.storage().changed();
}

Tensor concatenate(const std::vector<Tensor>& xs, std::int64_t given) {
  if (xs.empty()) throw ValueError("[concatenate] at least one tensor is needed");
  const Tensor& first = xs.front();
  if (first.rank() == 0) throw ValueError("[concatenate] tensors without axes cannot be joined; use stack");
  const int axis = normalized_axis("concatenate", given, first.rank());
  ElementType type = first.type();
  ArrayShape shape = first.shape();
  shape[axis] = 0;
  for (const Tensor& x : xs) {
    type = promote(type, x.type());
    bool fits = x.rank() == first.rank();
    for (int i = 0; fits && i < x.rank(); ++i) fits = i == axis || x.extent(i) == first.extent(i);
    if (!fits) {
      throw ValueError(text("[concatenate] shapes must agree but along axis ", axis,
                            ". Received: ", to_string(first.shape()), " and ", to_string(x.shape())));
    }
    shape[axis] += x.extent(axis);
  }
  Tensor out = empty(type, shape);
  std::int64_t at = 0;
  for (const Tensor& x : xs) {
    assign(out.view(x.shape(), out.strides(), x.size() == 0 ? 0 : at * out.strides()[axis]), x);
    at += x.extent(axis);
  }
  return out;
}

Tensor repeat(const Tensor& x, std::int64_t repeats, std::int64_t given) {
  const int axis = normalized_axis("repeat", given, x.rank());
  if (repeats < 0)
    throw ValueError(text("[repeat] repeats must not be negative. Received: repeats=", repeats));
  ArrayShape wide = x.shape(), result = x.shape();
  wide.insert(axis + 1, repeats);
  const Tensor stretched = broadcast_to(expand_dims(x, {axis + 1}), wide);
  wide.count();
  result[axis] = x.extent(axis) * repeats;
  return reshape(stretched, result);
}

Tensor pad(const Tensor& x, const ArrayShape& before, const ArrayShape& after, const Tensor& value) {
  if (before.rank() != x.rank() || after.rank() != x.rank()) {
    throw ValueError(text("[pad] one pair of numbers for each axis is needed. Received: shape ",
                          to_string(x.shape()), " and ", before.rank(), " pairs"));
  }
  ArrayShape shape;
  for (int axis = 0; axis < x.rank(); ++axis) {
    constexpr std::int64_t most = std::int64_t{1} << 47;
    if (before[axis] < 0 || after[axis] < 0 || before[axis] > most || after[axis] > most) {
      throw ValueError("[pad] numbers of elements must not be negative, nor beyond memory");
    }
    shape.push_back(before[axis] + x.extent(axis) + after[axis]);
  }
  Tensor out = full_of(x.type(), shape, value);
  std::int64_t offset = 0;
  for (int axis = 0; axis < x.rank(); ++axis) offset += before[axis] * out.strides()[axis];
  if (x.size() != 0) assign(out.view(x.shape(), out.strides(), offset), x);
  return out;
}

namespace {
Tensor triangle(std::string_view name, const Tensor& x, std::int64_t k, bool lower) {
  if (x.rank() < 2) {
    throw ValueError(
        text("[", name, "] at least two axes are needed. Received: shape ", to_string(x.shape())));
  }
  const std::int64_t rows = x.extent(x.rank() - 2), columns = x.extent(x.rank() - 1);
  const Tensor row = reshape(arange_integer(ElementType::int64, 0, 1, rows), {rows, 1});
  const Tensor column = arange_integer(ElementType::int64, 0, 1, columns);
  const std::int64_t bound = std::clamp(k, -rows - 1, columns + 1);
  const Tensor limit = add(row, scalar_integer(ElementType::int64, bound));
  const Tensor keep = lower ? less_equal(column, limit) : greater_equal(column, limit);
  return where(keep, x, scalar(x.type(), 0.0));
}
}  // namespace

Tensor tril(const Tensor& x, std::int64_t k) { return triangle("tril", x, k, true); }
Tensor triu(const Tensor& x, std::int64_t k) { return triangle("triu", x, k, false); }

}  // namespace lamina::ops
