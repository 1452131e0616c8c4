// Training, evaluation and prediction: what Trainer does with samples.
#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "core/error.h"
#include "core/float_environment.h"
#include "nn/training/trainer.h"
#include "numerics/streams.h"

namespace lamina::nn {

bool Trainer::plain_mean() const {
  return objective_.reduction == LossReduction::mean && objective_.loss_weight == 1.0 &&
         !objective_.skip_missing && !objective_.loss.ignores_class && !objective_.loss.whole_batch &&
         objective_.loss.kind != LossKind::circle;
}

double Trainer::loss_divisor(const LossArguments& loss) const {
  if (objective_.reduction == LossReduction::sum) return 1.0;
  return network.device().loss_count(loss, objective_.reduction == LossReduction::weighted_mean);
}

double Trainer::step(std::int64_t rows, bool training, Monitor& monitor, bool update) {
  Device& device = network.device();
  const DType dtype = network.dtype();
  double penalty = 0.0;
  const Pass pass{device, dtype, rows, training,
                  recording_ ? 0 : static_cast<std::uint64_t>(steps_seen_),  // a recording adds it
                  adds_loss() ? &penalty : nullptr, training ? optimizer().loss_scale() : 1.0,
                  // What a recording is run with was checked by known_indices().
                  recording_ && network.index_range() > 0 ? batch_.x() : nullptr};
  const FloatEnvironment environment;
  store().shared().fetch(true);
  const std::int64_t columns = network.output_shape().back();
  const std::int64_t loss_rows = rows * positions();

  void* prediction = network.forward(pass, batch_.x(), plan_.operations, plan_.skip_fused_activation,
                                     activations_, &monitor);
  void* gradient = network.output_gradient(activations_, plan_.operations);

  LossArguments loss;
  loss.dtype = dtype;
  loss.loss = objective_.loss;
  loss.form = plan_.form;
  loss.rows = loss_rows;
  loss.columns = columns;
  loss.prediction = prediction;
  loss.target = batch_.y();
  loss.weights = batch_.weights();
  loss.skip_missing = objective_.skip_missing;
  const bool plain = plain_mean();
  double scale = 1.0 / static_cast<double>(loss_rows);
  if (!plain) {
    const double divisor = loss_divisor(loss);
    scale = divisor == 0.0 ? 0.0 : objective_.loss_weight / divisor;
  }
  loss.scale = scale;
  if (training) {
    loss.scale *= optimizer().loss_scale();
    loss.gradient = gradient;
  }
  if (plan_.form == PredictionForm::logits_of_activation && !metric_offsets_.empty()) {
    // The metrics read what the model would have returned: a left-out layer has a buffer of
    // its own, a left-out ending is written over the logits.
    loss.output = activations_.slots.back().output.get();
  }
  const double total = device.loss(loss);
  const auto samples = static_cast<double>(loss_rows);
  const double mean = plain ? total / samples : total * scale;
  if (watch_ && training && !std::isfinite(total)) {
    add_loss(plain ? total : mean * samples, loss_rows);
    throw NotFiniteError(text("[fit] the loss is not finite. Received: ", total));
  }
  const void* answer = loss.output != nullptr ? loss.output : prediction;

  // Sums are added up aside and taken over when nothing can stop the step any more.
  pending_state_.assign(metric_state_.begin(), metric_state_.end());
  for (std::size_t i = 0; i < metric_offsets_.size(); ++i) {
    MetricArguments metric;
    metric.dtype = dtype;
    metric.metric = &objective_.metrics[i];
    metric.rows = loss_rows;
    metric.columns = columns;
    metric.prediction = answer;
    metric.target = batch_.y();
    metric.skip_missing = objective_.skip_missing;
    if (objective_.metrics[i].weighted) metric.weights = batch_.weights();
    device.add_metric(metric, pending_state_.data() + metric_offsets_[i]);
  }

  if (training) {
    deferred_.clear();
    if (plan_.operations > 0) {
      const ProducerActivation ending = network.producer_activation_of(plan_.operations - 1, activations_);
      if (!plan_.skip_fused_activation && ending.activation.kind != ActivationKind::linear) {
        device.activate_backward(dtype, ending.activation, loss_rows, columns, ending.saved, gradient,
                                 gradient);
      }
      network.backward(pass, plan_.operations, gradient, activations_, &monitor,
                       update && defers() ? &deferred_ : nullptr);
    }
    if (parameters.penalties.any()) {
      const GradientView gradients = store().gradients();
      penalty += parameters.penalties.apply(store(), &gradients, optimizer().loss_scale());
    }
    monitor.tick();
    if (!update) return mean + penalty;
    if (!recording_) optimizer().prepare();  // a recording is given the rates
    {
      const std::unique_lock lock(store().lock());
      network.update_state(pass,
                           activations_);  // a kernel that a layer replaced is what the step starts from
      take_step(pass);
      parameters.penalties.constrain(store());
      store().changed();
      ++steps_seen_;
    }
    store().shared().changed();
  } else {
    penalty += parameters.penalties.apply(store());
  }
  metric_state_.swap(pending_state_);
  const double sum = plain ? total : mean * samples;
  add_loss(penalty == 0.0 ? sum : sum + penalty * samples, loss_rows);
  return mean + penalty;
}

bool Trainer::defers() const {
  return fuses_updates_ && network.device().fuses_updates() && !adds_loss() && parameters.has_optimizer() &&
         optimizer().separable();
}

void Trainer::take_step(const Pass& pass) {
  Optimizer& optimizer = this->optimizer();
  const std::vector<FlatRange>* const trained = &store().trained_ranges();
  store().begin_gradients(true);
  // Nothing reads these kernels any more: their elements are updated while their gradients are near.
  for (DeferredBackward& rest : deferred_) {
    Optimizer::Separate part;
    if (optimizer.separate(store(), trained, store().layout().parameters()[rest.kernel], part)) {
      rest.arguments.kernel_update = &part.update;
      store().gradient_used(rest.kernel);
    }
    rest.operation->backward(pass, rest.arguments);
  }
  optimizer.step(store(), store().gradients(), trained, store().used_gradients());
  if (!recording_) optimizer.flush_denormal_state(store());
}

void Trainer::add_loss(double total, std::int64_t rows) {
  // Over batches the losses' mean, each by its number of samples.
  loss_total_ += total;
  loss_count_ += static_cast<double>(rows);
}

void Trainer::descend(const Samples& samples, Monitor& monitor) {
  const FloatEnvironment environment;
  const std::int64_t rows = samples.x.rows;
  reserve(rows);
  batch_.gather(samples, target_form_, positions(), nullptr, 0, rows);
  // Loss and metrics of the epoch are those of its first point.
  const std::vector<double> metrics = metric_state_;
  const double total = loss_total_, count = loss_count_;
  bool first = true;
  try {
    optimizer().descend(
        store(),
        [&] {
          const double loss = step(rows, true, monitor, false);
          if (std::exchange(first, false)) {
            metric_state_ = pending_state_;
            add_loss(loss * static_cast<double>(rows * positions()), rows * positions());
          }
          return loss;
        },
        [this](const std::function<void()>& change) {
          const std::unique_lock lock(store().lock());
          change();
          store().changed();
        },
        &store().trained_ranges());
  } catch (...) {
    metric_state_ = metrics;
    loss_total_ = total;
    loss_count_ = count;
    throw;
  }
  store().shared().changed();
  ++steps_seen_;
  ++monitor.batches;
  monitor.tick(true);
}

void Trainer::run(const Samples& samples, const std::int64_t* order, std::int64_t batch_size, bool training,
                  Monitor& monitor) {
  const std::int64_t rows = samples.x.rows;
  reserve(std::min(rows, batch_size));
  batches_done_ = 0;
  struct Leave {
    Batch& batch;
    ~Leave() { batch.leave(); }
  } const leave{batch_};
  for (std::int64_t first = 0; first < rows;) {
    if (training) {
      const std::int64_t done = run_recorded(samples, order, first, batch_size, monitor);
      first += done;
      if (done > 0) continue;
    }
    const std::int64_t count = std::min(batch_size, rows - first);
    batch_.gather(samples, target_form_, positions(), order, first, count);
    step(count, training, monitor);
    first += count;
    ++monitor.batches;
    ++batches_done_;
    monitor.tick(0, true);
  }
}

void Trainer::train_epoch(const Samples& samples, std::int64_t batch_size, bool shuffle, Monitor& monitor) {
  const Exclusive exclusive = parameters.exclude();
  check(samples);
  if (batch_size < 1) throw ValueError(text("[fit] batch_size must be positive. Received: ", batch_size));
  std::vector<std::int64_t> order;
  if (shuffle) {
    order.resize(static_cast<std::size_t>(samples.x.rows));
    const auto epoch = static_cast<std::uint64_t>(epochs_seen_);
    network.device().permutation(
        samples.x.rows, {seed_, numerics::stream_id(numerics::Purpose::shuffle, 0, epoch)}, order.data());
  }
  if (optimizer().is_lbfgs()) {
    descend(samples, monitor);
  } else {
    run(samples, shuffle ? order.data() : nullptr, batch_size, true, monitor);
  }
  ++epochs_seen_;
}

void Trainer::train_step(const Samples& samples, bool fresh, Monitor& monitor) {
  const Exclusive exclusive = parameters.exclude();
  check(samples);
  if (fresh) reset_metrics();
  if (optimizer().is_lbfgs()) return descend(samples, monitor);
  run(samples, nullptr, std::max<std::int64_t>(samples.x.rows, 1), true, monitor);
}

void Trainer::evaluate(const Samples& samples, std::int64_t batch_size, bool fresh, Monitor& monitor) {
  const Exclusive exclusive = parameters.exclude();
  check(samples);
  if (batch_size < 1)
    throw ValueError(text("[evaluate] batch_size must be positive. Received: ", batch_size));
  if (fresh) reset_metrics();
  run(samples, nullptr, batch_size, false, monitor);
}

void Trainer::predict(const ArrayView& x, void* out, Monitor& monitor) const {
  check_inputs(x, network.input_shape());
  store().shared().fetch(false);
  constexpr std::int64_t most_blocks = 16, most_bytes = std::int64_t{16} << 20;
  const auto item = static_cast<std::int64_t>(size_of(network.dtype()));
  const std::int64_t block_bytes = network.rows_a_block() * element_count(network.input_shape()) * item;
  const std::int64_t block =
      std::clamp<std::int64_t>(most_bytes / block_bytes, 1, most_blocks) * network.rows_a_block();
  const std::int64_t outputs = element_count(network.output_shape()) * item;
  // Converted inputs are kept for the next call, unless they are many.
  const std::size_t most_kept = std::max(static_cast<std::size_t>(most_bytes), store().flat_bytes());
  std::unique_ptr<Batch> inputs(idle_batch_.exchange(nullptr));
  if (inputs == nullptr) inputs = std::make_unique<Batch>(network.device(), network.dtype());
  // Where the device's memory is not the host's, answers come back block by block.
  Device& device = network.device();
  Device::Memory answers{nullptr, Device::Release{&device}};
  if (!device.is_host() && x.rows > 0) {
    answers = device.make(static_cast<std::size_t>(std::min(block, x.rows) * outputs));
  }
  for (std::int64_t first = 0; first < x.rows; first += block) {
    const std::int64_t rows = std::min(block, x.rows - first);
    inputs->gather_inputs(x, first, rows);
    char* const to = static_cast<char*>(out) + first * outputs;
    {
      const std::shared_lock lock(store().lock());
      network.infer(inputs->x(), rows, answers != nullptr ? answers.get() : to);
      if (answers != nullptr) {
        device.copy_to_host(to, answers.get(), static_cast<std::size_t>(rows * outputs));
      }
    }
    ++monitor.batches;
    monitor.tick(static_cast<double>(rows) * network.work(), true);
  }
  if (inputs->bytes() <= most_kept) delete idle_batch_.exchange(inputs.release());
}

void Trainer::call_training(const ArrayView& x, void* out) {
  const Exclusive exclusive = parameters.exclude();
  check_inputs(x, network.input_shape());
  network.build();
  if (x.rows == 0) return;
  reserve(x.rows);
  store().shared().fetch(true);
  batch_.gather_inputs(x, 0, x.rows);
  // Steps from 2^39 on are calls: they never share random numbers with training.
  constexpr std::uint64_t first_call = std::uint64_t{1} << 39;
  const Pass pass{network.device(), network.dtype(), x.rows, true, first_call + calls_seen_};
  const void* answer =
      network.forward(pass, batch_.x(), network.operations().size(), false, activations_, nullptr);
  network.device().copy_to_host(
      out, answer,
      static_cast<std::size_t>(x.rows * element_count(network.output_shape())) * size_of(network.dtype()));
  {
    const std::unique_lock lock(store().lock());
    network.update_state(pass, activations_);
    store().changed();
    ++calls_seen_;
  }
  store().shared().changed();
}

}  // namespace lamina::nn
