// Rules of reductions. `spread` puts the axes that were reduced back, as long as they were.
#include "autograd/operators.h"
#include "autograd/record.h"

namespace lamina::autograd {

namespace {

/// What a rule knows of its reduction.
struct Reduced {
  ArrayShape shape;    ///< of x
  ArrayShape kept;     ///< of the result with keepdims
  std::int64_t count;  ///< elements that went into each result

  Reduced(const Tensor& x, const Axes& axes) : shape(x.shape()), kept(x.shape()), count(1) {
    for (int axis = 0; axis < x.rank(); ++axis) {
      bool among = !axes.has_value();
      if (axes) {
        for (const std::int64_t a : *axes) among = among || (a < 0 ? a + x.rank() : a) == axis;
      }
      if (!among) continue;
      count *= kept[axis];
      kept[axis] = 1;
    }
  }
  Tensor keep(const Tensor& y) const { return reshape(y, kept); }
  Tensor spread(const Tensor& y) const { return broadcast_to(keep(y), shape); }
};

/// Of max and min: all elements that equal the extreme share its gradient.
Tensor shared(const Reduced& r, const Tensor& x, const Tensor& y, const Tensor& dy) {
  const Tensor is_extreme = ops::cast(ops::equal(x, r.keep(y)), x.type());
  Axes axes = ArrayShape{};
  for (int axis = 0; axis < r.shape.rank(); ++axis) {
    if (r.kept[axis] != r.shape[axis]) axes->push_back(axis);
  }
  return is_extreme * (r.keep(dy) / ops::sum(is_extreme, axes, true));
}

bool has_zero(const Tensor& x) {
  const Tensor count = ops::count_nonzero(x);
  return *count.data<std::int64_t>() != x.size();
}

/// For each element the product of the others that go into the same result, without a division: of
/// those before it times those after it.
Tensor product_of_others(const Reduced& r, const Tensor& x) {
  ArrayShape order, inverse, flat, apart;
  for (int axis = 0; axis < r.shape.rank(); ++axis) {
    if (r.kept[axis] == r.shape[axis]) order.push_back(axis);
  }
  for (int axis = 0; axis < r.shape.rank(); ++axis) {
    if (r.kept[axis] != r.shape[axis]) order.push_back(axis);
  }
  inverse.resize(order.rank());
  for (int i = 0; i < order.rank(); ++i) {
    inverse[static_cast<int>(order[i])] = i;
    apart.push_back(r.shape[static_cast<int>(order[i])]);
  }
  flat = ArrayShape{x.size() / r.count, r.count};
  const Tensor rows = reshape(transpose(x, order), flat);
  std::vector<Tensor> columns, products;
  for (std::int64_t i = 0; i < r.count; ++i) columns.push_back(slice_axis(rows, 1, i, i + 1));
  Tensor before = ops::ones(x.type(), columns[0].shape());
  for (const Tensor& column : columns) {
    products.push_back(before);
    before = before * column;
  }
  Tensor after = ops::ones(x.type(), columns[0].shape());
  for (std::size_t i = columns.size(); i-- > 0;) {
    products[i] = products[i] * after;
    after = after * columns[i];
  }
  return transpose(reshape(concatenate(products, 1), apart), inverse);
}

}  // namespace

Tensor prod(const Tensor& x, const Axes& axes, bool keepdims) {
  Tensor y = ops::prod(x, axes, keepdims);
  record("prod", {&y}, {&x}, [&] {
    return [r = Reduced(x, axes), saved = Saved(x), saved_y = Saved::result(y)](Backward& pass) {
      const Tensor at = saved.get(pass), dy = r.keep(pass.dy());
      if (!has_zero(at)) {
        pass.accumulate_grad(0, dy * r.keep(saved_y.get(pass)) / at);
      } else {
        pass.accumulate_grad(0, dy * product_of_others(r, at));
      }
    };
  });
  return y;
}

Tensor sum(const Tensor& x, const Axes& axes, bool keepdims) {
  Tensor y = ops::sum(x, axes, keepdims);
  record("sum", {&y}, {&x}, [&] {
    return [r = Reduced(x, axes)](Backward& pass) { pass.accumulate_grad(0, r.spread(pass.dy())); };
  });
  return y;
}

Tensor mean(const Tensor& x, const Axes& axes, bool keepdims) {
  Tensor y = ops::mean(x, axes, keepdims);
  record("mean", {&y}, {&x}, [&] {
    return [r = Reduced(x, axes)](Backward& pass) {
      pass.accumulate_grad(0, r.spread(pass.dy() / static_cast<double>(r.count)));
    };
  });
  return y;
}

Tensor max(const Tensor& x, const Axes& axes, bool keepdims) {
  Tensor y = ops::max(x, axes, keepdims);
  record("max", {&y}, {&x}, [&] {
    return [r = Reduced(x, axes), saved_x = Saved(x), saved_y = Saved::result(y)](Backward& pass) {
      pass.accumulate_grad(0, shared(r, saved_x.get(pass), saved_y.get(pass), pass.dy()));
    };
  });
  return y;
}

Tensor min(const Tensor& x, const Axes& axes, bool keepdims) {
  Tensor y = ops::min(x, axes, keepdims);
  record("min", {&y}, {&x}, [&] {
    return [r = Reduced(x, axes), saved_x = Saved(x), saved_y = Saved::result(y)](Backward& pass) {
      pass.accumulate_grad(0, shared(r, saved_x.get(pass), saved_y.get(pass), pass.dy()));
    };
  });
  return y;
}

Tensor var(const Tensor& x, const Axes& axes, bool keepdims, double correction) {
  Tensor y = ops::var(x, axes, keepdims, correction);
  record("var", {&y}, {&x}, [&] {
    return [r = Reduced(x, axes), axes, correction, saved = Saved(x)](Backward& pass) {
      const Tensor at = saved.get(pass);
      const double scale = 2.0 / (static_cast<double>(r.count) - correction);
      pass.accumulate_grad(0, (at - mean(at, axes, true)) * (r.keep(pass.dy()) * scale));
    };
  });
  return y;
}

Tensor std(const Tensor& x, const Axes& axes, bool keepdims, double correction) {
  Tensor y = ops::std(x, axes, keepdims, correction);
  record("std", {&y}, {&x}, [&] {
    return [r = Reduced(x, axes), axes, correction, saved = Saved(x),
            saved_y = Saved::result(y)](Backward& pass) {
      const Tensor at = saved.get(pass), deviation = saved_y.get(pass);
      const double count = static_cast<double>(r.count) - correction;
      // Where all elements are equal there is no derivative: 0.
      const Tensor none = ops::equal(deviation, number_like(deviation, 0));
      const Tensor safe = where(none, number_like(deviation, 1), deviation);
      const Tensor scale = where(none, number_like(deviation, 0), pass.dy() / (safe * count));
      pass.accumulate_grad(0, (at - mean(at, axes, true)) * r.keep(scale));
    };
  });
  return y;
}

Tensor logsumexp(const Tensor& x, const Axes& axes, bool keepdims) {
  Tensor y = ops::logsumexp(x, axes, keepdims);
  record("logsumexp", {&y}, {&x}, [&] {
    return [r = Reduced(x, axes), saved = Saved(x), saved_y = Saved::result(y)](Backward& pass) {
      pass.accumulate_grad(0, exp(saved.get(pass) - r.keep(saved_y.get(pass))) * r.keep(pass.dy()));
    };
  });
  return y;
}

}  // namespace lamina::autograd
