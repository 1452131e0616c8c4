#include "nn/optimizers/optimizer_settings.h"

#include "core/error.h"
#include "numerics/elementary.h"
#include "numerics/scalar.h"

namespace lamina::nn {

namespace {

using Number = numerics::Lane<double>;

double power(double base, double exponent) {
  return numerics::pow(Number::splat(base), Number::splat(exponent)).value;
}
double root(double x) { return sqrt(Number::splat(x)).value; }

constexpr double kLargest = 1.7976931348623157e308;

void require(const char* name, double value, bool ok, const char* range) {
  if (!ok) throw ValueError(text("[optimizer] ", name, " must be ", range, ". Received: ", name, "=", value));
}
void require_share(const char* name, double value) {
  require(name, value, value >= 0.0 && value <= 1.0, "between 0 and 1");
}
void require_beta(const char* name, double value) {
  require(name, value, value >= 0.0 && value < 1.0, "at least 0 and less than 1");
}
void require_amount(const char* name, double value) {
  require(name, value, value >= 0.0 && value <= kLargest, "a finite number of at least 0");
}
void require_positive(const char* name, double value) {
  require(name, value, value > 0.0 && value <= kLargest, "a finite number above 0");
}
void require_count(const char* name, std::int64_t value, std::int64_t low) {
  if (value < low) {
    throw ValueError(text("[optimizer] ", name, " must be at least ", low, ". Received: ", name, "=", value));
  }
}

}  // namespace

void check(const OptimizerSettings& s) {
  require_amount("learning_rate", s.learning_rate);
  require_share("momentum", s.momentum);
  if (s.kind == OptimizerKind::lion) {  // may draw its momentum from the newest gradient, or from none
    require_share("beta_1", s.beta_1);
    require_share("beta_2", s.beta_2);
  } else {
    require_beta("beta_1", s.beta_1);
    require_beta("beta_2", s.beta_2);
  }
  if (s.kind == OptimizerKind::schedule_free) require_positive("beta_1", s.beta_1);
  require_count("warmup_steps", s.warmup_steps, 0);
  require_amount("epsilon", s.epsilon);
  require_share("rho", s.rho);
  require_amount("initial_accumulator_value", s.initial_accumulator_value);
  require("learning_rate_power", s.ftrl.learning_rate_power,
          s.ftrl.learning_rate_power <= 0.0 && s.ftrl.learning_rate_power >= -kLargest,
          "a finite number of at most 0");
  require_amount("l1_regularization_strength", s.ftrl.l1);
  require_amount("l2_regularization_strength", s.ftrl.l2);
  require_amount("l2_shrinkage_regularization_strength", s.ftrl.l2_shrinkage);
  require_amount("beta", s.ftrl.beta);
  require_amount("epsilon_1", s.adafactor.epsilon_1);
  require_amount("epsilon_2", s.adafactor.epsilon_2);
  require_positive("clip_threshold", s.adafactor.clip_threshold);
  require_count("ns_steps", s.muon.iterations, 0);
  require_count("history", s.lbfgs.history, 1);
  require_count("iterations_per_epoch", s.lbfgs.iterations_per_epoch, 1);
  require_count("max_evaluations", s.lbfgs.max_evaluations, 1);
  require_amount("tolerance_gradient", s.lbfgs.tolerance_gradient);
  require_amount("tolerance_change", s.lbfgs.tolerance_change);
  require("curvature", s.lbfgs.curvature,
          s.lbfgs.sufficient_decrease > 0.0 && s.lbfgs.sufficient_decrease < s.lbfgs.curvature &&
              s.lbfgs.curvature < 1.0,
          "less than 1 and more than sufficient_decrease, which must be above 0");
  if (s.weight_decay) require_amount("weight_decay", *s.weight_decay);
  if (s.muon.adam_weight_decay) require_amount("adam_weight_decay", *s.muon.adam_weight_decay);
  if (s.clipnorm) require_amount("clipnorm", *s.clipnorm);
  if (s.clipvalue) require_amount("clipvalue", *s.clipvalue);
  if (s.global_clipnorm) require_amount("global_clipnorm", *s.global_clipnorm);
  require_share("ema_momentum", s.ema_momentum);
  require_count("ema_overwrite_frequency", s.ema_overwrite_frequency, 0);
  require_count("gradient_accumulation_steps", s.gradient_accumulation_steps, 1);
  require_positive("loss_scale_factor", s.loss_scale_factor);
  require_amount("initial_scale", s.dynamic_scale);
  require_count("dynamic_growth_steps", s.dynamic_growth_steps, 1);
}

double bias_correction(double beta, std::int64_t t) { return 1.0 - power(beta, static_cast<double>(t)); }

double nadam_momentum(double beta_1, std::int64_t t) {
  return beta_1 * (1.0 - 0.5 * power(0.96, static_cast<double>(t)));
}

void fill_numbers(const OptimizerSettings& s, double rate, std::int64_t t, double nadam_product,
                  double (&n)[8]) {
  const double c1 = 1.0 - s.beta_1, c2 = 1.0 - s.beta_2;
  const auto set = [&n](std::initializer_list<double> numbers) {
    std::size_t i = 0;
    for (const double number : numbers) n[i++] = number;
  };
  switch (s.kind) {
    case OptimizerKind::amsgrad:
      return set(
          {rate * root(bias_correction(s.beta_2, t)) / bias_correction(s.beta_1, t), c1, c2, s.epsilon});
    case OptimizerKind::rmsprop:
    case OptimizerKind::rmsprop_momentum:
    case OptimizerKind::rmsprop_centered:
    case OptimizerKind::rmsprop_centered_momentum:
      return set({rate, 1.0 - s.rho, s.epsilon, s.momentum});
    case OptimizerKind::adadelta:
      return set({rate, 1.0 - s.rho, s.epsilon});
    case OptimizerKind::adagrad:
      return set({rate, s.epsilon});
    case OptimizerKind::adamax:
      return set({rate / bias_correction(s.beta_1, t), c1, s.beta_2, s.epsilon});
    case OptimizerKind::nadam: {
      const double now = nadam_momentum(s.beta_1, t), next = nadam_momentum(s.beta_1, t + 1);
      return set({rate * next / (1.0 - nadam_product * next), rate * (1.0 - now) / (1.0 - nadam_product), c1,
                  c2, 1.0 / bias_correction(s.beta_2, t), s.epsilon});
    }
    case OptimizerKind::schedule_free: {
      const double warm =
          t < s.warmup_steps ? static_cast<double>(t) / static_cast<double>(s.warmup_steps) : 1.0;
      return set({rate * warm, c2, 1.0 / bias_correction(s.beta_2, t), s.epsilon, s.beta_1, c1,
                  1.0 / static_cast<double>(t)});
    }
    case OptimizerKind::ftrl:
    case OptimizerKind::ftrl_power: {
      const double l2 = s.ftrl.l2 + (s.ftrl.beta == 0.0 ? 0.0 : s.ftrl.beta / (2.0 * rate));
      return set({rate, s.ftrl.l1, 2.0 * l2, 2.0 * s.ftrl.l2_shrinkage, -s.ftrl.learning_rate_power});
    }
    case OptimizerKind::lion:
      return set({rate, s.beta_1, c1, s.beta_2, c2});
    case OptimizerKind::lamb:
      return set({c1, c2, 1.0 / bias_correction(s.beta_1, t), 1.0 / bias_correction(s.beta_2, t), s.epsilon});
    default:
      return;
  }
}

}  // namespace lamina::nn
