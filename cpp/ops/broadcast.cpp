#include "ops/broadcast.h"

#include <algorithm>

#include "device/device.h"

namespace lamina::ops {

Device& current_device() {
  static Device& the_device = device("cpu");
  return the_device;
}

ArrayShape broadcast_shapes(std::string_view where, const ArrayShape& a, const ArrayShape& b) {
  if (a == b) return a;
  const ArrayShape& longer = a.rank() >= b.rank() ? a : b;
  const ArrayShape& shorter = a.rank() >= b.rank() ? b : a;
  ArrayShape shape = longer;
  const int skip = longer.rank() - shorter.rank();
  for (int axis = 0; axis < shorter.rank(); ++axis) {
    const std::int64_t one = longer[skip + axis], other = shorter[axis];
    if (one == other || other == 1) continue;
    if (one == 1) {
      shape[skip + axis] = other;
      continue;
    }
    throw ValueError(text("[", where,
                          "] shapes must broadcast: counted from the last axis, extents are equal or 1. ",
                          "Received: ", to_string(a), " and ", to_string(b)));
  }
  return shape;
}

ArrayShape broadcast_strides(const Tensor& x, const ArrayShape& shape) {
  ArrayShape strides;
  const int skip = shape.rank() - x.rank();
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const bool own = axis >= skip && x.extent(axis - skip) == shape[axis] && shape[axis] != 1;
    strides.push_back(own ? x.strides()[axis - skip] : 0);
  }
  return strides;
}

int normalized_axis(std::string_view where, std::int64_t axis, int rank) {
  if (axis < -rank || axis >= rank) {
    throw AxisError(text("[", where, "] an axis of an array with ", rank, " axes is in [", -rank, ", ", rank,
                         "). Received: axis=", axis));
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

}  // namespace lamina::ops
