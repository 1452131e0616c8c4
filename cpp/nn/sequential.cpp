#include "nn/sequential.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "core/error.h"
#include "core/float_environment.h"
#include "device/names.h"
#include "nn/activation_layer.h"
#include "nn/lbfgs.h"
#include "numerics/streams.h"

namespace lamina::nn {

namespace {

bool takes_labels(LossKind kind) { return kind == LossKind::sparse_categorical_crossentropy; }

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

/// One training or evaluation at a time on one network.
class Exclusive {
 public:
  explicit Exclusive(std::atomic<bool>& busy) : busy_(busy) {
    if (busy_.exchange(true)) {
      throw StateError("[Network] a training or evaluation of this model is running in another thread");
    }
  }
  ~Exclusive() { busy_.store(false); }
  Exclusive(const Exclusive&) = delete;
  Exclusive& operator=(const Exclusive&) = delete;

 private:
  std::atomic<bool>& busy_;
};

}  // namespace

Sequential::LossPlan Sequential::plan_loss(const LossSpecification& loss) const {
  const auto& operations = network.operations();
  LossPlan plan;
  plan.operations = operations.size();
  if (loss.from_logits) {
    plan.form = PredictionForm::logits;
    return plan;
  }
  if (operations.empty()) return plan;
  const Layer& last = *operations.back();
  if (is_crossentropy_of(loss.kind, last.ending().kind)) {
    plan.form = PredictionForm::logits_of_activation;
    plan.without_ending = true;
  } else if (const auto* activation = dynamic_cast<const ActivationLayer*>(&last);
             activation != nullptr && is_crossentropy_of(loss.kind, activation->function().kind)) {
    plan.form = PredictionForm::logits_of_activation;
    plan.operations -= 1;
  }
  return plan;
}

void Sequential::compile(const Objective& objective, const OptimizerSettings& settings) {
  const Exclusive exclusive(busy_);
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
  if (!(objective.loss_weight >= 0.0 && objective.loss_weight < kUnbounded)) {
    throw ValueError(
        text("[compile] loss_weights must be finite and not negative. Received: ", objective.loss_weight));
  }
  if (takes_labels(objective.loss.kind) && output.back() > std::int64_t{1} << 31) {
    throw ValueError("[compile] sparse labels reach at most 2^31 - 1");
  }
  network.build_gradients();
  auto optimizer = std::make_unique<Optimizer>(settings, network);
  std::vector<std::size_t> offsets;
  std::size_t state = 0;
  for (const MetricSpecification& metric : objective.metrics) {
    offsets.push_back(state);
    state += static_cast<std::size_t>(state_size(metric, output.back()));
  }
  std::vector<double> sums(state), pending(state);
  Objective copy = objective;

  const std::unique_lock lock(*parameters_lock_);
  plan_ = plan_loss(copy.loss);
  objective_ = std::move(copy);
  target_form_ = takes_labels(objective_.loss.kind) ? TargetForm::labels : TargetForm::values;
  optimizer_ = std::move(optimizer);
  metric_state_ = std::move(sums);
  pending_state_ = std::move(pending);
  metric_offsets_ = std::move(offsets);
  loss_total_ = loss_count_ = 0.0;
}

bool Sequential::plain_mean() const {
  return objective_.reduction == LossReduction::mean && objective_.loss_weight == 1.0 &&
         !objective_.skip_missing && !objective_.loss.ignores_class && !objective_.loss.whole_batch;
}

double Sequential::loss_divisor(const LossArguments& loss) const {
  if (objective_.reduction == LossReduction::sum) return 1.0;
  return network.device().loss_count(loss, objective_.reduction == LossReduction::weighted_mean);
}

void Sequential::set_optimizer(const OptimizerSettings& settings) {
  const Exclusive exclusive(busy_);
  network.build_gradients();
  auto optimizer = std::make_unique<Optimizer>(settings, network);
  const std::unique_lock lock(*parameters_lock_);
  optimizer_ = std::move(optimizer);
}

void Sequential::build_in(const Sequential& other) {
  network.build_in(other.network);
  parameters_lock_ = other.parameters_lock_;
}

double Sequential::apply_gradients(const std::vector<Gradient>& gradients, bool together, bool penalties) {
  const Exclusive exclusive(busy_);
  const FloatEnvironment environment;
  Optimizer& all = optimizer();
  if (all.lbfgs() != nullptr) {
    throw StateError("[apply_gradients] L-BFGS takes no gradients from elsewhere: it asks for them itself");
  }
  network.build_gradients();
  const auto& parameters = network.layout().parameters();
  const std::size_t item = size_of(network.dtype());
  given_ranges_.clear();
  void* flat = nullptr;
  for (const Gradient& gradient : gradients) {
    const PlacedParameter& p = parameters.at(gradient.parameter);
    if (!p.trained || p.frozen) continue;
    const auto offset = static_cast<std::size_t>(p.offset) * item;
    auto* const data = static_cast<char*>(const_cast<void*>(gradient.data));
    if (together) {
      flat = data - offset;
    } else {
      network.device().copy(static_cast<char*>(network.gradients()) + offset, data,
                            static_cast<std::size_t>(p.count) * item);
    }
    given_ranges_.push_back({p.offset, p.count});
  }
  network.give_gradients(flat);
  struct Back {
    const Network& network;
    ~Back() { network.give_gradients(nullptr); }
  } const back{network};
  const double penalty = penalties ? network.penalties(true, all.loss_scale()) : 0.0;
  all.prepare();
  const std::unique_lock lock(*parameters_lock_);
  all.step(network, &given_ranges_);
  network.constrain();
  network.changed();
  return penalty;
}

Optimizer& Sequential::optimizer() {
  if (!optimizer_) throw StateError("[Network] call compile() first");
  return *optimizer_;
}

std::int64_t Sequential::positions() const {
  return element_count(network.output_shape()) / network.output_shape().back();
}

void Sequential::check(const Samples& samples) const {
  if (!optimizer_) throw StateError("[Network] call compile() before training or evaluating");
  check_inputs(samples.x, network.input_shape());
  const LossSpecification& loss = objective_.loss;
  check_targets(network.device(), samples, network.output_shape(),
                {target_form_, objective_.skip_missing, loss.ignores_class, loss.ignore_class});
}

double Sequential::step(std::int64_t rows, bool training, Monitor& monitor, bool update) {
  Device& device = network.device();
  const DType dtype = network.dtype();
  double penalty = 0.0;
  const Pass pass{device,
                  dtype,
                  rows,
                  training,
                  static_cast<std::uint64_t>(steps_seen_),
                  network.penalizes() ? &penalty : nullptr,
                  training ? optimizer_->loss_scale() : 1.0};
  const FloatEnvironment environment;
  const std::int64_t columns = network.output_shape().back();
  const std::int64_t loss_rows = rows * positions();

  void* prediction =
      network.forward(pass, batch_.x(), plan_.operations, plan_.without_ending, activations_, &monitor);
  void* gradient = activations_.gradients[0].get();

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
    loss.scale *= optimizer_->loss_scale();
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
    if (plan_.operations > 0) {
      const Below ending = network.ending_of(plan_.operations - 1, activations_);
      if (!plan_.without_ending && ending.activation.kind != ActivationKind::linear) {
        device.activate_backward(dtype, ending.activation, loss_rows, columns, ending.saved, gradient,
                                 gradient);
      }
      network.backward(pass, plan_.operations, gradient, activations_, &monitor);
    }
    if (network.penalizes()) penalty += network.penalties(true, optimizer_->loss_scale());
    monitor.tick();
    if (!update) return mean + penalty;
    optimizer_->prepare();
    const std::unique_lock lock(*parameters_lock_);
    optimizer_->step(network, &network.trained_ranges());
    network.constrain();
    network.commit(pass, activations_);
    network.changed();
    ++steps_seen_;
  } else if (network.penalizes()) {
    penalty += network.penalties(false);
  }
  metric_state_.swap(pending_state_);
  const double sum = plain ? total : mean * samples;
  add_loss(penalty == 0.0 ? sum : sum + penalty * samples, loss_rows);
  return mean + penalty;
}

