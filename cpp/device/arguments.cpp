#include "device/arguments.h"

#include <algorithm>
#include <cstddef>
#include <span>

#include "core/error.h"
#include "device/names.h"
#include "numerics/activation.h"
#include "numerics/scalar.h"

namespace lamina {

namespace {

// Each list is in the order of its enumerators.
constexpr std::string_view kActivations[] = {
    "linear",      "relu",           "relu6",        "leaky_relu", "elu",         "selu",
    "celu",        "sigmoid",        "hard_sigmoid", "tanh",       "softplus",    "softsign",
    "silu",        "gelu",           "gelu_tanh",    "mish",       "exponential", "threshold",
    "sparse_plus", "sparse_sigmoid", "squareplus",   "hard_tanh",  "hard_silu",   "hard_shrink",
    "soft_shrink", "tanh_shrink",    "log_sigmoid",  "softmax",    "log_softmax", "sparsemax",
};
constexpr std::string_view kLosses[] = {
    "mean_squared_error",
    "mean_absolute_error",
    "huber",
    "binary_crossentropy",
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
    "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error",
    "log_cosh",
    "binary_focal_crossentropy",
    "poisson",
    "hinge",
    "squared_hinge",
    "quantile",
    "kl_divergence",
    "categorical_focal_crossentropy",
    "cosine_similarity",
    "categorical_hinge",
    "dice",
    "tversky",
    "categorical_generalized_cross_entropy",
    "circle",
};
constexpr std::string_view kMetrics[] = {
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
    "mean_squared_error",
    "mean_absolute_error",
    "loss",
    "accuracy",
    "top_k_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "pearson_correlation",
    "concordance_correlation",
    "confusion",
    "fbeta",
    "iou",
    "r2",
};
constexpr std::string_view kOptimizers[] = {
    "sgd",
    "momentum",
    "nesterov",
    "adam",
    "amsgrad",
    "rmsprop",
    "rmsprop_momentum",
    "rmsprop_centered",
    "rmsprop_centered_momentum",
    "adadelta",
    "adagrad",
    "adamax",
    "nadam",
    "schedule_free",
    "ftrl",
    "ftrl_power",
    "lion",
    "lamb",
    "adafactor",
    "muon",
    "lbfgs",
};

static_assert(std::size(kActivations) == static_cast<int>(ActivationKind::sparsemax) + 1);
static_assert(std::size(kLosses) == static_cast<int>(LossKind::circle) + 1);
static_assert(std::size(kMetrics) == static_cast<int>(MetricKind::r2) + 1);
static_assert(std::size(kOptimizers) == static_cast<int>(OptimizerKind::lbfgs) + 1);

using Names = std::span<const std::string_view>;

/// How many characters must be inserted, deleted or replaced to make one of the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

/// The name closest to `wrong`, or none if none is close: a third of it may differ.
std::string_view closest(Names names, std::string_view wrong) {
  constexpr std::size_t longest = 64;
  if (wrong.size() > longest) return {};
  std::string_view best;
  std::size_t least = std::max<std::size_t>(2, wrong.size() / 3) + 1;
  for (std::string_view name : names) {
    const std::size_t distance = edit_distance(name, wrong);
    if (distance < least && distance < name.size()) {
      least = distance;
      best = name;
    }
  }
  return best;
}

template <class Kind>
Kind kind_from_name(const char* what, Names names, std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return static_cast<Kind>(found - names.begin());
  std::string message = text("[", what, "] there is no ", what, " of that name.");
  const std::string_view suggestion = closest(names, name);
  if (!suggestion.empty()) message += text(" Did you mean '", suggestion, "'?");
  message += " The names are ";
  for (std::size_t i = 0; i < names.size(); ++i) message += text(i == 0 ? "'" : ", '", names[i], "'");
  throw ValueError(message + text(". Received: '", name.substr(0, 200), "'"));
}

std::vector<std::string> listed(Names names) { return {names.begin(), names.end()}; }

}  // namespace

DerivativeFrom derivative_from(const Activation& activation) {
  using V = numerics::Lane<double>;
  bool output = true;
  switch (activation.kind) {
    case ActivationKind::relu:
      output = numerics::BoundedRelu<V>::saves_output(activation.a, activation.b, activation.c);
      break;
    case ActivationKind::leaky_relu:
      output = numerics::BoundedRelu<V>::saves_output(activation.a, kUnbounded, 0.0);
      break;
    case ActivationKind::elu:
      output = numerics::Elu<V>::saves_output(activation.a);
      break;
    case ActivationKind::silu:
    case ActivationKind::gelu:
    case ActivationKind::gelu_tanh:
    case ActivationKind::mish:
    case ActivationKind::threshold:
    case ActivationKind::sparse_plus:
    case ActivationKind::squareplus:
    case ActivationKind::hard_silu:
    case ActivationKind::hard_shrink:
    case ActivationKind::soft_shrink:
    case ActivationKind::tanh_shrink:
      output = false;
      break;
    default:
      break;
  }
  return output ? DerivativeFrom::output : DerivativeFrom::input;
}

bool is_elementwise(const Activation& activation) {
  return activation.kind != ActivationKind::softmax && activation.kind != ActivationKind::log_softmax &&
         activation.kind != ActivationKind::sparsemax;
}

int slot_count(OptimizerKind kind) {
  switch (kind) {
    case OptimizerKind::sgd:
    case OptimizerKind::lbfgs:
      return 0;
    case OptimizerKind::momentum:
    case OptimizerKind::nesterov:
    case OptimizerKind::rmsprop:
    case OptimizerKind::adagrad:
    case OptimizerKind::lion:
      return 1;
    case OptimizerKind::adam:
    case OptimizerKind::rmsprop_momentum:
    case OptimizerKind::rmsprop_centered:
    case OptimizerKind::adadelta:
    case OptimizerKind::adamax:
    case OptimizerKind::nadam:
    case OptimizerKind::schedule_free:
    case OptimizerKind::ftrl:
    case OptimizerKind::ftrl_power:
    case OptimizerKind::lamb:
    case OptimizerKind::muon:
      return 2;
    case OptimizerKind::amsgrad:
    case OptimizerKind::rmsprop_centered_momentum:
    case OptimizerKind::adafactor:
      return 3;
  }
  return 0;
}

GemmArguments dense_product(DType dtype, std::int64_t m, std::int64_t n, std::int64_t k, const void* a,
                            bool a_turned, const void* b, bool b_turned, void* c) {
  GemmArguments g;
  g.dtype = dtype;
  g.m = m, g.n = n, g.k = k;
  g.a = a, g.b = b, g.c = c;
  g.a_row = a_turned ? 1 : k;
  g.a_column = a_turned ? m : 1;
  g.b_row = b_turned ? 1 : n;
  g.b_column = b_turned ? k : 1;
  g.c_row = n;
  return g;
}

std::optional<LossArguments> loss_of(const MetricArguments& metric) {
  LossArguments l;
  switch (metric.metric->kind) {
    case MetricKind::mean_squared_error:
      l.loss.kind = LossKind::mean_squared_error;
      break;
    case MetricKind::mean_absolute_error:
      l.loss.kind = LossKind::mean_absolute_error;
      break;
    case MetricKind::loss:
      l.loss = metric.metric->loss;
      break;
    default:
      return std::nullopt;
  }
  l.dtype = metric.dtype;
  l.form = l.loss.from_logits ? PredictionForm::logits : PredictionForm::values;
  l.rows = metric.rows;
  l.columns = metric.columns;
  l.prediction = metric.prediction;
  l.target = metric.target;
  l.skip_missing = metric.skip_missing;
  return l;
}

std::string_view name_of(ActivationKind kind) { return kActivations[static_cast<std::size_t>(kind)]; }
std::string_view name_of(LossKind kind) { return kLosses[static_cast<std::size_t>(kind)]; }
std::string_view name_of(MetricKind kind) { return kMetrics[static_cast<std::size_t>(kind)]; }
std::string_view name_of(OptimizerKind kind) { return kOptimizers[static_cast<std::size_t>(kind)]; }

ActivationKind activation_from_name(std::string_view name) {
  return kind_from_name<ActivationKind>("activation", kActivations, name);
}
LossKind loss_from_name(std::string_view name) { return kind_from_name<LossKind>("loss", kLosses, name); }
MetricKind metric_from_name(std::string_view name) {
  return kind_from_name<MetricKind>("metric", kMetrics, name);
}
OptimizerKind optimizer_from_name(std::string_view name) {
  return kind_from_name<OptimizerKind>("optimizer", kOptimizers, name);
}

std::vector<std::string> activation_names() { return listed(kActivations); }
std::vector<std::string> loss_names() { return listed(kLosses); }
std::vector<std::string> metric_names() { return listed(kMetrics); }
std::vector<std::string> optimizer_names() { return listed(kOptimizers); }

}  // namespace lamina
