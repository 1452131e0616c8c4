#include "nn/training/objective.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "device/names.h"

namespace lamina::nn {

namespace {

const char* form_name(bool labels) {
  return labels ? "integer labels" : "targets shaped like the prediction";
}

/// ValueError unless the objective fits an output of that shape.
void check(const OutputObjective& objective, const Shape& output) {
  if (output.empty()) throw ValueError("[compile] the network's output must have at least one axis");
  for (const MetricSpecification& metric : objective.metrics) {
    check_metric(metric, output.back());
    if (objective.loss && takes_labels(metric) != takes_labels(objective.loss->kind)) {
      throw ValueError(text("[compile] metric '", name_of(metric.kind), "' takes ",
                            form_name(takes_labels(metric)), ", but loss '", name_of(objective.loss->kind),
                            "' takes ", form_name(takes_labels(objective.loss->kind))));
    }
    const MetricSpecification& first = objective.metrics.front();
    if (takes_labels(metric) != takes_labels(first)) {
      throw ValueError(text("[compile] metric '", name_of(metric.kind), "' takes ",
                            form_name(takes_labels(metric)), ", but metric '", name_of(first.kind),
                            "' of the same output takes ", form_name(takes_labels(first))));
    }
  }
  if (!objective.loss) return;
  const LossSpecification& loss = *objective.loss;
  if (loss.alphas != nullptr && loss.classes != output.back()) {
    throw ValueError(text("[compile] alpha must have one number for each of the ", output.back(),
                          " classes. Received: ", loss.classes, " numbers"));
  }
  if (!(objective.weight >= 0.0 && objective.weight < kUnbounded)) {
    throw ValueError(
        text("[compile] loss_weights must be finite and not negative. Received: ", objective.weight));
  }
  if (takes_labels(loss.kind) && output.back() > std::int64_t{1} << 31) {
    throw ValueError("[compile] sparse labels reach at most 2^31 - 1");
  }
}

TargetRule rule_of(const OutputObjective& objective, const Shape& output) {
  TargetRule rule;
  rule.output = output;
  rule.read = objective.loss || !objective.metrics.empty();
  rule.missing = objective.skip_missing;
  bool labels = false;
  if (objective.loss) {
    labels = takes_labels(objective.loss->kind);
    rule.has_extra = objective.loss->ignores_class;
    rule.extra = objective.loss->ignore_class;
    rule.columns = labels_are_columns(objective.loss->kind);
  } else if (rule.read) {
    labels = takes_labels(objective.metrics.front());
  }
  rule.form = labels ? TargetForm::labels : TargetForm::values;
  const std::int64_t all = element_count(output);
  rule.positions = output.back() == 0 ? 1 : all / output.back();
  rule.elements = labels ? rule.positions : all;
  return rule;
}

}  // namespace

bool LossScale::is_mean(const LossSpecification& loss, LossReduction reduction, bool skip_missing) {
  return reduction == LossReduction::mean && !skip_missing && !loss.ignores_class && !loss.whole_batch &&
         loss.kind != LossKind::circle;
}

LossScale LossScale::of(Device& device, const LossArguments& loss, LossReduction reduction, double weight) {
  LossScale s;
  s.rows = static_cast<double>(loss.rows);
  s.mean = is_mean(loss.loss, reduction, loss.skip_missing);
  s.plain = s.mean && weight == 1.0;
  double divisor = s.rows;
  if (!s.mean) {
    divisor = reduction == LossReduction::sum
                  ? 1.0
                  : device.loss_count(loss, reduction == LossReduction::weighted_mean);
  }
  s.share = divisor == 0.0 ? 0.0 : 1.0 / divisor;
  s.scale = divisor == 0.0 ? 0.0 : weight / divisor;
  return s;
}

bool takes_logits(const LossSpecification& loss, ActivationKind activation) {
  switch (loss.kind) {
    case LossKind::binary_crossentropy:
      return !loss.from_logits && activation == ActivationKind::sigmoid;
    case LossKind::categorical_crossentropy:
    case LossKind::sparse_categorical_crossentropy:
      return !loss.from_logits && activation == ActivationKind::softmax;
    default:
      return false;
  }
}

Objective::Objective(std::vector<OutputObjective> outputs, const std::vector<Shape>& shapes)
    : outputs_(std::move(outputs)) {
  if (outputs_.size() != shapes.size()) {
    throw ValueError(text("[compile] the network has ", shapes.size(),
                          " outputs. Received: ", outputs_.size(), " objectives"));
  }
  std::size_t at = 0;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    check(outputs_[i], shapes[i]);
    rules_.push_back(rule_of(outputs_[i], shapes[i]));
    if (outputs_[i].loss) ++losses_;
    first_metric_.push_back(metrics_.size());
    for (std::size_t k = 0; k < outputs_[i].metrics.size(); ++k) {
      metrics_.push_back({i, k, at});
      at += static_cast<std::size_t>(state_size(outputs_[i].metrics[k], shapes[i].back()));
    }
  }
  first_metric_.push_back(metrics_.size());
  sums_.resize(outputs_.size() + (several() ? 1 : 0));
  batch_sums_ = sums_;
  state_.resize(at);
  pending_state_ = state_;
}