void Sequential::add_loss(double total, std::int64_t rows) {
  // Over batches the losses' mean, each by its number of samples.
  loss_total_ += total;
  loss_count_ += static_cast<double>(rows);
}

void Sequential::descend(const Samples& samples, Monitor& monitor) {
  const FloatEnvironment environment;
  const std::int64_t rows = samples.x.rows;
  network.reserve(activations_, rows);
  batch_.gather(samples, target_form_, positions(), nullptr, 0, rows);
  // Loss and metrics of the epoch are those of its first point.
  const std::vector<double> metrics = metric_state_;
  const double total = loss_total_, count = loss_count_;
  bool first = true;
  try {
    optimizer_->lbfgs()->descend(
        network,
        [&] {
          const double loss = step(rows, true, monitor, false);
          if (std::exchange(first, false)) {
            metric_state_ = pending_state_;
            add_loss(loss * static_cast<double>(rows * positions()), rows * positions());
          }
          return loss;
        },
        [this](const std::function<void()>& change) {
          const std::unique_lock lock(*parameters_lock_);
          change();
          network.changed();
        },
        &network.trained_ranges());
  } catch (...) {
    metric_state_ = metrics;
    loss_total_ = total;
    loss_count_ = count;
    throw;
  }
  ++steps_seen_;
  ++monitor.batches;
  monitor.tick(true);
}

