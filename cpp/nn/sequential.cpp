#include "nn/sequential.h"

#include <algorithm>

#include "core/error.h"
#include "core/float_environment.h"
#include "device/names.h"
#include "nn/activation_layer.h"
#include "numerics/streams.h"

namespace lamina::nn {

namespace {

bool takes_labels(LossKind kind) { return kind == LossKind::sparse_categorical_crossentropy; }
bool takes_labels(MetricKind kind) { return kind == MetricKind::sparse_categorical_accuracy; }

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

bool is_crossentropy(LossKind loss) {
  return loss == LossKind::binary_crossentropy || loss == LossKind::categorical_crossentropy ||
         takes_labels(loss);
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
  if (is_crossentropy(loss.kind) && loss.from_logits) {
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
    if (takes_labels(metric.kind) != takes_labels(objective.loss.kind)) {
      throw ValueError(
          text("[compile] metric '", name_of(metric.kind), "' takes ",
               takes_labels(metric.kind) ? "integer labels" : "targets shaped like the prediction",
               ", but loss '", name_of(objective.loss.kind), "' takes ",
               takes_labels(objective.loss.kind) ? "integer labels" : "targets shaped like the prediction"));
    }
  }
  if (takes_labels(objective.loss.kind) && output.back() > std::int64_t{1} << 31) {
    throw ValueError("[compile] sparse labels reach at most 2^31 - 1");
  }
  network.build_gradients();
  auto optimizer = std::make_unique<Optimizer>(settings, network);
  std::vector<MetricSums> sums(objective.metrics.size()), pending(objective.metrics.size());
  Objective copy = objective;

  const std::unique_lock lock(parameters_lock_);
  plan_ = plan_loss(copy.loss);
  objective_ = std::move(copy);
  target_form_ = takes_labels(objective_.loss.kind) ? TargetForm::labels : TargetForm::values;
  optimizer_ = std::move(optimizer);
  metric_sums_ = std::move(sums);
  pending_sums_ = std::move(pending);
  loss_sums_ = {};
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
  check_targets(network.device(), samples, network.output_shape(), target_form_);
}

void Sequential::step(std::int64_t rows, bool training, Monitor& monitor) {
  Device& device = network.device();
  const DType dtype = network.dtype();
  double penalty = 0.0;
  const Pass pass{device,
                  dtype,
                  rows,
                  training,
                  static_cast<std::uint64_t>(steps_seen_),
                  network.penalizes() ? &penalty : nullptr};
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
  if (training) {
    loss.scale = 1.0 / static_cast<double>(loss_rows);
    loss.gradient = gradient;
  }
  if (plan_.form == PredictionForm::logits_of_activation && !metric_sums_.empty()) {
    // The metrics read what the model would have returned: a left-out layer has a buffer of
    // its own, a left-out ending is written over the logits.
    loss.output = activations_.slots.back().output.get();
  }
  const double total = device.loss(loss);
  const void* answer = loss.output != nullptr ? loss.output : prediction;

  // Sums are added up aside and taken over when nothing can stop the step any more.
  pending_sums_.assign(metric_sums_.begin(), metric_sums_.end());
  for (std::size_t i = 0; i < pending_sums_.size(); ++i) {
    MetricArguments metric;
    metric.dtype = dtype;
    metric.metric = objective_.metrics[i];
    metric.rows = loss_rows;
    metric.columns = columns;
    metric.prediction = answer;
    metric.target = batch_.y();
    device.add_metric(metric, pending_sums_[i]);
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
    if (network.penalizes()) penalty += network.penalties(true);
    monitor.tick();
    const std::unique_lock lock(parameters_lock_);
    optimizer_->step(network);
    network.constrain();
    network.commit(pass, activations_);
    ++steps_seen_;
  } else if (network.penalizes()) {
    penalty += network.penalties(false);
  }
  metric_sums_.swap(pending_sums_);
  loss_sums_.total += total + penalty * static_cast<double>(loss_rows);
  loss_sums_.count += static_cast<double>(loss_rows);
}

void Sequential::run(const Samples& samples, const std::int64_t* order, std::int64_t batch_size,
                     bool training, Monitor& monitor) {
  const std::int64_t rows = samples.x.rows;
  const std::int64_t largest = std::min(rows, batch_size);
  network.reserve(activations_, largest);
  for (std::int64_t first = 0; first < rows; first += batch_size) {
    const std::int64_t count = std::min(batch_size, rows - first);
    batch_.gather(samples, target_form_, positions(), order, first, count);
    step(count, training, monitor);
    ++monitor.batches;
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
  run(samples, shuffle ? order.data() : nullptr, batch_size, true, monitor);
  ++epochs_seen_;
}

void Sequential::train_step(const Samples& samples, bool fresh, Monitor& monitor) {
  const Exclusive exclusive(busy_);
  check(samples);
  if (fresh) reset_metrics();
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
  constexpr std::int64_t blocks_between_ticks = 16;
  const std::int64_t block = blocks_between_ticks * network.rows_a_block();
  const auto item = static_cast<std::int64_t>(size_of(network.dtype()));
  const std::int64_t outputs = element_count(network.output_shape()) * item;
  // Converted inputs are kept for the next call, unless they are many.
  const std::size_t most_kept = std::max(std::size_t{4} << 20, network.flat_bytes());
  std::unique_ptr<Batch> inputs(idle_batch_.exchange(nullptr));
  if (inputs == nullptr) inputs = std::make_unique<Batch>(network.device(), network.dtype());
  for (std::int64_t first = 0; first < x.rows; first += block) {
    const std::int64_t rows = std::min(block, x.rows - first);
    inputs->gather_inputs(x, first, rows);
    {
      const std::shared_lock lock(parameters_lock_);
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
  const std::unique_lock lock(parameters_lock_);
  network.commit(pass, activations_);
  ++calls_seen_;
}

void Sequential::set_trainable(std::int64_t layer, bool trainable) {
  const Exclusive exclusive(busy_);
  const std::unique_lock lock(parameters_lock_);
  network.set_trainable(layer, trainable);
}

void Sequential::reset_metrics() {
  loss_sums_ = {};
  for (MetricSums& sums : metric_sums_) sums = {};
}

std::vector<double> Sequential::metric_values() const {
  std::vector<double> values(metric_count());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = metric_value(i);
  return values;
}

double Sequential::metric_value(std::size_t i) const {
  const MetricSums& sums = i == 0 ? loss_sums_ : metric_sums_[i - 1];
  return sums.count == 0.0 ? 0.0 : sums.total / sums.count;
}

void Sequential::read(const void* flat, std::size_t parameter, void* to_host) const {
  const PlacedParameter& p = network.layout().parameters().at(parameter);
  const std::size_t item = size_of(network.dtype());
  const std::shared_lock lock(parameters_lock_);
  network.device().copy_to_host(to_host,
                                static_cast<const char*>(flat) + static_cast<std::size_t>(p.offset) * item,
                                static_cast<std::size_t>(p.count) * item);
}

void Sequential::write(void* flat, std::size_t parameter, const void* from_host) {
  const PlacedParameter& p = network.layout().parameters().at(parameter);
  const std::size_t item = size_of(network.dtype());
  const std::unique_lock lock(parameters_lock_);
  network.values();  // a prediction may have copied the old ones since `flat` was asked for
  network.device().copy_from_host(static_cast<char*>(flat) + static_cast<std::size_t>(p.offset) * item,
                                  from_host, static_cast<std::size_t>(p.count) * item);
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
