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

double Trainer::step(std::int64_t rows, bool training, Monitor& monitor, bool update) {
  Device& device = network.device();
  const DType dtype = network.dtype();
  double penalty = 0.0;
  const double loss_scale = training ? optimizer().loss_scale() : 1.0;
  const Pass pass{device, dtype, rows, training,
                  recording_ ? 0 : static_cast<std::uint64_t>(steps_seen_),  // a recording adds it
                  adds_loss() ? &penalty : nullptr, loss_scale,
                  // What a recording is run with was checked by known_indices().
                  recording_ ? batch_.inputs() : std::span<const void* const>()};
  const FloatEnvironment environment;
  store().shared().fetch(true);
  network.forward(pass, batch_.inputs(), activations_, &monitor);

  objective_.begin();
  double result = 0.0;
  for (std::size_t i = 0; i < objective_.size(); ++i) {
    const OutputObjective& objective = objective_[i];
    if (!objective.loss) continue;
    LossArguments loss;
    loss.dtype = dtype;
    loss.loss = *objective.loss;
    loss.form = plan_.forms[i];
    loss.rows = rows * objective_.rules()[i].positions;
    loss.columns = objective_.columns(i);
    loss.prediction = network.prediction(activations_, i);
    loss.target = batch_.y(i);
    loss.weights = batch_.weights(i);
    loss.skip_missing = objective.skip_missing;
    const LossScale scale = LossScale::of(device, loss, objective.reduction, objective.weight);
    loss.scale = scale.scale;
    if (training) {
      loss.scale *= loss_scale;
      loss.gradient = network.output_gradient(activations_, i);
    }
    // The metrics read what the model would have returned: a left-out layer has a buffer of its own, a
    // left-out fused activation is written over the logits.
    if (loss.form == PredictionForm::logits_of_activation && !objective.metrics.empty()) {
      loss.output = network.output(activations_, i);
    }
    const double total = device.loss(loss);
    objective_.add_loss(i, scale, total);
    result += scale.loss(total);
    if (watch_ && training && !std::isfinite(total)) {
      objective_.commit_losses();
      throw NotFiniteError(text("[fit] the loss is not finite. Received: ", total));
    }
  }
  for (std::size_t i = 0; i < objective_.size(); ++i) measure(i, network.output(activations_, i), rows);

  if (training) {
    deferred_.clear();
    network.backward(pass, activations_, &monitor, update && defers() ? &deferred_ : nullptr);
    if (parameters.penalties.any()) {
      const GradientView gradients = store().gradients();
      penalty += parameters.penalties.apply(store(), &gradients, loss_scale);
    }
    monitor.tick();
  } else {
    penalty += parameters.penalties.apply(store());
  }
  if (adds_loss()) objective_.add_penalty(penalty, rows);
  if (!update) return result + penalty;
  if (training) {
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
  }
  objective_.commit();
  return result + penalty;
}

void Trainer::measure(std::size_t i, const void* prediction, std::int64_t rows) {
  if (objective_[i].metrics.empty()) return;
  MetricArguments metric;
  metric.dtype = network.dtype();
  metric.rows = rows * objective_.rules()[i].positions;
  metric.columns = objective_.columns(i);
  metric.prediction = prediction;
  metric.target = batch_.y(i);
  metric.weights = batch_.weights(i);
  metric.skip_missing = objective_[i].skip_missing;
  objective_.add_metrics(network.device(), i, metric);
}

bool Trainer::defers() const {
  return fuses_updates_ && network.device().fuses_updates() && !adds_loss() && parameters.has_optimizer() &&
         optimizer().separable();
}

const std::vector<FlatRange>& Trainer::trained_ranges() {
  const std::vector<LayerId>& unreached = activations_.plan->unreached();
  if (unreached.empty()) return store().trained_ranges();
  reached_ranges_.clear();
  const std::vector<PlacedParameter>& all = store().layout().parameters();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!all[i].trained || all[i].frozen) continue;
    const bool reached = std::find(unreached.begin(), unreached.end(), all[i].operation) == unreached.end();
    if (reached || parameters.penalties.on(i)) reached_ranges_.push_back({all[i].offset, all[i].count});
  }
  return reached_ranges_;
}