void Sequential::run(const Samples& samples, const std::int64_t* order, std::int64_t batch_size,
                     bool training, Monitor& monitor) {
  const std::int64_t rows = samples.x.rows;
  const std::int64_t largest = std::min(rows, batch_size);
  network.reserve(activations_, largest);
  batches_done_ = 0;
  for (std::int64_t first = 0; first < rows; first += batch_size) {
    const std::int64_t count = std::min(batch_size, rows - first);
    batch_.gather(samples, target_form_, positions(), order, first, count);
    step(count, training, monitor);
    ++monitor.batches;
    ++batches_done_;
    monitor.tick(0, true);
  }
}

void Sequential::train_epoch(const Samples& samples, std::int64_t batch_size, bool shuffle,
                             Monitor& monitor) {
  const Exclusive exclusive(busy_);
  check(samples);
  if (batch_size < 1) throw ValueError(text("[fit] batch_size must be positive. Received: ", batch_size));
  std::vector<std::int64_t> order;
  if (shuffle) {
    order.resize(static_cast<std::size_t>(samples.x.rows));
    const auto epoch = static_cast<std::uint64_t>(epochs_seen_);
    network.device().permutation(
        samples.x.rows, {seed_, numerics::stream_id(numerics::Purpose::shuffle, 0, epoch)}, order.data());
  }
  if (optimizer_->lbfgs() != nullptr) {
    descend(samples, monitor);
  } else {
    run(samples, shuffle ? order.data() : nullptr, batch_size, true, monitor);
  }
  ++epochs_seen_;
}

void Sequential::train_step(const Samples& samples, bool fresh, Monitor& monitor) {
  const Exclusive exclusive(busy_);
  check(samples);
  if (fresh) reset_metrics();
  if (optimizer_->lbfgs() != nullptr) return descend(samples, monitor);
  run(samples, nullptr, std::max<std::int64_t>(samples.x.rows, 1), true, monitor);
}

void Sequential::evaluate(const Samples& samples, std::int64_t batch_size, bool fresh, Monitor& monitor) {
  const Exclusive exclusive(busy_);
  check(samples);
  if (batch_size < 1)
    throw ValueError(text("[evaluate] batch_size must be positive. Received: ", batch_size));
  if (fresh) reset_metrics();
  run(samples, nullptr, batch_size, false, monitor);
}

void Sequential::predict(const ArrayView& x, void* out, Monitor& monitor) const {
  check_inputs(x, network.input_shape());
  constexpr std::int64_t most_blocks = 16, most_bytes = std::int64_t{16} << 20;
  const auto item = static_cast<std::int64_t>(size_of(network.dtype()));
  const std::int64_t block_bytes = network.rows_a_block() * element_count(network.input_shape()) * item;
  const std::int64_t block =
      std::clamp<std::int64_t>(most_bytes / block_bytes, 1, most_blocks) * network.rows_a_block();
  const std::int64_t outputs = element_count(network.output_shape()) * item;
  // Converted inputs are kept for the next call, unless they are many.
  const std::size_t most_kept = std::max(static_cast<std::size_t>(most_bytes), network.flat_bytes());
  std::unique_ptr<Batch> inputs(idle_batch_.exchange(nullptr));
  if (inputs == nullptr) inputs = std::make_unique<Batch>(network.device(), network.dtype());
  for (std::int64_t first = 0; first < x.rows; first += block) {
    const std::int64_t rows = std::min(block, x.rows - first);
    inputs->gather_inputs(x, first, rows);
    {
      const std::shared_lock lock(*parameters_lock_);
      network.infer(inputs->x(), rows, static_cast<char*>(out) + first * outputs);
    }
    ++monitor.batches;
    monitor.tick(static_cast<double>(rows) * network.work(), true);
  }
  if (inputs->bytes() <= most_kept) delete idle_batch_.exchange(inputs.release());
}

