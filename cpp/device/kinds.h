// What a device can be asked to compute: the kinds and their parameters. Plain enough for
// every compiler and instruction set; device/arguments.h adds the memory they act on.
#pragma once

#include <cstdint>
#include <limits>

namespace lamina {

/// Element-wise functions, and softmax and log_softmax over the last axis.
enum class ActivationKind : std::uint8_t {
  linear,
  relu,
  relu6,
  leaky_relu,
  elu,
  selu,
  celu,
  sigmoid,
  hard_sigmoid,
  tanh,
  softplus,
  softsign,
  silu,
  gelu,       // exact: x * Phi(x)
  gelu_tanh,  // the tanh approximation
  mish,
  exponential,
  softmax,
  log_softmax,
};

/// relu's maximum when there is none.
inline constexpr double kUnbounded = std::numeric_limits<double>::infinity();

/// A function and its parameters (formulas in numerics/activation.h):
///   relu        a = negative slope, b = maximum (infinity: none), c = threshold
///   leaky_relu  a = negative slope
///   elu, celu   a = alpha
///   others      none
struct Activation {
  ActivationKind kind = ActivationKind::linear;
  double a = 0.0;
  double b = kUnbounded;
  double c = 0.0;
};

enum class LossKind : std::uint8_t {
  mean_squared_error,
  mean_absolute_error,
  huber,
  binary_crossentropy,
  categorical_crossentropy,
  sparse_categorical_crossentropy,
};

/// What the prediction given to a loss is.
enum class PredictionForm : std::uint8_t {
  values,                ///< as the model returns it (for crossentropies: probabilities)
  logits,                ///< the loss applies sigmoid or softmax itself (from_logits=True)
  logits_of_activation,  ///< as logits, because the model's last sigmoid or softmax was left to
                         ///< the loss; the same arithmetic, and `output` receives the activation
};

struct LossSpecification {
  LossKind kind = LossKind::mean_squared_error;
  bool from_logits = false;
  double label_smoothing = 0.0;  // the two crossentropies with dense targets
  double delta = 1.0;            // huber
};

enum class MetricKind : std::uint8_t {
  binary_accuracy,  // a = threshold
  categorical_accuracy,
  sparse_categorical_accuracy,
  mean_squared_error,
  mean_absolute_error,
};

struct MetricSpecification {
  MetricKind kind = MetricKind::mean_squared_error;
  double a = 0.5;
};

/// Formulas: cpu/optimizer/optimizer.h for the first group and the element-wise rules of the second,
/// nn/matrix_rules.h and nn/lbfgs.h for the others. Slots in their order.
enum class OptimizerKind : std::uint8_t {
  sgd,       // parameter -= rate * gradient
  momentum,  // slot 0: velocity
  nesterov,  // slot 0: velocity
  adam,      // slot 0: m, slot 1: v
  // Rules that take their numbers as a list.
  amsgrad,                    // momentum, velocity, velocity_hat
  rmsprop,                    // velocity
  rmsprop_momentum,           // velocity, momentum
  rmsprop_centered,           // velocity, average_gradient
  rmsprop_centered_momentum,  // velocity, momentum, average_gradient
  adadelta,                   // accumulated_grad, accumulated_delta_var
  adagrad,                    // accumulator
  adamax,                     // momentum, norm
  nadam,                      // momentum, velocity
  ftrl,                       // accumulator, linear
  ftrl_power,                 // the same, with any learning_rate_power
  lion,                       // momentum
  lamb,                       // momentum, velocity; the rule computes the step, not the parameter
  // Made of several calls.
  adafactor,  // row, column, velocity
  muon,       // momentum, velocity
  lbfgs,      // no slots: a history of steps
};

/// The element-wise rules that update() takes: all before adafactor.
inline constexpr bool is_elementwise(OptimizerKind kind) { return kind < OptimizerKind::adafactor; }

/// Arithmetic over flat ranges, element by element: out from x, y and two numbers a, b. Each
/// operation is rounded once; fma(a, b, c) is a * b + c rounded once.
enum class FlatKind : std::uint8_t {
  scale,         // a * x
  divide,        // x / a
  add_scaled,    // fma(a, x, y)
  add_divide,    // (x + y) / a
  blend,         // fma(a, x, b * y)
  square_add,    // fma(x, x, a)
  over_root,     // x / sqrt(y)
  scale_divide,  // (a * x) / b
  clamp,         // x < -a ? -a : x > a ? a : x
  decay,         // x - (x * a) * b
};

}  // namespace lamina
