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
  // Element by element, then the mean of a row (kl_divergence: the sum).
  mean_absolute_percentage_error,
  mean_squared_logarithmic_error,
  log_cosh,
  binary_focal_crossentropy,
  poisson,
  hinge,
  squared_hinge,
  quantile,
  kl_divergence,
  // A row as a whole.
  categorical_focal_crossentropy,
  cosine_similarity,
  categorical_hinge,
  dice,
  tversky,
  categorical_generalized_cross_entropy,
  circle,  // the rows of a batch in pairs
};

/// Whether targets are one integer for each row.
constexpr bool takes_labels(LossKind kind) {
  return kind == LossKind::sparse_categorical_crossentropy ||
         kind == LossKind::categorical_generalized_cross_entropy || kind == LossKind::circle;
}
/// Whether those integers are columns of the prediction; else any that are not negative.
constexpr bool labels_are_columns(LossKind kind) { return kind != LossKind::circle; }

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
  double label_smoothing = 0.0;  // crossentropies with dense targets
  double delta = 1.0;            // huber
  double alpha = 0.25;           // focal: weight of the class; tversky: of what was missed
  double beta = 0.5;             // tversky: weight of what was found wrongly
  double gamma = 2.0;            // focal: exponent
  double quantile = 0.5;
  double exponent = 0.5;           // generalized cross entropy
  double margin = 0.4;             // circle; its scale is gamma
  bool remove_diagonal = true;     // circle: a row is no partner of itself
  const double* alphas = nullptr;  // categorical focal: alpha of each column, `classes` of them; or null
  std::int64_t classes = 0;
  bool class_balancing = false;   // binary focal: alpha for class 1, 1 - alpha for class 0
  bool whole_batch = false;       // dice, tversky: one value for all rows together
  bool ignores_class = false;     // sparse crossentropy: rows of this label do not count
  std::int64_t ignore_class = 0;  // may lie outside of the classes
};

/// How a batch's row losses become the number that is minimised.
enum class LossReduction : std::uint8_t {
  mean,           ///< their sum over the number of rows that count
  weighted_mean,  ///< over the sum of those rows' weights
  sum,
};

/// What a class index becomes where the target is NaN: a row that does not count.
inline constexpr std::int32_t kMissingLabel = std::numeric_limits<std::int32_t>::min();

/// How a metric is added up; what it makes of the sums: device/metric.h.
enum class MetricKind : std::uint8_t {
  // Means of a value for each row.
  binary_accuracy,
  categorical_accuracy,
  sparse_categorical_accuracy,
  mean_squared_error,
  mean_absolute_error,
  loss,  // any loss's value
  accuracy,
  top_k_categorical_accuracy,
  sparse_top_k_categorical_accuracy,
  pearson_correlation,
  concordance_correlation,
  // Counts.
  confusion,  // positives and negatives by the thresholds that they pass
  fbeta,      // hits and misses of each column
  iou,        // the table of classes against predicted classes
  // Moments of each column.
  r2,
};

/// Formulas: cpu/optimizer/optimizer.h for the first group and the element-wise rules of the second,
/// nn/matrix_rules.h and nn/optimizers/lbfgs.h for the others. Slots in their order.
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
  schedule_free,              // momentum, velocity
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
enum class VectorKind : std::uint8_t {
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
  flush,         // |x| < a ? +0 : x
  lift,          // 0 < x && x < a ? a : x
};

/// How a row is normalised (formulas in cpu/normalization/normalization.h).
enum class RowNormalizationKind : std::uint8_t {
  standard,       // mean 0, variance 1
  rms,            // root mean square 1
  variance_only,  // variance 1, the mean left as it is
  unit,           // Euclidean norm 1
};

/// out = ... element by element (cpu/elementwise/elementwise.h).
enum class ElementwiseKind : std::uint8_t {
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
