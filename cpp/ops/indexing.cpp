#include "ops/indexing.h"

#include <algorithm>
#include <type_traits>

#include "device/device.h"
#include "ops/broadcast.h"
#include "ops/creation.h"
#include "ops/elementwise.h"
#include "ops/promotion.h"
#include "ops/shaping.h"

namespace lamina::ops {

namespace {

/// Where the blocks are: one offset, in elements of a row-major x, for each.
struct Blocks {
  Tensor offsets;         ///< int64, of the shape that counts blocks
  std::int64_t size = 1;  ///< elements of a block
  ArrayShape shape;       ///< of the result
};

void check_positions(const Tensor& index) {
  if (!is_integer(index.type())) {
    throw TypeError(text("[index] positions must be integers. Received: ", lamina::name_of(index.type())));
  }
}

/// offsets += index * stride for the positions along an axis of `extent`, checked.
Tensor scaled(const Tensor& index, std::int64_t extent, std::int64_t stride) {
  const Tensor wide = contiguous(cast(index, ElementType::int64));
  Tensor out = empty(ElementType::int64, index.shape());
  const std::int64_t* const from = wide.data<std::int64_t>();
  std::int64_t* const to = out.data<std::int64_t>();
  for (std::int64_t i = 0; i < wide.size(); ++i) {
    if (from[i] < -extent || from[i] >= extent) {
      throw IndexOutOfRange(text("[index] a position along an axis of extent ", extent, " is in [", -extent,
                                 ", ", extent, "). Received: ", from[i]));
    }
    to[i] = (from[i] < 0 ? from[i] + extent : from[i]) * stride;
  }
  return out;
}

/// 0, stride, 2 stride, ... along axis `axis` of `rank`.
Tensor steps(std::int64_t extent, std::int64_t stride, int axis, int rank) {
  ArrayShape shape;
  shape.resize(rank, 1);
  shape[axis] = extent;
  return reshape(arange_integer(ElementType::int64, 0, stride, extent), shape);
}

Blocks blocks_of(const ArrayShape& x, const Positions& positions) {
  const ArrayShape strides = row_major_strides(x);
  const int first = positions.first, count = static_cast<int>(positions.indices.size());
  ArrayShape broadcast;
  for (const Tensor& index : positions.indices) {
    check_positions(index);
    broadcast = broadcast_shapes("index", broadcast, index.shape());
  }
  Tensor offsets = scalar_integer(ElementType::int64, 0);
  for (int i = 0; i < count; ++i) {
    offsets = add(offsets,
                  scaled(positions.indices[static_cast<std::size_t>(i)], x[first + i], strides[first + i]));
  }
  // The axes before become leading ones; those behind are the block.
  Blocks blocks;
  for (int axis = 0; axis < first; ++axis) {
    offsets = add(offsets, steps(x[axis], strides[axis], axis, first + broadcast.rank()));
    blocks.shape.push_back(x[axis]);
  }
  for (const std::int64_t extent : broadcast) blocks.shape.push_back(extent);
  ArrayShape counting = blocks.shape;
  for (int axis = first + count; axis < x.rank(); ++axis) {
    blocks.size *= x[axis];
    blocks.shape.push_back(x[axis]);
  }
  blocks.offsets = contiguous(broadcast_to(offsets, counting));
  return blocks;
}

Tensor gather_blocks(const Tensor& x, const Blocks& blocks) {
  const Tensor dense = contiguous(x);
  Tensor out = empty(x.type(), blocks.shape);
  GatherArguments a;
  a.type = x.type();
  a.count = blocks.offsets.size();
  a.block = blocks.size;
  a.x = dense.raw();
  a.offsets = blocks.offsets.data<std::int64_t>();
  a.out = out.raw();
  current_device().gather(a);
  return out;
}

void scatter_blocks(const Tensor& target, const Blocks& blocks, const Tensor& updates, ScatterKind kind) {
  const Tensor values = contiguous(broadcast_to(cast(updates, target.type()), blocks.shape));
  ScatterArguments a;
  a.kind = kind;
  a.type = target.type();
  a.count = blocks.offsets.size();
  a.block = blocks.size;
  a.x = values.raw();
  a.offsets = blocks.offsets.data<std::int64_t>();
  a.out = target.raw();
  current_device().scatter(a);
}

/// take_along_axis as blocks of one element.
Blocks along_axis(const ArrayShape& x, const Tensor& indices, int axis) {
  check_positions(indices);
  bool fits = indices.rank() == x.rank();
  ArrayShape shape;
  for (int i = 0; fits && i < x.rank(); ++i) {
    fits = i == axis || indices.extent(i) == x[i] || indices.extent(i) == 1 || x[i] == 1;
    shape.push_back(i == axis || x[i] == 1 ? indices.extent(i) : x[i]);
  }
  if (!fits) {
    throw ValueError(text("[take_along_axis] indices must have the array's shape but along axis ", axis,
                          ". Received: shapes ", to_string(x), " and ", to_string(indices.shape())));
  }
  const ArrayShape strides = row_major_strides(x);
  Blocks blocks;
  blocks.shape = shape;
  blocks.offsets = scaled(indices, x[axis], strides[axis]);
  for (int i = 0; i < x.rank(); ++i) {
    if (i != axis && x[i] != 1) blocks.offsets = add(blocks.offsets, steps(x[i], strides[i], i, x.rank()));
  }
  blocks.offsets = contiguous(broadcast_to(blocks.offsets, shape));
  return blocks;
}

}  // namespace

Tensor slice(const Tensor& x, const IndexItems& items) {
  ArrayShape shape, strides;
  std::int64_t offset = 0;
  int axis = 0;
  for (const IndexItem& item : items) {
    if (item.kind == IndexItem::Kind::new_axis) {
      shape.push_back(1);
      strides.push_back(0);
      continue;
    }
    const std::int64_t stride = x.strides()[axis++];
    if (item.kind == IndexItem::Kind::position || item.length > 0) offset += item.start * stride;
    if (item.kind == IndexItem::Kind::position) continue;
    shape.push_back(item.length);
    strides.push_back(item.length > 1 ? item.step * stride : stride);
  }
  return x.view(shape, strides, x.size() == 0 ? 0 : offset);
}

Tensor slice_backward(const Tensor& updates, const IndexItems& items, const ArrayShape& shape) {
  Tensor out = zeros(updates.type(), shape);
  assign(slice(out, items), updates);
  return out;
}

Tensor slice_update(const Tensor& x, const IndexItems& items, const Tensor& updates) {
  Tensor out = copy(x);
  assign(slice(out, items), updates);
  return out;
}

Tensor gather(const Tensor& x, const Positions& positions) {
  return gather_blocks(x, blocks_of(x.shape(), positions));
}

Tensor scatter(const Tensor& x, const Positions& positions, const Tensor& updates, ScatterKind kind) {
  Tensor out = copy(x);
  scatter_blocks(out, blocks_of(x.shape(), positions), updates, kind);
  return out;
}

Tensor take(const Tensor& x, const Tensor& indices, std::int64_t axis) {
  return gather(x, {normalized_axis("take", axis, x.rank()), {indices}});
}

Tensor take_backward(const Tensor& updates, const Tensor& indices, std::int64_t axis,
                     const ArrayShape& shape) {
  const int at = normalized_axis("take", axis, shape.rank());
  Tensor out = zeros(updates.type(), shape);
  scatter_blocks(out, blocks_of(shape, {at, {indices}}), updates, ScatterKind::add);
  return out;
}

Tensor take_along_axis(const Tensor& x, const Tensor& indices, std::int64_t axis) {
  return gather_blocks(x, along_axis(x.shape(), indices, normalized_axis("take_along_axis", axis, x.rank())));
}

Tensor take_along_axis_backward(const Tensor& updates, const Tensor& indices, std::int64_t axis,
                                const ArrayShape& shape) {
  Tensor out = zeros(updates.type(), shape);
  scatter_blocks(out, along_axis(shape, indices, normalized_axis("take_along_axis", axis, shape.rank())),
                 updates, ScatterKind::add);
  return out;
}

std::vector<Tensor> nonzero(const Tensor& x) {
  const Tensor truth = contiguous(cast(x, ElementType::boolean));
  const auto* const at = truth.data<std::uint8_t>();
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < truth.size(); ++i) count += at[i];
  std::vector<Tensor> out;
  for (int axis = 0; axis < x.rank(); ++axis) out.push_back(empty(ElementType::int64, {count}));
  std::int64_t found = 0;
  for (std::int64_t i = 0; i < truth.size(); ++i) {
    if (at[i] == 0) continue;
    std::int64_t rest = i;
    for (int axis = x.rank() - 1; axis >= 0; --axis) {
      out[static_cast<std::size_t>(axis)].data<std::int64_t>()[found] = rest % x.extent(axis);
      rest /= x.extent(axis);
    }
    ++found;
  }
  return out;
}

