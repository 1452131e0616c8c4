#include "nn/layers/sample_axes.h"

#include <algorithm>

#include "core/error.h"

namespace lamina::nn {

std::vector<std::int64_t> row_major_strides(const Shape& shape) {
  std::vector<std::int64_t> strides(shape.size());
  std::int64_t stride = 1;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

std::vector<std::int64_t> broadcast_strides(const Shape& shape, const Shape& to) {
  const std::vector<std::int64_t> own = row_major_strides(shape);
  std::vector<std::int64_t> strides(to.size(), 0);
  const std::size_t skip = to.size() - shape.size();
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (shape[axis] != 1) strides[axis + skip] = own[axis];
  }
  return strides;
}

Shape broadcast_shape(const char* where, const Shape& a, const Shape& b) {
  Shape result = a.size() >= b.size() ? a : b;
  const Shape& shorter = a.size() >= b.size() ? b : a;
  const std::size_t skip = result.size() - shorter.size();
  for (std::size_t axis = 0; axis < shorter.size(); ++axis) {
    std::int64_t& extent = result[axis + skip];
    if (shorter[axis] != extent && shorter[axis] != 1 && extent != 1) {
      throw ValueError(text("[", where,
                            "] the extents of samples must be equal or 1. Received: samples of shape ",
                            to_string(a), " and ", to_string(b)));
    }
    if (extent == 1) extent = shorter[axis];
  }
  return result;
}

SampleReduction::SampleReduction(const Shape& sample, const std::vector<bool>& reduced)
    : elements_(element_count(sample)) {
  const std::size_t rank = sample.size();
  const bool any = std::find(reduced.begin(), reduced.end(), true) != reduced.end();
  row_ = !any || reduced[rank - 1];
  const std::vector<std::int64_t> own = row_major_strides(sample);
  std::vector<std::size_t> order;
  std::size_t first = 0;
  while (first < rank && !reduced[first]) ++first;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    if (reduced[axis] || (!row_ && axis > first)) continue;
    order.push_back(axis);
    outer_ *= sample[axis];
  }
  for (std::size_t axis = 0; axis < rank; ++axis) {
    if (!reduced[axis]) continue;
    order.push_back(axis);
    reduced_ *= sample[axis];
  }
  for (std::size_t axis = first; axis < rank; ++axis) {
    if (reduced[axis] || row_) continue;
    order.push_back(axis);
    inner_ *= sample[axis];
  }
  std::int64_t before = -1;
  for (const std::size_t axis : order) {
    extents_.push_back(sample[axis]);
    strides_.push_back(own[axis]);
    if (sample[axis] == 1) continue;
    in_order_ = in_order_ && static_cast<std::int64_t>(axis) > before;
    before = static_cast<std::int64_t>(axis);
  }
}

void SampleReduction::run(const Pass& pass, ReduceKind kind, const void* x, void* out, void* scratch) const {
  if (!in_order_) {
    StridedArguments s;
    s.dtype = pass.dtype;
    s.a = x;
    s.out = scratch;
    s.add_axis({pass.batch, elements_, 0, 0, elements_});
    const std::vector<std::int64_t>& from = strides_;
    std::int64_t to = elements_;
    for (std::size_t axis = 0; axis < extents_.size(); ++axis) {
      to /= extents_[axis];
      s.add_axis({extents_[axis], from[axis], 0, 0, to});
    }
    pass.device.strided(s);
    x = scratch;
  }
  ReduceArguments f;
  f.kind = kind;
  f.type = element_type(pass.dtype);
  f.outer = pass.batch * outer_;
  f.reduced = reduced_;
  f.inner = inner_;
  f.row = row_;
  f.x = x;
  f.out = out;
  pass.device.reduce(f);
}

}  // namespace lamina::nn
