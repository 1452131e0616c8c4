// The planned driver: training, evaluation and prediction of a Network as single calls,
// without allocation or a tape inside a step.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "nn/graph/network.h"
#include "nn/optimizers/optimized_parameters.h"
#include "nn/training/captured_steps.h"
#include "nn/training/monitor.h"
#include "nn/training/samples.h"

namespace lamina::nn {

/// What a compiled network minimises and reports.
struct Objective {
  LossSpecification loss;
  std::vector<MetricSpecification> metrics;
  LossReduction reduction = LossReduction::mean;
  double loss_weight = 1.0;   ///< what the loss is multiplied by
  bool skip_missing = false;  ///< NaN targets count nowhere, rather than being an error
};

class Trainer {
 public:
  Trainer(Shape input, DType dtype, Device& device, std::uint64_t seed)
      : network(std::move(input), dtype, device),
        parameters(network.shared_store()),
        seed_(seed),
        batch_(device, dtype) {}

  ~Trainer() { delete idle_batch_.load(); }

  Network network;
  OptimizedParameters parameters;
  ParameterStore& store() const { return network.store(); }

  /// Sets the loss, metrics and a fresh optimizer. ValueError when they do not fit the
  /// network's output or each other; nothing has changed then.
  void compile(const Objective& objective, const OptimizerSettings& settings);
  bool compiled() const { return parameters.has_optimizer(); }
  /// What the loss expects of the targets.
  TargetForm target_form() const { return target_form_; }
  /// StateError before compile().
  Optimizer& optimizer() const { return parameters.optimizer(); }

  /// An optimizer without a loss, for gradients that come from a tape. The network is unchanged when it
  /// throws.
  void set_optimizer(const OptimizerSettings& settings);
  // Training and evaluation. All arrays are checked before anything changes; metric sums go
  // on until reset_metrics(). An exception (also from the monitor) leaves the model as after
  // its last whole step. A second training while one runs is a StateError.
  void train_epoch(const Samples&, std::int64_t batch_size, bool shuffle, Monitor&);
  /// `fresh`: the metric sums start again with this batch, once it has been checked.
  void train_step(const Samples&, bool fresh, Monitor&);
  void evaluate(const Samples&, std::int64_t batch_size, bool fresh, Monitor&);

  /// out[x.rows, output] in the network's dtype, host memory. Safe from several threads.
  void predict(const ArrayView& x, void* out, Monitor&) const;

  /// The output as in training: layers drop, disturb and take the batch's statistics, which move the
  /// moving ones. Each call draws other random numbers.
  void call_training(const ArrayView& x, void* out);
  /// Freezes a layer or thaws it; not while a training runs (StateError).
  void set_trainable(std::int64_t layer, bool trainable);

  void reset_metrics();
  /// Since the last reset the mean loss, then each metric's result, which may be several numbers
  /// (result_size); a mean over no samples is 0.
  std::vector<double> metric_values() const;
  /// The loss's and all metrics' state behind metric_values(), to go on with later. ValueError for another
  /// number of them.
  std::vector<double> metric_state() const;
  void set_metric_state(const std::vector<double>&);

  /// Whether a training step whose loss is not finite is a NotFiniteError, before it changes
  /// anything but the loss's mean.
  void set_watch(bool on) { watch_ = on; }
  bool watch() const { return watch_; }
  /// Whether large kernels are updated in the products that compute their gradients; the bits are the
  /// same.
  void set_fuses_updates(bool on) { fuses_updates_ = on; }
  bool fuses_updates() const { return fuses_updates_; }
  /// How many batches the last training or evaluation finished.
  std::int64_t batches_done() const { return batches_done_; }

  /// The metrics that compile() was given, and the state of one of them.
  const std::vector<MetricSpecification>& metrics() const { return objective_.metrics; }
  const double* state_of_metric(std::size_t i) const { return metric_state_.data() + metric_offsets_.at(i); }
  bool has_metrics() const { return !metric_offsets_.empty(); }
  double mean_loss() const { return loss_count_ == 0.0 ? 0.0 : loss_total_ / loss_count_; }

  std::uint64_t seed() const { return seed_; }
  // Counters that name the random numbers to come; saved with the model.
  std::int64_t steps_seen() const { return steps_seen_; }
  std::int64_t epochs_seen() const { return epochs_seen_; }
  void set_steps_seen(std::int64_t n);
  std::uint64_t calls_seen() const { return calls_seen_; }
  void set_calls_seen(std::uint64_t n) { calls_seen_ = n; }
  void set_epochs_seen(std::int64_t n);

 private:
  /// How the last operation and the loss share the work.
  struct LossPlan {
    std::size_t operations = 0;          ///< how many run before the loss
    bool skip_fused_activation = false;  ///< the loss applies the last ending itself
    PredictionForm form = PredictionForm::values;
  };
  LossPlan plan_loss(const LossSpecification& loss) const;
  void check(const Samples&) const;
  /// Where a loss with missing targets, an ignored class, another reduction or a factor needs more
  /// than the plain mean: what its total is divided by, or 0 for what has nothing to divide.
  bool plain_mean() const;
  double loss_divisor(const LossArguments&) const;
  /// Forward, loss and metrics for the batch in batch_; with `training` backward and update.
  /// Returns the batch's mean loss. Training without `update` leaves the gradients, in
  /// pending_state_ the metrics, and changes nothing else.
  double step(std::int64_t rows, bool training, Monitor&, bool update = true);
  /// Whether steps leave large kernels to take_step().
  bool defers() const;
  /// The optimizer's step, after what remains of the backward pass.
  void take_step(const Pass&);
  void add_loss(double total, std::int64_t rows);
  /// An epoch of an optimizer that works on all samples at once.
  void descend(const Samples&, Monitor&);
  void run(const Samples&, const std::int64_t* order, std::int64_t batch_size, bool training, Monitor&);
  /// Activations for as many rows.
  void reserve(std::int64_t rows);
  /// The coming batches of one size as runs of one recorded step; returns how many rows it trained, 0 where
  /// that cannot be done. Recordings are kept for the next call.
  std::int64_t run_recorded(const Samples&, const std::int64_t* order, std::int64_t first,
                            std::int64_t batch_size, Monitor&);
  /// Whether the inputs are indices that the first layer takes, or no indices.
  bool known_indices(const ArrayView& x) const;
  /// Whether steps can be recorded, as far as it does not depend on their size and their samples.
  bool may_record(std::int64_t steps) const;
  void record(CapturedSteps::Entry&);
  std::int64_t positions() const;
  /// Whether layers or penalties on parameters add to the loss.
  bool adds_loss() const { return network.adds_loss() || parameters.penalties.any(); }

  std::uint64_t seed_;
  std::int64_t steps_seen_ = 0;
  std::int64_t epochs_seen_ = 0;
  std::int64_t batches_done_ = 0;
  bool watch_ = false, fuses_updates_ = true;
  std::vector<DeferredBackward> deferred_;
  bool recording_ = false;  ///< step() is being recorded
  CapturedSteps recorded_;
  std::uint64_t calls_seen_ = 0;  ///< of call_training
  Objective objective_;
  TargetForm target_form_ = TargetForm::values;
  LossPlan plan_;
  Activations activations_;
  Batch batch_;
  double loss_total_ = 0.0, loss_count_ = 0.0;        ///< the mean loss is their quotient
  std::vector<double> metric_state_, pending_state_;  ///< all metrics', one after the other
  std::vector<std::size_t> metric_offsets_;
  mutable std::atomic<Batch*> idle_batch_{nullptr};  ///< kept between calls of predict
};

}  // namespace lamina::nn