Tensor one_hot(const Tensor& classes, std::int64_t count, ElementType type) {
  check_positions(classes);
  if (count < 0)
    throw ValueError(text("[one_hot] num_classes must not be negative. Received: num_classes=", count));
  const Tensor wide = cast(classes, ElementType::int64);
  return cast(equal(expand_dims(wide, {-1}), arange_integer(ElementType::int64, 0, 1, count)), type);
}

namespace {

Tensor cumulative(CumulativeKind kind, std::string_view where, const Tensor& x, std::int64_t given) {
  const int axis = normalized_axis(where, given, x.rank());
  if (!is_floating(x.type()) && x.type() != ElementType::int64) {
    return cumulative(kind, where, cast(x, ElementType::int64), given);
  }
  const Tensor dense = contiguous(x);
  Tensor out = empty(x.type(), x.shape());
  CumulativeArguments a;
  a.kind = kind;
  a.type = x.type();
  for (int i = 0; i < x.rank(); ++i) (i < axis ? a.outer : i == axis ? a.length : a.inner) *= x.extent(i);
  a.x = dense.raw();
  a.out = out.raw();
  current_device().cumulative(a);
  return out;
}

}  // namespace

Tensor cumsum(const Tensor& x, std::int64_t axis) {
  return cumulative(CumulativeKind::sum, "cumsum", x, axis);
}
Tensor cumprod(const Tensor& x, std::int64_t axis) {
  return cumulative(CumulativeKind::prod, "cumprod", x, axis);
}

