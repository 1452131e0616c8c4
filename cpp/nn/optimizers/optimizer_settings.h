// What an optimizer is told: its rule, the rule's numbers, and what is common to all rules.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "device/kinds.h"
#include "nn/optimizers/schedule.h"

namespace lamina::nn {

struct FtrlSettings {
  double learning_rate_power = -0.5;
  double l1 = 0.0, l2 = 0.0, l2_shrinkage = 0.0, beta = 0.0;
};

struct AdafactorSettings {
  double beta_2_decay = -0.8, epsilon_1 = 1e-30, epsilon_2 = 1e-3, clip_threshold = 1.0;
};

struct MuonSettings {
  double a = 3.4445, b = -4.7750, c = 2.0315;  ///< of the Newton-Schulz iteration
  std::int64_t iterations = 5;
  bool nesterov = true;
  std::optional<double> rms_rate = 0.2;
  double adam_lr_ratio = 1.0;
  std::optional<double> adam_weight_decay;
  std::vector<std::int64_t> adam_parameters;  ///< these take Adam's rule; so do all but matrices
};

struct LbfgsSettings {
  std::int64_t history = 10;
  std::int64_t iterations_per_epoch = 1;
  std::int64_t max_evaluations = 25;  ///< of one line search
  double sufficient_decrease = 1e-4, curvature = 0.9;
  double tolerance_gradient = 1e-5, tolerance_change = 1e-9;
};

struct OptimizerSettings {
  OptimizerKind kind = OptimizerKind::sgd;
  double learning_rate = 0.01;
  double momentum = 0.0;
  double beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7;
  double rho = 0.9;
  double initial_accumulator_value = 0.1;
  std::int64_t warmup_steps = 0;  ///< schedule_free
  FtrlSettings ftrl;
  AdafactorSettings adafactor;
  MuonSettings muon;
  LbfgsSettings lbfgs;

  // Common to all rules but L-BFGS; what is off costs nothing.
  std::optional<double> weight_decay;
  std::vector<std::int64_t> without_decay;  ///< parameters that are excluded
  std::optional<double> clipnorm, clipvalue, global_clipnorm;
  bool use_ema = false;
  double ema_momentum = 0.99;
  std::int64_t ema_overwrite_frequency = 0;  ///< 0: never
  std::int64_t gradient_accumulation_steps = 1;
  double loss_scale_factor = 1.0;
  double dynamic_scale = 0.0;  ///< the first dynamic loss scale; 0: none
  std::int64_t dynamic_growth_steps = 2000;

  Schedule schedule;                                       ///< instead of learning_rate
  std::function<double(std::int64_t step)> rate_function;  ///< the same, of the user's own
};

/// ValueError for any number outside its range.
void check(const OptimizerSettings& settings);

/// UpdateArguments::numbers of an element-wise rule at step t (from 1); nadam_product is the product of
/// its momenta up to and with step t.
void fill_numbers(const OptimizerSettings& settings, double rate, std::int64_t t, double nadam_product,
                  double (&numbers)[8]);
/// Nadam's momentum at step t: beta_1 * (1 - 0.5 * 0.96^t).
double nadam_momentum(double beta_1, std::int64_t t);
/// 1 - beta^t in double.
double bias_correction(double beta, std::int64_t t);

}  // namespace lamina::nn
