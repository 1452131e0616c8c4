#include "nn/training/trainer.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/float_environment.h"
#include "device/names.h"
#include "nn/layers/activation_layer.h"

namespace lamina::nn {

namespace {

bool is_crossentropy_of(LossKind loss, ActivationKind activation) {
  switch (loss) {
    case LossKind::binary_crossentropy:
      return activation == ActivationKind::sigmoid;
    case LossKind::categorical_crossentropy:
    case LossKind::sparse_categorical_crossentropy:
      return activation == ActivationKind::softmax;
    default:
      return false;
  }
}

}  // namespace

Trainer::LossPlan Trainer::plan_loss(const LossSpecification& loss) const {
  const auto& operations = network.operations();
  LossPlan plan;
  plan.operations = operations.size();
  if (loss.from_logits) {
    plan.form = PredictionForm::logits;
    return plan;
  }
  if (operations.empty()) return plan;
  const Layer& last = *operations.back();
  if (is_crossentropy_of(loss.kind, last.fused_activation().kind)) {
    plan.form = PredictionForm::logits_of_activation;
    plan.skip_fused_activation = true;
  } else if (const auto* activation = dynamic_cast<const ActivationLayer*>(&last);
             activation != nullptr && is_crossentropy_of(loss.kind, activation->function().kind)) {
    plan.form = PredictionForm::logits_of_activation;
    plan.operations -= 1;
  }
  return plan;
}

void Trainer::compile(const Objective& objective, const OptimizerSettings& settings) {
  const Exclusive exclusive = parameters.exclude();
  const Shape& output = network.output_shape();
  if (output.empty()) throw ValueError("[compile] the network's output must have at least one axis");
  for (const MetricSpecification& metric : objective.metrics) {
    check_metric(metric, output.back());
    if (takes_labels(metric) != takes_labels(objective.loss.kind)) {
      throw ValueError(
          text("[compile] metric '", name_of(metric.kind), "' takes ",
               takes_labels(metric) ? "integer labels" : "targets shaped like the prediction", ", but loss '",
               name_of(objective.loss.kind), "' takes ",
               takes_labels(objective.loss.kind) ? "integer labels" : "targets shaped like the prediction"));
    }
  }
  if (objective.loss.alphas != nullptr && objective.loss.classes != output.back()) {
    throw ValueError(text("[compile] alpha must have one number for each of the ", output.back(),
                          " classes. Received: ", objective.loss.classes, " numbers"));
  }
  if (!(objective.loss_weight >= 0.0 && objective.loss_weight < kUnbounded)) {
    throw ValueError(
        text("[compile] loss_weights must be finite and not negative. Received: ", objective.loss_weight));
  }
  if (takes_labels(objective.loss.kind) && output.back() > std::int64_t{1} << 31) {
    throw ValueError("[compile] sparse labels reach at most 2^31 - 1");
  }
  network.build_gradients();
  auto optimizer = std::make_unique<Optimizer>(settings, store());
  std::vector<std::size_t> offsets;
  std::size_t state = 0;
  for (const MetricSpecification& metric : objective.metrics) {
    offsets.push_back(state);
    state += static_cast<std::size_t>(state_size(metric, output.back()));
  }
  std::vector<double> sums(state), pending(state);
  Objective copy = objective;

  const std::unique_lock lock(store().lock());
  recorded_.clear();
  plan_ = plan_loss(copy.loss);
  objective_ = std::move(copy);
  target_form_ = takes_labels(objective_.loss.kind) ? TargetForm::labels : TargetForm::values;
  parameters.set_optimizer(std::move(optimizer));
  metric_state_ = std::move(sums);
  pending_state_ = std::move(pending);
  metric_offsets_ = std::move(offsets);
  loss_total_ = loss_count_ = 0.0;
}

void Trainer::set_optimizer(const OptimizerSettings& settings) {
  const Exclusive exclusive = parameters.exclude();
  network.build_gradients();
  parameters.set_optimizer(settings);
  recorded_.clear();
}

std::int64_t Trainer::positions() const {
  return element_count(network.output_shape()) / network.output_shape().back();
}

void Trainer::check(const Samples& samples) const {
  if (!compiled()) throw StateError("[Network] call compile() before training or evaluating");
  check_inputs(samples.x, network.input_shape());
  const LossSpecification& loss = objective_.loss;
  check_targets(network.device(), samples, network.output_shape(),
                {target_form_, objective_.skip_missing, loss.ignores_class, loss.ignore_class,
                 labels_are_columns(loss.kind)});
}

void Trainer::set_trainable(std::int64_t layer, bool trainable) {
  const Exclusive exclusive = parameters.exclude();
  network.build();
  const std::unique_lock lock(store().lock());
  recorded_.clear();
  network.set_trainable(layer, trainable);
}

void Trainer::reset_metrics() {
  loss_total_ = loss_count_ = 0.0;
  std::fill(metric_state_.begin(), metric_state_.end(), 0.0);
}

std::vector<double> Trainer::metric_values() const {
  std::vector<double> values{mean_loss()};
  for (std::size_t i = 0; i < metric_offsets_.size(); ++i) {
    append_result(objective_.metrics[i], network.output_shape().back(), state_of_metric(i), values);
  }
  return values;
}

std::vector<double> Trainer::metric_state() const {
  std::vector<double> state{loss_total_, loss_count_};
  state.insert(state.end(), metric_state_.begin(), metric_state_.end());
  return state;
}

void Trainer::set_metric_state(const std::vector<double>& state) {
  if (state.size() != 2 + metric_state_.size()) {
    throw ValueError(text("[Network] this network keeps ", 2 + metric_state_.size(),
                          " numbers. Received: ", state.size()));
  }
  loss_total_ = state[0];
  loss_count_ = state[1];
  std::copy(state.begin() + 2, state.end(), metric_state_.begin());
}

void Trainer::set_steps_seen(std::int64_t n) {
  if (n < 0) throw ValueError(text("[Network] steps_seen cannot be negative. Received: ", n));
  steps_seen_ = n;
}

void Trainer::set_epochs_seen(std::int64_t n) {
  if (n < 0) throw ValueError(text("[Network] epochs_seen cannot be negative. Received: ", n));
  epochs_seen_ = n;
}

}  // namespace lamina::nn