Tensor argsort(const Tensor& x, std::int64_t given, bool descending) {
  const int axis = normalized_axis("argsort", given, x.rank()), last = x.rank() - 1;
  const Tensor dense = contiguous(swapaxes(x, axis, last));
  Tensor order = empty(ElementType::int64, dense.shape());
  ArgsortArguments a;
  a.type = x.type();
  a.columns = dense.extent(last);
  a.rows = a.columns == 0 ? 0 : dense.size() / a.columns;
  a.descending = descending;
  a.x = dense.raw();
  a.out = order.data<std::int64_t>();
  current_device().argsort(a);
  return swapaxes(order, axis, last);
}

Tensor sort(const Tensor& x, std::int64_t axis, bool descending) {
  return take_along_axis(x, argsort(x, axis, descending), axis);
}

namespace {

template <class T>
void search(const Tensor& sorted, const Tensor& values, bool right, std::int64_t* out) {
  const T* const first = sorted.data<T>();
  const T* const last = first + sorted.size();
  const auto before = [](T a, T b) { return a < b || (a == a && b != b); };
  for (std::int64_t i = 0; i < values.size(); ++i) {
    const T value = values.data<T>()[i];
    out[i] = (right ? std::upper_bound(first, last, value, before)
                    : std::lower_bound(first, last, value, before)) -
             first;
  }
}

}  // namespace

Tensor searchsorted(const Tensor& given_sorted, const Tensor& given_values, bool right) {
  if (given_sorted.rank() != 1) {
    throw ValueError(text("[searchsorted] sorted_sequence must have one axis. Received: shape ",
                          to_string(given_sorted.shape())));
  }
  const ElementType type = promote(given_sorted.type(), given_values.type());
  const Tensor sorted = contiguous(cast(given_sorted, type)), values = contiguous(cast(given_values, type));
  Tensor out = empty(ElementType::int64, values.shape());
  std::int64_t* const to = out.data<std::int64_t>();
  switch (type) {
    case ElementType::boolean:
    case ElementType::uint8:
      search<std::uint8_t>(sorted, values, right, to);
      break;
    case ElementType::int32:
      search<std::int32_t>(sorted, values, right, to);
      break;
    case ElementType::int64:
      search<std::int64_t>(sorted, values, right, to);
      break;
    case ElementType::float32:
      search<float>(sorted, values, right, to);
      break;
    default:
      search<double>(sorted, values, right, to);
  }
  return out;
}

}  // namespace lamina::ops
