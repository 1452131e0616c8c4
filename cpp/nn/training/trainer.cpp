#include "nn/training/trainer.h"

#include <utility>

#include "core/error.h"
#include "nn/layers/activation_layer.h"

namespace lamina::nn {

Trainer::LossPlan Trainer::plan_losses(const Objective& objective) const {
  LossPlan plan;
  for (std::size_t i = 0; i < objective.size(); ++i) {
    OutputReading reading;
    PredictionForm form = PredictionForm::values;
    const auto& loss = objective[i].loss;
    const Layer* const last = network.last_operation(i);
    const auto* const activation = dynamic_cast<const ActivationLayer*>(last);
    reading.has_gradient = loss.has_value();
    if (loss && loss->from_logits) {
      form = PredictionForm::logits;
    } else if (loss && last != nullptr && takes_logits(*loss, last->fused_activation().kind)) {
      form = PredictionForm::logits_of_activation;
      reading.ending = Ending::skips_activation;
    } else if (loss && activation != nullptr && takes_logits(*loss, activation->function().kind)) {
      form = PredictionForm::logits_of_activation;
      reading.ending = Ending::left_out;
    }
    plan.readings.push_back(reading);
    plan.forms.push_back(form);
  }
  return plan;
}

void Trainer::compile(std::vector<OutputObjective> objectives, const OptimizerSettings& settings) {
  const Exclusive exclusive = parameters.exclude();
  Objective objective(std::move(objectives), {output_shapes().begin(), output_shapes().end()});
  network.build_gradients();
  auto optimizer = std::make_unique<Optimizer>(settings, store());

  const std::unique_lock lock(store().lock());
  recorded_.clear();
  plan_ = plan_losses(objective);
  objective_ = std::move(objective);
  parameters.set_optimizer(std::move(optimizer));
}

void Trainer::set_optimizer(const OptimizerSettings& settings) {
  const Exclusive exclusive = parameters.exclude();
  network.build_gradients();
  parameters.set_optimizer(settings);
  recorded_.clear();
}

void Trainer::check(const Samples& samples, bool scanned) const {
  if (objective_.size() == 0) throw StateError("[Network] call compile() before training or evaluating");
  check_inputs(samples.x, input_shapes());
  check_targets(network.device(), samples, objective_.rules(), scanned);
}

void Trainer::set_trainable(std::int64_t layer, bool trainable) {
  const Exclusive exclusive = parameters.exclude();
  network.build();
  const std::unique_lock lock(store().lock());
  recorded_.clear();
  network.set_trainable(layer, trainable);
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
