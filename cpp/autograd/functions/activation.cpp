// Activations: one kernel there and one back. When the way back is itself recorded, for second
// derivatives, the derivative is put together from differentiable functions instead.
#include <cmath>

#include "autograd/operators.h"
#include "autograd/record.h"
#include "core/error.h"
#include "device/arguments.h"
#include "device/device.h"
#include "device/names.h"
#include "ops/ops.h"

namespace lamina::autograd {

namespace {

/// 1 where the condition holds, else 0.
Tensor step(const Tensor& condition, const Tensor& like) {
  return where(condition, number_like(like, 1), number_like(like, 0));
}
Tensor above(const Tensor& x, double bound) { return ops::greater(x, number_like(x, bound)); }
Tensor below(const Tensor& x, double bound) { return ops::less(x, number_like(x, bound)); }
Tensor choose(const Tensor& condition, const Tensor& x, const Tensor& y) { return where(condition, x, y); }
/// 1 where low < x < high, else 0.
Tensor inside(const Tensor& x, double low, double high) {
  return step(above(x, low), x) * step(below(x, high), x);
}

/// Elementary functions of an x that may lie outside of the range where they are meant: kept in it, so
/// that what a where() does not choose has no NaN as its derivative.
Tensor kept(const Tensor& x, double low, double high) { return clip(x, low, high); }

/// The derivative by the formulas of numerics/activation.h; `s` is what derivative_from() says.
Tensor slope(const Activation& f, const Tensor& s) {
  const Tensor one = number_like(s, 1);
  switch (f.kind) {
    case ActivationKind::linear:
      return ops::ones(s.type(), s.shape());
    case ActivationKind::relu:
    case ActivationKind::leaky_relu:
    case ActivationKind::relu6: {
      const double high = f.kind == ActivationKind::relu6  ? 6.0
                          : f.kind == ActivationKind::relu ? f.b
                                                           : kUnbounded;
      const double start = f.kind == ActivationKind::relu ? f.c : 0.0;
      const double low_slope = f.kind == ActivationKind::relu6 ? 0.0 : f.a;
      const Tensor up = std::isinf(high) ? one : inside(s, 0.0, high);
      return choose(above(s, start), up, number_like(s, low_slope));
    }
    case ActivationKind::elu: {
      const bool output = derivative_from(f) == DerivativeFrom::output;
      const Tensor low = output ? s + f.a : exp(kept(s, -kUnbounded, 0)) * f.a;
      return choose(above(s, 0), one, low);
    }
    case ActivationKind::selu:
      return choose(above(s, 0), number_like(s, 1.0507009873554804934), s + 1.7580993408473768599);
    case ActivationKind::celu:
      return choose(above(s, 0), one, s / f.a + 1);
    case ActivationKind::sigmoid:
      return s * (1 - s);
    case ActivationKind::hard_sigmoid:
      return inside(s, 0, 1) * (1.0 / 6.0);
    case ActivationKind::sparse_sigmoid:
      return inside(s, 0, 1) * 0.5;
    case ActivationKind::hard_tanh:
      return inside(s, -1, 1);
    case ActivationKind::tanh:
      return 1 - s * s;
    case ActivationKind::softplus:
      return -expm1(-s);
    case ActivationKind::log_sigmoid:
      return -expm1(s);
    case ActivationKind::softsign:
      return square(1 - absolute(s));
    case ActivationKind::exponential:
      return s;
    case ActivationKind::silu: {
      const Tensor gate = sigmoid(s);
      return gate * (s * (1 - gate) + 1);
    }
    case ActivationKind::gelu: {
      const Tensor cdf = (erf(s * std::sqrt(0.5)) + 1) * 0.5;
      return cdf + s * exp(s * s * -0.5) * 0.39894228040143267794;
    }
    case ActivationKind::gelu_tanh: {
      const double linear = 1.5957691216057307117, cubic = 0.0713548162726002527;
      const Tensor t = kept(s, -64, 64);
      const Tensor gate = sigmoid(t * (t * t * cubic + linear));
      return gate + t * (gate * (1 - gate)) * (t * t * (3.0 * cubic) + linear);
    }
    case ActivationKind::mish: {
      const Tensor t = kept(s, -1000, 32), e = exp(t), n = e * (e + 2);
      return n / (n + 2) + t * 4 * (e / (n + 2)) * ((e + 1) / (n + 2));
    }
    case ActivationKind::threshold:
      return step(above(s, f.a), s);
    case ActivationKind::sparse_plus:
      return choose(above(s, -1), choose(below(s, 1), (s + 1) * 0.5, one), number_like(s, 0));
    case ActivationKind::squareplus:
      return (s / sqrt(s * s + f.a) + 1) * 0.5;
    case ActivationKind::hard_silu:
      return choose(above(s, -3), choose(below(s, 3), s / 3 + 0.5, one), number_like(s, 0));
    case ActivationKind::hard_shrink:
    case ActivationKind::soft_shrink:
      return step(above(absolute(s), f.a), s);
    case ActivationKind::tanh_shrink:
      return square(tanh(s));
    default:
      throw ValueError(text("[", name_of(f.kind), "] there is no element-wise derivative"));
  }
}

/// dy times the Jacobian of softmax, log_softmax or sparsemax, from the output.
Tensor row_derivative(const Activation& f, const Tensor& y, const Tensor& dy) {
  const ArrayShape last{y.rank() - 1};
  switch (f.kind) {
    case ActivationKind::softmax:
      return y * (dy - sum(dy * y, last, true));
    case ActivationKind::log_softmax:
      return dy - exp(y) * sum(dy, last, true);
    default: {
      const Tensor support = step(above(y, 0), y);
      return support * (dy - sum(dy * support, last, true) / sum(support, last, true));
    }
  }
}

}  // namespace

Tensor activation_backward(const Activation& f, const Tensor& saved, const Tensor& dy) {
  if (!would_record(saved, dy)) return ops::activate_backward(f, saved, dy);
  return is_elementwise(f) ? dy * slope(f, saved) : row_derivative(f, saved, dy);
}

Tensor activation(const Activation& f, const Tensor& x) {
  if (x.rank() == 0 && !is_elementwise(f)) {
    throw ValueError(
        text("[", name_of(f.kind), "] the input must have an axis to normalise over. Received: shape=()"));
  }
  if (!ops::is_floating(x.type())) return activation(f, cast(x, ops::default_float()));
  Tensor y = ops::activate(f, x);
  record(name_of(f.kind), {&y}, {&x}, [&] {
    const bool output = derivative_from(f) == DerivativeFrom::output;
    return [f, saved = output ? Saved::result(y) : Saved(x)](Backward& pass) {
      pass.accumulate_grad(0, activation_backward(f, saved.get(pass), pass.dy()));
    };
  });
  return y;
}

}  // namespace lamina::autograd