void Trainer::take_step(const Pass& pass) {
  Optimizer& optimizer = this->optimizer();
  const std::vector<FlatRange>* const trained = &trained_ranges();
  store().begin_gradients(true);
  // Nothing reads these kernels any more: their elements are updated while their gradients are near.
  for (DeferredBackward& rest : deferred_) {
    Optimizer::Separate part;
    const std::size_t kernel = network.kernel_of(rest);
    if (optimizer.separate(store(), trained, store().layout().parameters()[kernel], part)) {
      rest.arguments.kernel_update = &part.update;
      store().gradient_used(kernel);
    }
    rest.operation->backward(pass, rest.arguments);
  }
  optimizer.step(store(), store().gradients(), trained, store().used_gradients());
  if (!recording_) optimizer.flush_denormal_state(store());
}

void Trainer::descend(const Samples& samples, Monitor& monitor) {
  const FloatEnvironment environment;
  const std::int64_t rows = samples.rows();
  reserve(rows);
  batch_.gather(samples, objective_.rules(), nullptr, 0, rows);
  // Loss and metrics of the epoch are those of its first point.
  const Objective::Sums before = objective_.sums();
  bool first = true;
  try {
    optimizer().descend(
        store(),
        [&] {
          const double loss = step(rows, true, monitor, false);
          if (std::exchange(first, false)) objective_.commit(loss);
          return loss;
        },
        [this](const std::function<void()>& change) {
          const std::unique_lock lock(store().lock());
          change();
          store().changed();
        },
        &store().trained_ranges());
  } catch (...) {
    objective_.set_sums(before);
    throw;
  }
  store().shared().changed();
  ++steps_seen_;
  ++monitor.batches;
  monitor.tick(true);
}

void Trainer::run(const Samples& samples, const std::int64_t* order, std::int64_t batch_size, bool training,
                  Monitor& monitor) {
  const std::int64_t rows = samples.rows();
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
    batch_.gather(samples, objective_.rules(), order, first, count);
    step(count, training, monitor);
    first += count;
    ++monitor.batches;
    ++batches_done_;
    monitor.tick(0, true);
  }
}

