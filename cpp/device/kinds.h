// What a device can be asked to compute: the kinds and their parameters. Plain enough for
// every compiler and instruction set; device/arguments.h adds the memory they act on.
#pragma once

#include <cstdint>
#include <limits>

namespace lamina {

/// Element-wise functions, and softmax, log_softmax and sparsemax over the last axis.
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
  threshold,
  sparse_plus,
  sparse_sigmoid,
  squareplus,
  hard_tanh,
  hard_silu,
  hard_shrink,
  soft_shrink,
  tanh_shrink,
  log_sigmoid,
  softmax,
  log_softmax,
  sparsemax,
};

/// relu's maximum when there is none.
inline constexpr double kUnbounded = std::numeric_limits<double>::infinity();

/// A function and its parameters (formulas in numerics/activation.h):
///   relu        a = negative slope, b = maximum (infinity: none), c = threshold
///   leaky_relu  a = negative slope
///   elu, celu   a = alpha
///   threshold   a = threshold, b = the value below it
///   squareplus  a = smoothness
///   hard_shrink, soft_shrink  a = threshold
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

enum class OptimizerKind : std::uint8_t {
  sgd,       // parameter -= rate * gradient
  momentum,  // slot 0: velocity
  nesterov,  // slot 0: velocity
  adam,      // slot 0: m, slot 1: v
};

/// How a row is normalised (formulas in cpu/normalization/normalization.h).
enum class RowNormalizationKind : std::uint8_t {
  standard,       // mean 0, variance 1
  rms,            // root mean square 1
  variance_only,  // variance 1, the mean left as it is
  unit,           // Euclidean norm 1
};

/// out = ... element by element (cpu/elementwise/elementwise.h).
enum class CombineKind : std::uint8_t {
  add,       // a + b
  multiply,  // a * b
  choose,    // b > 0 ? a * p + q : r
  fill,      // p
};

/// y of x and two constants of its column (cpu/elementwise/elementwise.h).
enum class RescaleKind : std::uint8_t {
  multiply_add,     // x * a + b
  subtract_divide,  // (x - a) / b
  times,            // x * a
  over,             // x / b
};

/// What holds for a parameter after each step (cpu/penalty/penalty.h).
enum class ConstraintKind : std::uint8_t { max_norm, min_max_norm, non_negative, unit_norm };

}  // namespace lamina
