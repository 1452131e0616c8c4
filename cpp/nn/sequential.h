// The planned driver: training, evaluation and prediction of a Network as single calls,
// without allocation, a tape or anyone's help inside a step.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include "nn/monitor.h"
#include "nn/network.h"
#include "nn/optimizer.h"
#include "nn/samples.h"

namespace lamina::nn {

/// What a compiled network minimises and reports.
struct Objective {
  LossSpecification loss;
  std::vector<MetricSpecification> metrics;
};

class Sequential {
 public:
  Sequential(Shape input, DType dtype, Device& device, std::uint64_t seed)
      : network(std::move(input), dtype, device), seed_(seed), activations_(), batch_(device, dtype) {}

  ~Sequential() { delete idle_batch_.load(); }

  Network network;

  /// Sets the loss, metrics and a fresh optimizer. ValueError when they do not fit the
  /// network's output or each other; nothing has changed then.
  void compile(const Objective& objective, const OptimizerSettings& settings);
  bool compiled() const { return optimizer_ != nullptr; }
  /// What the loss expects of the targets.
  TargetForm target_form() const { return target_form_; }
  /// StateError before compile().
  Optimizer& optimizer();

  // Training and evaluation. All arrays are checked before anything changes; metric sums go
  // on until reset_metrics(). An exception (also from the monitor) leaves the model as after
  // its last whole step. A second training while one runs is a StateError.
  void train_epoch(const Samples&, std::int64_t batch_size, bool shuffle, Monitor&);
  /// `fresh`: the metric sums start again with this batch, once it has been checked.
  void train_step(const Samples&, bool fresh, Monitor&);
  void evaluate(const Samples&, std::int64_t batch_size, bool fresh, Monitor&);

  /// out[x.rows, output] in the network's dtype, host memory. Safe from several threads.
  void predict(const ArrayView& x, void* out, Monitor&) const;

  /// The answer as in training: layers drop, disturb and take the batch's statistics, which move the
  /// moving ones. Each call draws other random numbers.
  void call_training(const ArrayView& x, void* out);
  /// Freezes a layer or thaws it; not while a training runs (StateError).
  void set_trainable(std::int64_t layer, bool trainable);

  void reset_metrics();
  /// The means since the last reset: the loss, then each metric; 0 before any sample.
  std::vector<double> metric_values() const;
  std::size_t metric_count() const { return 1 + metric_sums_.size(); }
  double metric_value(std::size_t i) const;

  /// Copies of one parameter, its gradient or an optimizer slot, dense, in the network's dtype.
  void read(const void* flat, std::size_t parameter, void* to_host) const;
  void write(void* flat, std::size_t parameter, const void* from_host);

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
    std::size_t operations = 0;   ///< how many run before the loss
    bool without_ending = false;  ///< the loss applies the last ending itself
    PredictionForm form = PredictionForm::values;
  };
  LossPlan plan_loss(const LossSpecification& loss) const;
  void check(const Samples&) const;
  /// Forward, loss and metrics for the batch in batch_; with `training` backward and update.
  void step(std::int64_t rows, bool training, Monitor&);
  void run(const Samples&, const std::int64_t* order, std::int64_t batch_size, bool training, Monitor&);
  std::int64_t positions() const;

  std::uint64_t seed_;
  std::int64_t steps_seen_ = 0;
  std::int64_t epochs_seen_ = 0;
  std::uint64_t calls_seen_ = 0;  ///< of call_training
  Objective objective_;
  TargetForm target_form_ = TargetForm::values;
  LossPlan plan_;
  std::unique_ptr<Optimizer> optimizer_;
  Activations activations_;
  Batch batch_;
  MetricSums loss_sums_;
  std::vector<MetricSums> metric_sums_, pending_sums_;
  mutable std::shared_mutex parameters_lock_;  ///< held to change or read parameters, never for a whole step
  mutable std::atomic<Batch*> idle_batch_{nullptr};  ///< kept between calls of predict
  std::atomic<bool> busy_{false};                    ///< a training or evaluation is running
};

}  // namespace lamina::nn
