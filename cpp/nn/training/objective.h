// What the outputs of a model are trained for and measured by, and the sums behind what is reported.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "device/device.h"
#include "nn/training/samples.h"

namespace lamina::nn {

/// Of one output. Without a loss it is measured only, or computed only.
struct OutputObjective {
  std::optional<LossSpecification> loss;
  LossReduction reduction = LossReduction::mean;
  double weight = 1.0;  ///< what the loss is multiplied by
  std::vector<MetricSpecification> metrics;
  bool skip_missing = false;  ///< NaN targets count nowhere, rather than being an error
};

/// How the losses of a batch's rows become the number that is minimised: one formula for plans and tapes.
struct LossScale {
  /// `loss` with everything but the scale; `weight` multiplies the result. Rows that count are counted on the
  /// device where they need not be all.
  static LossScale of(Device& device, const LossArguments& loss, LossReduction reduction, double weight);
  /// Whether that is the plain mean over all rows: what can be known without the rows.
  static bool is_mean(const LossSpecification& loss, LossReduction reduction, bool skip_missing);

  double rows = 0.0;
  bool mean = true;    ///< the unweighted loss is the mean over all rows
  bool plain = true;   ///< and the weight is 1
  double share = 0.0;  ///< what a row's loss counts in the unweighted loss
  double scale = 0.0;  ///< in the weighted one: LossArguments::scale

  /// Of the sum of the rows' losses: the weighted loss, and what it adds to the sum of an epoch.
  double loss(double total) const { return plain ? (rows == 0.0 ? 0.0 : total / rows) : total * scale; }
  double sum(double total) const { return plain ? total : loss(total) * rows; }
  /// The same without the weight.
  double unweighted_sum(double total) const { return mean ? total : total * share * rows; }
};

/// Whether a loss takes the logits of that activation instead of its output, which is exact where the output
/// underflows (R4: only if the loss alone reads the output, beside metrics).
bool takes_logits(const LossSpecification& loss, ActivationKind activation);

/// A loss's sum over rows, and how many these are.
struct LossSum {
  double total = 0.0, count = 0.0;
  double mean() const { return count == 0.0 ? 0.0 : total / count; }
};

/// The objectives of all outputs of a model, checked, with what their batches have added up to.
///
/// With one output the loss's sum has its weight and all penalties in it. With several, each output's sum is
/// that of its unweighted loss, penalties have a sum apart, and the whole loss is made of their means:
/// sum_i weight_i * mean_i in the order of the outputs, plus that of the penalties.
class Objective {
 public:
  Objective() = default;
  /// ValueError where objectives do not fit the shapes of the outputs, or one does not fit together.
  Objective(std::vector<OutputObjective> outputs, const std::vector<Shape>& shapes);

  std::size_t size() const { return outputs_.size(); }
  const OutputObjective& operator[](std::size_t i) const { return outputs_[i]; }
  std::span<const TargetRule> rules() const { return rules_; }
  std::int64_t columns(std::size_t i) const { return rules_[i].output.back(); }
  bool has_loss() const { return losses_ > 0; }
  /// How many outputs have one.
  std::int64_t losses() const { return losses_; }
  bool has_metrics() const { return !metrics_.empty(); }
  /// Whether every loss is a mean over all rows, with one output also its weight is 1: captured steps add up
  /// such losses.
  bool sums_are_plain() const;

  // Sums since reset().
  void reset();
  /// The whole loss's mean.
  double mean_loss() const;
  /// mean_loss(), with several outputs the mean of each output's loss, then each metric's result, which may
  /// be several numbers (result_size), output after output; a mean over no samples is 0.
  std::vector<double> values() const;
  /// The numbers behind values(), to go on with later. ValueError for another number of them.
  std::vector<double> state() const;
  void set_state(const std::vector<double>& state);
  /// Metric number `i` of all, with its state.
  const MetricSpecification& metric(std::size_t i) const {
    return outputs_[metrics_[i].output].metrics[metrics_[i].i];
  }
  std::int64_t columns_of_metric(std::size_t i) const { return columns(metrics_[i].output); }
  const double* metric_state(std::size_t i) const { return state_.data() + metrics_[i].at; }
  std::size_t metric_count() const { return metrics_.size(); }

  // One batch. Its sums are added up aside, and taken over when nothing can stop the step any more.
  void begin();
  /// An output's loss from its rows' total.
  void add_loss(std::size_t i, const LossScale& scale, double total);
  /// What penalties add to the loss of `samples` samples.
  void add_penalty(double penalty, std::int64_t samples);
  /// The metrics of output `i`, given all of MetricArguments but the metric.
  void add_metrics(Device& device, std::size_t i, MetricArguments arguments);
  void commit();
  /// commit() of the losses alone, for a batch that stops there.
  void commit_losses();
  /// commit() of a batch whose whole loss is given; with one output that is what is added.
  void commit(double loss);
  /// Where metrics add up during a batch.
  const std::vector<double>& pending_state() const { return pending_state_; }

  // Sums that captured steps take from here and give back: the totals of the losses, those that there are.
  std::vector<double> loss_totals() const;
  double* state_data() { return state_.data(); }
  const std::vector<double>& all_metric_state() const { return state_; }
  /// `rows` samples more, in so many batches.
  void take_totals(const std::vector<double>& totals, std::int64_t rows);
  struct Sums {
    std::vector<LossSum> losses;
    std::vector<double> metrics;
  };
  Sums sums() const { return {sums_, state_}; }
  void set_sums(const Sums& sums) { sums_ = sums.losses, state_ = sums.metrics; }

 private:
  struct Metric {
    std::size_t output, i, at;
  };
  bool several() const { return outputs_.size() > 1; }

  std::vector<OutputObjective> outputs_;
  std::vector<TargetRule> rules_;
  std::int64_t losses_ = 0;
  std::vector<Metric> metrics_;
  std::vector<std::size_t> first_metric_;      ///< of each output, and one more
  std::vector<LossSum> sums_, batch_sums_;     ///< by output; with several the penalties' as one more
  std::vector<double> state_, pending_state_;  ///< all metrics', one after the other
};

}  // namespace lamina::nn