void Trainer::train_epoch(const Samples& samples, std::int64_t batch_size, bool shuffle, Monitor& monitor,
                          bool scanned) {
  const Exclusive exclusive = parameters.exclude();
  check(samples, scanned);
  require_loss();
  if (batch_size < 1) throw ValueError(text("[fit] batch_size must be positive. Received: ", batch_size));
  std::vector<std::int64_t> order;
  if (shuffle) {
    order.resize(static_cast<std::size_t>(samples.rows()));
    const auto epoch = static_cast<std::uint64_t>(epochs_seen_);
    network.device().permutation(
        samples.rows(), {seed_, numerics::stream_id(numerics::Purpose::shuffle, 0, epoch)}, order.data());
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
  check(samples, false);
  require_loss();
  if (fresh) reset_metrics();
  if (optimizer().is_lbfgs()) return descend(samples, monitor);
  run(samples, nullptr, std::max<std::int64_t>(samples.rows(), 1), true, monitor);
}

void Trainer::evaluate(const Samples& samples, std::int64_t batch_size, bool fresh, Monitor& monitor,
                       bool scanned) {
  const Exclusive exclusive = parameters.exclude();
  check(samples, scanned);
  if (batch_size < 1)
    throw ValueError(text("[evaluate] batch_size must be positive. Received: ", batch_size));
  if (fresh) reset_metrics();
  run(samples, nullptr, batch_size, false, monitor);
}

void Trainer::require_loss() const {
  if (!objective_.has_loss() && !adds_loss()) {
    throw StateError("[fit] there is no loss to train with: compile() was given none");
  }
}

void Trainer::predict(std::span<const ArrayView> x, std::span<void* const> out, Monitor& monitor) const {
  check_inputs(x, input_shapes());
  store().shared().fetch(false);
  constexpr std::int64_t most_blocks = 16, most_bytes = std::int64_t{16} << 20;
  const auto item = static_cast<std::int64_t>(size_of(network.dtype()));
  std::int64_t widths = 0;
  for (const Shape& input : input_shapes()) widths += element_count(input);
  const std::int64_t block_bytes = network.rows_a_block() * widths * item;
  const std::int64_t block =
      std::clamp<std::int64_t>(most_bytes / block_bytes, 1, most_blocks) * network.rows_a_block();
  // Converted inputs are kept for the next call, unless they are many.
  const std::size_t most_kept = std::max(static_cast<std::size_t>(most_bytes), store().flat_bytes());
  std::unique_ptr<Scratch> scratch(idle_scratch_.exchange(nullptr));
  if (scratch == nullptr) scratch = std::make_unique<Scratch>(network.device(), network.dtype());
  Batch& inputs = scratch->inputs;
  std::vector<void*>& outputs = scratch->outputs;
  outputs.resize(out.size());
  const auto bytes_of = [&](std::size_t k) { return element_count(network.shape_of_output(k)) * item; };
  // Where the device's memory is not the host's, outputs come back block by block.
  Device& device = network.device();
  const std::int64_t all = x.front().rows;
  std::vector<Device::Memory> results;
  for (std::size_t k = 0; k < out.size() && !device.is_host() && all > 0; ++k) {
    results.push_back(device.make(static_cast<std::size_t>(std::min(block, all) * bytes_of(k))));
  }
  for (std::int64_t first = 0; first < all; first += block) {
    const std::int64_t rows = std::min(block, all - first);
    inputs.gather_inputs(x, nullptr, first, rows);
    for (std::size_t k = 0; k < out.size(); ++k) {
      outputs[k] = results.empty() ? static_cast<char*>(out[k]) + first * bytes_of(k) : results[k].get();
    }
    {
      const std::shared_lock lock(store().lock());
      network.infer(inputs.inputs(), rows, outputs);
      for (std::size_t k = 0; k < results.size(); ++k) {
        device.copy_to_host(static_cast<char*>(out[k]) + first * bytes_of(k), results[k].get(),
                            static_cast<std::size_t>(rows * bytes_of(k)));
      }
    }
    ++monitor.batches;
    monitor.tick(static_cast<double>(rows) * network.work(), true);
  }
  if (inputs.bytes() <= most_kept) delete idle_scratch_.exchange(scratch.release());
}

void Trainer::call_training(std::span<const ArrayView> x, std::span<void* const> out) {
  const Exclusive exclusive = parameters.exclude();
  check_inputs(x, input_shapes());
  network.build();
  const std::int64_t rows = x.front().rows;
  if (rows == 0) return;
  reserve(rows);
  store().shared().fetch(true);
  batch_.gather_inputs(x, nullptr, 0, rows);
  // Steps from 2^39 on are calls: they never share random numbers with training.
  constexpr std::uint64_t first_call = std::uint64_t{1} << 39;
  const Pass pass{network.device(), network.dtype(), rows, true, first_call + calls_seen_};
  network.forward(pass, batch_.inputs(), activations_, nullptr, true);
  for (std::size_t k = 0; k < out.size(); ++k) {
    const auto bytes =
        static_cast<std::size_t>(rows * element_count(network.shape_of_output(k))) * size_of(network.dtype());
    network.device().copy_to_host(out[k], network.output(activations_, k), bytes);
  }
  {
    const std::unique_lock lock(store().lock());
    network.update_state(pass, activations_);
    store().changed();
    ++calls_seen_;
  }
  store().shared().changed();
}

}  // namespace lamina::nn
