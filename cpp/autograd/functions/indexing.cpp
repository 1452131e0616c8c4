// Rules of functions that pick elements: the gradient is put back where they came from, and added up where
// one was taken several times, in the order of the positions.
#include "autograd/operators.h"
#include "autograd/record.h"
#include "core/error.h"

namespace lamina::autograd {

namespace {

Axes one_axis(std::int64_t axis) { return ArrayShape{axis}; }

Tensor reversed_sum(const Tensor& x, std::int64_t axis) {
  return flip(cumsum(flip(x, one_axis(axis)), axis), one_axis(axis));
}

/// Of scatter that sets: only the last of the updates for a place counts.
Tensor winners(const Tensor& x, const Positions& positions, const ArrayShape& shape) {
  const Tensor numbers =
      ops::reshape(ops::arange_integer(ElementType::int64, 0, 1, element_count(shape)), shape);
  const Tensor none = ops::zeros(ElementType::int64, x.shape());
  return ops::equal(ops::gather(ops::scatter(none, positions, numbers, ScatterKind::set), positions),
                    numbers);
}

/// The gradient of cumprod without a division: with s[i] = dy[i] + x[i+1] s[i+1], dx[i] is s[i] times the
/// product of what comes before i.
Tensor cumprod_gradient(const Tensor& x, const Tensor& dy, std::int64_t axis_in) {
  const int axis = static_cast<int>(axis_in < 0 ? axis_in + x.rank() : axis_in);
  const std::int64_t count = x.extent(axis);
  std::vector<Tensor> parts(static_cast<std::size_t>(count));
  Tensor s;
  for (std::int64_t i = count - 1; i >= 0; --i) {
    const Tensor here = slice_axis(dy, axis, i, i + 1);
    s = s.defined() ? here + slice_axis(x, axis, i + 1, i + 2) * s : here;
    parts[static_cast<std::size_t>(i)] = s;
  }
  Tensor before;
  for (std::int64_t i = 1; i < count; ++i) {
    const Tensor factor = slice_axis(x, axis, i - 1, i);
    before = before.defined() ? before * factor : factor;
    parts[static_cast<std::size_t>(i)] = parts[static_cast<std::size_t>(i)] * before;
  }
  return concatenate(parts, axis);
}

}  // namespace

Tensor slice(const Tensor& x, const IndexItems& items) {
  Tensor y = ops::slice(x, items);
  record("slice", {&y}, {&x}, [&] {
    return [items, shape = x.shape()](Backward& pass) {
      pass.accumulate_grad(0, autograd::slice_backward(pass.dy(), items, shape));
    };
  });
  return y;
}

Tensor slice_backward(const Tensor& updates, const IndexItems& items, const ArrayShape& shape) {
  Tensor y = ops::slice_backward(updates, items, shape);
  record("slice_backward", {&y}, {&updates}, [&] {
    return [items](Backward& pass) { pass.accumulate_grad(0, autograd::slice(pass.dy(), items)); };
  });
  return y;
}

Tensor slice_update(const Tensor& x, const IndexItems& items, const Tensor& updates) {
  Tensor y = ops::slice_update(x, items, updates);
  record("slice_update", {&y}, {&x, &updates}, [&] {
    return [items](Backward& pass) {
      const Tensor dy = pass.dy();
      if (pass.needs_grad(0)) pass.accumulate_grad(0, autograd::slice_update(dy, items, number_like(dy, 0)));
      if (pass.needs_grad(1)) pass.accumulate_grad(1, autograd::slice(dy, items));
    };
  });
  return y;
}

Tensor gather(const Tensor& x, const Positions& positions) {
  Tensor y = ops::gather(x, positions);
  record("gather", {&y}, {&x}, [&] {
    return [positions, shape = x.shape()](Backward& pass) {
      const Tensor dy = pass.dy();
      pass.accumulate_grad(0,
                           autograd::scatter(ops::zeros(dy.type(), shape), positions, dy, ScatterKind::add));
    };
  });
  return y;
}

Tensor scatter(const Tensor& x, const Positions& positions, const Tensor& updates, ScatterKind kind) {
  if (kind != ScatterKind::set && kind != ScatterKind::add && would_record(x, updates)) {
    throw StateError("[scatter_update] only reductions None and \"add\" have gradients");
  }
  Tensor y = ops::scatter(x, positions, updates, kind);
  record("scatter", {&y}, {&x, &updates}, [&] {
    return [positions, kind](Backward& pass) {
      const Tensor dy = pass.dy(), zero = number_like(dy, 0);
      if (pass.needs_grad(0))
        pass.accumulate_grad(
            0, kind == ScatterKind::add ? dy : autograd::scatter(dy, positions, zero, ScatterKind::set));
      if (!pass.needs_grad(1)) return;
      const Tensor taken = autograd::gather(dy, positions);
      pass.accumulate_grad(
          1, kind == ScatterKind::add ? taken : where(winners(dy, positions, taken.shape()), taken, zero));
    };
  });
  return y;
}

Tensor take(const Tensor& x, const Tensor& indices, std::int64_t axis) {
  Tensor y = ops::take(x, indices, axis);
  record("take", {&y}, {&x}, [&] {
    return [saved = Saved(indices), axis, shape = x.shape()](Backward& pass) {
      pass.accumulate_grad(0, take_backward(pass.dy(), saved.get(pass), axis, shape));
    };
  });
  return y;
}

Tensor take_backward(const Tensor& updates, const Tensor& indices, std::int64_t axis,
                     const ArrayShape& shape) {
  Tensor y = ops::take_backward(updates, indices, axis, shape);
  record("take_backward", {&y}, {&updates}, [&] {
    return [saved = Saved(indices), axis](Backward& pass) {
      pass.accumulate_grad(0, take(pass.dy(), saved.get(pass), axis));
    };
  });
  return y;
}

Tensor take_along_axis(const Tensor& x, const Tensor& indices, std::int64_t axis) {
  Tensor y = ops::take_along_axis(x, indices, axis);
  record("take_along_axis", {&y}, {&x}, [&] {
    return [saved = Saved(indices), axis, shape = x.shape()](Backward& pass) {
      pass.accumulate_grad(0, take_along_axis_backward(pass.dy(), saved.get(pass), axis, shape));
    };
  });
  return y;
}

Tensor take_along_axis_backward(const Tensor& updates, const Tensor& indices, std::int64_t axis,
                                const ArrayShape& shape) {
  Tensor y = ops::take_along_axis_backward(updates, indices, axis, shape);
  record("take_along_axis_backward", {&y}, {&updates}, [&] {
    return [saved = Saved(indices), axis](Backward& pass) {
      pass.accumulate_grad(0, take_along_axis(pass.dy(), saved.get(pass), axis));
    };
  });
  return y;
}

Tensor cumsum(const Tensor& x, std::int64_t axis) {
  Tensor y = ops::cumsum(x, axis);
  record("cumsum", {&y}, {&x},
         [&] { return [axis](Backward& pass) { pass.accumulate_grad(0, reversed_sum(pass.dy(), axis)); }; });
  return y;
}

Tensor cumprod(const Tensor& x, std::int64_t axis) {
  Tensor y = ops::cumprod(x, axis);
  record("cumprod", {&y}, {&x}, [&] {
    return [axis, saved = Saved(x)](Backward& pass) {
      const Tensor at = saved.get(pass), dy = pass.dy();
      pass.accumulate_grad(0, at.size() == 0 ? dy : cumprod_gradient(at, dy, axis));
    };
  });
  return y;
}

Tensor sort(const Tensor& x, std::int64_t axis, bool descending) {
  Tensor y = ops::sort(x, axis, descending);
  record("sort", {&y}, {&x}, [&] {
    return [order = ops::argsort(x, axis, descending), axis, shape = x.shape()](Backward& pass) {
      pass.accumulate_grad(0, take_along_axis_backward(pass.dy(), order, axis, shape));
    };
  });
  return y;
}

Tensor dropout(const Tensor& x, double rate, RandomKey key) {
  Tensor y = ops::dropout(x, rate, key);
  record("dropout", {&y}, {&x}, [&] {
    return [rate, key](Backward& pass) { pass.accumulate_grad(0, dropout(pass.dy(), rate, key)); };
  });
  return y;
}

}  // namespace lamina::autograd
