// The planned driver: training, evaluation and prediction of a Network as single calls,
// without allocation or a tape inside a step.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include "nn/graph/monitor.h"
#include "nn/graph/network.h"
#include "nn/optimizers/optimized_parameters.h"
#include "nn/training/captured_steps.h"
#include "nn/training/objective.h"
#include "nn/training/samples.h"

namespace lamina::nn {

class Trainer {
 public:
  Trainer(Shape input, DType dtype, Device& device, std::uint64_t seed)
      : network(std::move(input), dtype, device),
        parameters(network.shared_store()),
        seed_(seed),
        batch_(device, dtype) {}

  ~Trainer() { delete idle_scratch_.load(); }

  Network network;
  OptimizedParameters parameters;
  ParameterStore& store() const { return network.store(); }

  /// Sets the losses and metrics, an objective for each output, and a fresh optimizer. ValueError when they
  /// do not fit the network's outputs or each other; nothing has changed then.
  void compile(std::vector<OutputObjective> objectives, const OptimizerSettings& settings);
  bool compiled() const { return parameters.has_optimizer(); }
  /// Losses, metrics and what they have added up to.
  const Objective& objective() const { return objective_; }
  /// Of a sample, for each input and output.
  std::span<const Shape> input_shapes() const { return network.input_shapes(); }
  std::span<const Shape> output_shapes() const { return network.output_shapes(); }
  /// StateError before compile().
  Optimizer& optimizer() const { return parameters.optimizer(); }

  /// An optimizer without a loss, for gradients that come from a tape. The network is unchanged when it
  /// throws.
  void set_optimizer(const OptimizerSettings& settings);

  // Training and evaluation. All arrays are checked before anything changes; metric sums go
  // on until reset_metrics(). An exception (also from the monitor) leaves the model as after
  // its last whole step. A second training while one runs is a StateError.
  // `scanned`: the values of the targets were checked before, and have not changed.
  void train_epoch(const Samples&, std::int64_t batch_size, bool shuffle, Monitor&, bool scanned = false);
  /// `fresh`: the metric sums start again with this batch, once it has been checked.
  void train_step(const Samples&, bool fresh, Monitor&);
  void evaluate(const Samples&, std::int64_t batch_size, bool fresh, Monitor&, bool scanned = false);

  /// out[i][x.rows, output i] in the network's dtype, host memory. Safe from several threads.
  void predict(std::span<const ArrayView> x, std::span<void* const> out, Monitor&) const;
  void predict(const ArrayView& x, void* out, Monitor& monitor) const {
    predict(std::span(&x, 1), std::span(&out, 1), monitor);
  }

  /// The outputs as in training: layers drop, disturb and take the batch's statistics, which move the
  /// moving ones. Each call draws other random numbers.
  void call_training(std::span<const ArrayView> x, std::span<void* const> out);
  /// Freezes a layer or thaws it; not while a training runs (StateError).
  void set_trainable(std::int64_t layer, bool trainable);

  void reset_metrics() { objective_.reset(); }
  /// As Objective::values() and Objective::state().
  std::vector<double> metric_values() const { return objective_.values(); }
  std::vector<double> metric_state() const { return objective_.state(); }
  void set_metric_state(const std::vector<double>& state) { objective_.set_state(state); }

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

  std::uint64_t seed() const { return seed_; }
  // Counters that name the random numbers to come; saved with the model.
  std::int64_t steps_seen() const { return steps_seen_; }
  std::int64_t epochs_seen() const { return epochs_seen_; }
  void set_steps_seen(std::int64_t n);
  std::uint64_t calls_seen() const { return calls_seen_; }
  void set_calls_seen(std::uint64_t n) { calls_seen_ = n; }
  void set_epochs_seen(std::int64_t n);

 private:
  /// How the losses take the outputs.
  struct LossPlan {
    std::vector<OutputReading> readings;  ///< by output
    std::vector<PredictionForm> forms;    ///< likewise
  };
  LossPlan plan_losses(const Objective&) const;
  void check(const Samples&, bool scanned) const;
  void require_loss() const;
  /// Forward, losses and metrics for the batch in batch_; with `training` backward and update.
  /// Returns the batch's loss. Training without `update` leaves the gradients, in the objective the batch's
  /// sums, and changes nothing else.
  double step(std::int64_t rows, bool training, Monitor&, bool update = true);
  /// Metrics from an output's prediction; what the loss left of it.
  void measure(std::size_t i, const void* prediction, std::int64_t rows);
  /// Whether steps leave large kernels to take_step().
  bool defers() const;
  /// What a step of the optimizer changes: parameters that neither a loss nor a penalty reaches have no
  /// gradient, and neither weight decay nor old momentum moves them.
  const std::vector<FlatRange>& trained_ranges();
  /// The optimizer's step, after what remains of the backward pass.
  void take_step(const Pass&);
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
  bool known_indices(std::span<const ArrayView> x) const;
  /// Whether steps can be recorded, as far as it does not depend on their size and their samples.
  bool may_record(std::int64_t steps) const;
  void record(CapturedSteps::Entry&, const BatchPlaces&);
  /// Whether layers or penalties on parameters add to the loss.
  bool adds_loss() const { return network.adds_loss() || parameters.penalties.any(); }

  std::uint64_t seed_;
  std::int64_t steps_seen_ = 0;
  std::int64_t epochs_seen_ = 0;
  std::int64_t batches_done_ = 0;
  bool watch_ = false, fuses_updates_ = true;
  std::vector<DeferredBackward> deferred_;
  std::vector<FlatRange> reached_ranges_;  ///< where some parameters are not reached
  bool recording_ = false;                 ///< step() is being recorded
  CapturedSteps recorded_;
  std::uint64_t calls_seen_ = 0;  ///< of call_training
  Objective objective_;
  LossPlan plan_;
  Activations activations_;
  Batch batch_;
  /// What predict() works with: converted inputs, and where a block's outputs belong.
  struct Scratch {
    Scratch(Device& device, DType dtype) : inputs(device, dtype) {}
    Batch inputs;
    std::vector<void*> outputs;
  };
  mutable std::atomic<Scratch*> idle_scratch_{nullptr};  ///< kept between calls
};

}  // namespace lamina::nn
