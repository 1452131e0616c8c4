// Choices between values, and changes of type.
#include "autograd/operators.h"
#include "autograd/record.h"

namespace lamina::autograd {

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  Tensor y = ops::where(condition, a, b);
  record("where", {&y}, {&a, &b}, [&] {
    return [chosen = Saved(condition)](Backward& pass) {
      const Tensor dy = pass.dy(), zero = number_like(dy, 0), c = chosen.get(pass);
      if (pass.needs_grad(0)) pass.accumulate_grad(0, where(c, dy, zero));
      if (pass.needs_grad(1)) pass.accumulate_grad(1, where(c, zero, dy));
    };
  });
  return y;
}

Tensor clip(const Tensor& x, double low, double high) {
  Tensor y = ops::minimum(ops::maximum(x, number_like(x, low)), number_like(x, high));
  record("clip", {&y}, {&x}, [&] {
    return [low, high, saved = Saved(x)](Backward& pass) {
      const Tensor at = saved.get(pass), dy = pass.dy(), zero = number_like(dy, 0);
      const Tensor inside = ops::logical_and(ops::greater_equal(at, number_like(at, low)),
                                             ops::less_equal(at, number_like(at, high)));
      pass.accumulate_grad(0, where(inside, dy, zero));
    };
  });
  return y;
}

Tensor cast(const Tensor& x, ElementType type) {
  if (x.type() == type) return x;
  Tensor y = ops::cast(x, type);
  if (!ops::is_floating(type)) return y;
  record("cast", {&y}, {&x}, [&] { return [](Backward& pass) { pass.accumulate_grad(0, pass.dy()); }; });
  return y;
}

Tensor identity(const Tensor& x) {
  Tensor y = x.alias();
  record("identity", {&y}, {&x}, [&] { return [](Backward& pass) { pass.accumulate_grad(0, pass.dy()); }; });
  return y;
}

Tensor contiguous(const Tensor& x) { return x.contiguous() ? x : copy(x); }

Tensor copy(const Tensor& x) {
  Tensor y = ops::copy(x);
  record("copy", {&y}, {&x}, [&] { return [](Backward& pass) { pass.accumulate_grad(0, pass.dy()); }; });
  return y;
}

}  // namespace lamina::autograd