bool Objective::sums_are_plain() const {
  return std::all_of(outputs_.begin(), outputs_.end(), [this](const OutputObjective& o) {
    return !o.loss ||
           (LossScale::is_mean(*o.loss, o.reduction, o.skip_missing) && (several() || o.weight == 1.0));
  });
}

void Objective::reset() {
  std::fill(sums_.begin(), sums_.end(), LossSum{});
  std::fill(state_.begin(), state_.end(), 0.0);
}

double Objective::mean_loss() const {
  if (!several()) return sums_.empty() ? 0.0 : sums_.front().mean();
  double loss = 0.0;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (outputs_[i].loss) loss += outputs_[i].weight * sums_[i].mean();
  }
  return loss + sums_.back().mean();
}

std::vector<double> Objective::values() const {
  std::vector<double> values{mean_loss()};
  for (std::size_t i = 0; several() && i < outputs_.size(); ++i) {
    if (outputs_[i].loss) values.push_back(sums_[i].mean());
  }
  for (std::size_t i = 0; i < metrics_.size(); ++i) {
    append_result(metric(i), columns_of_metric(i), metric_state(i), values);
  }
  return values;
}

std::vector<double> Objective::state() const {
  std::vector<double> state;
  for (std::size_t i = 0; i < sums_.size(); ++i) {
    if (several() && i < outputs_.size() && !outputs_[i].loss) continue;
    state.push_back(sums_[i].total);
    state.push_back(sums_[i].count);
  }
  state.insert(state.end(), state_.begin(), state_.end());
  return state;
}

void Objective::set_state(const std::vector<double>& state) {
  const std::size_t expected = this->state().size();
  if (state.size() != expected) {
    throw ValueError(text("[Network] this network keeps ", expected, " numbers. Received: ", state.size()));
  }
  std::size_t at = 0;
  for (std::size_t i = 0; i < sums_.size(); ++i) {
    if (several() && i < outputs_.size() && !outputs_[i].loss) continue;
    sums_[i] = {state[at], state[at + 1]};
    at += 2;
  }
  std::copy(state.begin() + static_cast<std::ptrdiff_t>(at), state.end(), state_.begin());
}

void Objective::begin() {
  std::fill(batch_sums_.begin(), batch_sums_.end(), LossSum{});
  pending_state_.assign(state_.begin(), state_.end());
}

void Objective::add_loss(std::size_t i, const LossScale& scale, double total) {
  // Over batches the losses' mean, each by its number of rows.
  batch_sums_[i] = {several() ? scale.unweighted_sum(total) : scale.sum(total), scale.rows};
}

void Objective::add_penalty(double penalty, std::int64_t samples) {
  LossSum& sum = batch_sums_.back();
  const auto count = static_cast<double>(several() ? samples : samples * rules_.front().positions);
  if (penalty != 0.0) sum.total += penalty * count;
  sum.count = count;
}

void Objective::add_metrics(Device& device, std::size_t i, MetricArguments arguments) {
  const void* const weights = arguments.weights;
  for (std::size_t k = first_metric_[i]; k < first_metric_[i + 1]; ++k) {
    arguments.metric = &metric(k);
    arguments.weights = arguments.metric->weighted ? weights : nullptr;
    device.add_metric(arguments, pending_state_.data() + metrics_[k].at);
  }
}

void Objective::commit_losses() {
  for (std::size_t i = 0; i < sums_.size(); ++i) {
    sums_[i].total += batch_sums_[i].total;
    sums_[i].count += batch_sums_[i].count;
  }
}

void Objective::commit() {
  commit_losses();
  state_.swap(pending_state_);
}

void Objective::commit(double loss) {
  if (!several()) batch_sums_.front().total = loss * batch_sums_.front().count;
  commit();
}

std::vector<double> Objective::loss_totals() const {
  std::vector<double> totals;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (outputs_[i].loss) totals.push_back(sums_[i].total);
  }
  return totals;
}

void Objective::take_totals(const std::vector<double>& totals, std::int64_t rows) {
  std::size_t at = 0;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (!outputs_[i].loss) continue;
    sums_[i].total = totals[at++];
    sums_[i].count += static_cast<double>(rows * rules_[i].positions);
  }
}

}  // namespace lamina::nn
