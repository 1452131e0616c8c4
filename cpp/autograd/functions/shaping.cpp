// Rules of functions that only move elements: the gradient is moved back, and added up where an element
// went to several places.
#include <algorithm>

#include "autograd/operators.h"
#include "autograd/record.h"

namespace lamina::autograd {

namespace {

int counted_from_zero(std::int64_t axis, int rank) { return static_cast<int>(axis < 0 ? axis + rank : axis); }

/// For functions whose gradient is that of a change of shape.
void record_reshape(std::string_view name, Tensor& y, const Tensor& x) {
  record(name, {&y}, {&x}, [&] {
    return [shape = x.shape()](Backward& pass) { pass.accumulate_grad(0, reshape(pass.dy(), shape)); };
  });
}

}  // namespace

Tensor reshape(const Tensor& x, const ArrayShape& shape) {
  Tensor y = ops::reshape(x, shape);
  record_reshape("reshape", y, x);
  return y;
}

Tensor squeeze(const Tensor& x, const Axes& axes, bool all) {
  Tensor y = ops::squeeze(x, axes, all);
  record_reshape("squeeze", y, x);
  return y;
}

Tensor expand_dims(const Tensor& x, const ArrayShape& axes) {
  Tensor y = ops::expand_dims(x, axes);
  record_reshape("expand_dims", y, x);
  return y;
}

Tensor transpose(const Tensor& x, const ArrayShape& order) {
  Tensor y = ops::transpose(x, order);
  record("transpose", {&y}, {&x}, [&] {
    ArrayShape inverse = order;
    for (int i = 0; i < order.rank(); ++i) inverse[counted_from_zero(order[i], order.rank())] = i;
    return [inverse](Backward& pass) { pass.accumulate_grad(0, transpose(pass.dy(), inverse)); };
  });
  return y;
}

Tensor transpose(const Tensor& x) {
  Tensor y = ops::transpose(x);
  record("transpose", {&y}, {&x},
         [&] { return [](Backward& pass) { pass.accumulate_grad(0, transpose(pass.dy())); }; });
  return y;
}

Tensor swapaxes(const Tensor& x, std::int64_t axis1, std::int64_t axis2) {
  Tensor y = ops::swapaxes(x, axis1, axis2);
  record("swapaxes", {&y}, {&x}, [&] {
    return [axis1, axis2](Backward& pass) { pass.accumulate_grad(0, swapaxes(pass.dy(), axis1, axis2)); };
  });
  return y;
}

Tensor broadcast_to(const Tensor& x, const ArrayShape& shape) {
  Tensor y = ops::broadcast_to(x, shape);
  record("broadcast_to", {&y}, {&x},
         [&] { return [](Backward& pass) { pass.accumulate_grad(0, pass.dy()); }; });
  return y;
}

Tensor sum_to(const Tensor& x, const ArrayShape& shape) {
  Tensor y = ops::sum_to(x, shape);
  record("sum_to", {&y}, {&x}, [&] {
    return [shape = x.shape()](Backward& pass) { pass.accumulate_grad(0, broadcast_to(pass.dy(), shape)); };
  });
  return y;
}

Tensor flip(const Tensor& x, const Axes& axes) {
  Tensor y = ops::flip(x, axes);
  record("flip", {&y}, {&x},
         [&] { return [axes](Backward& pass) { pass.accumulate_grad(0, flip(pass.dy(), axes)); }; });
  return y;
}

Tensor concatenate(const std::vector<Tensor>& xs, std::int64_t axis) {
  Tensor y = ops::concatenate(xs, axis);
  if (!is_recording()) return y;
  std::vector<const Tensor*> inputs;
  for (const Tensor& x : xs) inputs.push_back(&x);
  Tensor* const outputs[] = {&y};
  record("concatenate", std::span<Tensor* const>(outputs), std::span<const Tensor* const>(inputs), [&] {
    const int along = counted_from_zero(axis, y.rank());
    std::vector<std::int64_t> extents;
    for (const Tensor& x : xs) extents.push_back(x.extent(along));
    return [along, extents = std::move(extents)](Backward& pass) {
      const Tensor dy = pass.dy();
      std::int64_t start = 0;
      for (std::uint32_t i = 0; i < extents.size(); ++i) {
        const std::int64_t stop = start + extents[i];
        if (pass.needs_grad(i)) pass.accumulate_grad(i, slice_axis(dy, along, start, stop));
        start = stop;
      }
    };
  });
  return y;
}

Tensor stack(const std::vector<Tensor>& xs, std::int64_t axis) {
  std::vector<Tensor> wider;
  for (const Tensor& x : xs) wider.push_back(expand_dims(x, ArrayShape{axis}));
  return concatenate(wider, axis);
}

Tensor repeat(const Tensor& x, std::int64_t repeats, std::int64_t axis) {
  Tensor y = ops::repeat(x, repeats, axis);
  record("repeat", {&y}, {&x}, [&] {
    const int along = counted_from_zero(axis, x.rank());
    ArrayShape apart = x.shape();
    apart.insert(along + 1, repeats);
    return [along, apart](Backward& pass) {
      pass.accumulate_grad(0, sum(reshape(pass.dy(), apart), ArrayShape{along + 1}, false));
    };
  });
  return y;
}

Tensor pad(const Tensor& x, const ArrayShape& before, const ArrayShape& after, const Tensor& value) {
  Tensor y = ops::pad(x, before, after, value);
  record("pad", {&y}, {&x, &value}, [&] {
    return [before, shape = x.shape()](Backward& pass) {
      Tensor inner = pass.dy();
      for (int axis = 0; axis < shape.rank(); ++axis) {
        inner = slice_axis(inner, axis, before[axis], before[axis] + shape[axis]);
      }
      if (pass.needs_grad(0)) pass.accumulate_grad(0, inner);
      if (pass.needs_grad(1)) pass.accumulate_grad(1, sum(pass.dy()) - sum(inner));
    };
  });
  return y;
}

Tensor tril(const Tensor& x, std::int64_t k) {
  Tensor y = ops::tril(x, k);
  record("tril", {&y}, {&x},
         [&] { return [k](Backward& pass) { pass.accumulate_grad(0, tril(pass.dy(), k)); }; });
  return y;
}

Tensor triu(const Tensor& x, std::int64_t k) {
  Tensor y = ops::triu(x, k);
  record("triu", {&y}, {&x},
         [&] { return [k](Backward& pass) { pass.accumulate_grad(0, triu(pass.dy(), k)); }; });
  return y;
}

Tensor take_view(const Tensor& x_in, const ArrayShape& shape, const ArrayShape& strides,
                 std::int64_t offset) {
  const Tensor x = contiguous(x_in);
  Tensor y = x.view(shape, strides, offset);
  record("view", {&y}, {&x}, [&] {
    return [whole = x.shape(), strides, offset](Backward& pass) {
      pass.accumulate_grad(0, put_view(pass.dy(), whole, strides, offset));
    };
  });
  return y;
}

Tensor put_view(const Tensor& x, const ArrayShape& whole, const ArrayShape& strides, std::int64_t offset) {
  Tensor y = ops::zeros(x.type(), whole);
  ops::assign(y.view(x.shape(), strides, offset), x);
  record("put_view", {&y}, {&x}, [&] {
    return [shape = x.shape(), strides, offset](Backward& pass) {
      pass.accumulate_grad(0, take_view(pass.dy(), shape, strides, offset));
    };
  });
  return y;
}

Tensor slice_axis(const Tensor& x_in, int axis, std::int64_t start, std::int64_t stop) {
  const Tensor x = contiguous(x_in);
  ArrayShape shape = x.shape();
  shape[axis] = stop - start;
  return take_view(x, shape, x.strides(), start * x.strides()[axis]);
}

}  // namespace lamina::autograd