void Sequential::call_training(const ArrayView& x, void* out) {
  const Exclusive exclusive(busy_);
  check_inputs(x, network.input_shape());
  network.build();
  if (x.rows == 0) return;
  network.reserve(activations_, x.rows);
  batch_.gather_inputs(x, 0, x.rows);
  // Steps from 2^39 on are calls: they never share random numbers with training.
  constexpr std::uint64_t first_call = std::uint64_t{1} << 39;
  const Pass pass{network.device(), network.dtype(), x.rows, true, first_call + calls_seen_};
  const void* answer =
      network.forward(pass, batch_.x(), network.operations().size(), false, activations_, nullptr);
  network.device().copy_to_host(
      out, answer,
      static_cast<std::size_t>(x.rows * element_count(network.output_shape())) * size_of(network.dtype()));
  const std::unique_lock lock(*parameters_lock_);
  network.commit(pass, activations_);
  network.changed();
  ++calls_seen_;
}

void Sequential::set_trainable(std::int64_t layer, bool trainable) {
  const Exclusive exclusive(busy_);
  const std::unique_lock lock(*parameters_lock_);
  network.set_trainable(layer, trainable);
}

void Sequential::reset_metrics() {
  loss_total_ = loss_count_ = 0.0;
  std::fill(metric_state_.begin(), metric_state_.end(), 0.0);
}

std::vector<double> Sequential::metric_values() const {
  std::vector<double> values{mean_loss()};
  for (std::size_t i = 0; i < metric_offsets_.size(); ++i) {
    append_result(objective_.metrics[i], network.output_shape().back(), state_of_metric(i), values);
  }
  return values;
}

std::vector<double> Sequential::metric_state() const {
  std::vector<double> state{loss_total_, loss_count_};
  state.insert(state.end(), metric_state_.begin(), metric_state_.end());
  return state;
}

void Sequential::set_metric_state(const std::vector<double>& state) {
  if (state.size() != 2 + metric_state_.size()) {
    throw ValueError(text("[Network] this network keeps ", 2 + metric_state_.size(),
                          " numbers. Received: ", state.size()));
  }
  loss_total_ = state[0];
  loss_count_ = state[1];
  std::copy(state.begin() + 2, state.end(), metric_state_.begin());
}

void Sequential::read(const void* flat, std::size_t parameter, void* to_host, std::int64_t count) const {
  const PlacedParameter& p = network.layout().parameters().at(parameter);
  const std::size_t item = size_of(network.dtype());
  const std::shared_lock lock(*parameters_lock_);
  network.device().copy_to_host(to_host,
                                static_cast<const char*>(flat) + static_cast<std::size_t>(p.offset) * item,
                                static_cast<std::size_t>(count < 0 ? p.count : count) * item);
}

void Sequential::write(void* flat, std::size_t parameter, const void* from_host, std::int64_t count) {
  const PlacedParameter& p = network.layout().parameters().at(parameter);
  const std::size_t item = size_of(network.dtype());
  const std::unique_lock lock(*parameters_lock_);
  network.values();  // a prediction may have copied the old ones since `flat` was asked for
  network.device().copy_from_host(static_cast<char*>(flat) + static_cast<std::size_t>(p.offset) * item,
                                  from_host, static_cast<std::size_t>(count < 0 ? p.count : count) * item);
  network.changed();
}

void Sequential::swap_average() {
  const Exclusive exclusive(busy_);
  Optimizer& all = optimizer();
  const std::unique_lock lock(*parameters_lock_);
  all.swap_average(network);
  network.changed();
}

void Sequential::adopt_average() {
  const Exclusive exclusive(busy_);
  Optimizer& all = optimizer();
  const std::unique_lock lock(*parameters_lock_);
  all.adopt_average(network);
  network.changed();
}

void Sequential::set_steps_seen(std::int64_t n) {
  if (n < 0) throw ValueError(text("[Network] steps_seen cannot be negative. Received: ", n));
  steps_seen_ = n;
}

void Sequential::set_epochs_seen(std::int64_t n) {
  if (n < 0) throw ValueError(text("[Network] epochs_seen cannot be negative. Received: ", n));
  epochs_seen_ = n;
}

}  // namespace lamina::nn
