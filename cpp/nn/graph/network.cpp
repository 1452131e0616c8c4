#include "nn/graph/network.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "nn/layers/activation_layer.h"
#include "nn/layers/dense.h"
#include "nn/layers/dropout.h"
#include "nn/layers/spectral_normalization.h"

namespace lamina::nn {

Network::Network(Shape input, DType dtype, Device& device)
    : dtype_(dtype), device_(device), store_(std::make_shared<ParameterStore>(dtype, device)) {
  if (dtype != DType::float32 && device.precision() != Precision::strict) {
    throw ValueError(text("[Network] precision='", name_of(device.precision()),
                          "' is for models in float32. Received: dtype='", name_of(dtype), "'"));
  }
  add_input(std::move(input));
  seek(0);
}

std::int64_t Network::add_input(Shape shape) {
  require_unbuilt();
  for (const std::int64_t extent : shape) {
    if (extent < 1) {
      throw ValueError(
          text("[Input] every extent of a sample must be positive. Received: shape=", to_string(shape)));
    }
  }
  element_count(shape);
  const ValueId value = graph_.add_input(shape);
  input_shapes_.push_back(shape);
  named_.push_back({value, std::move(shape)});
  return static_cast<std::int64_t>(named_.size()) - 1;
}

const Network::NamedValue& Network::checked_value(std::int64_t value) const {
  if (value < 0 || static_cast<std::size_t>(value) >= named_.size()) {
    throw ValueError(text("[Network] there are ", named_.size(), " values. Received: value ", value));
  }
  return named_[static_cast<std::size_t>(value)];
}

void Network::seek(std::int64_t value) {
  require_unbuilt();
  const NamedValue& named = checked_value(value);
  at_ = named.value;
  current_ = named.shape;
  cursor_ = value;
  is_fresh_ = false;
}

void Network::name_value() {
  named_.push_back({at_, current_});
  cursor_ = static_cast<std::int64_t>(named_.size()) - 1;
  is_fresh_ = false;
}

void Network::require_unbuilt() const {
  if (finished_) throw StateError("[Network] layers cannot be added once the parameters exist");
}

void Network::end_layer() {
  shapes_.push_back(current_);
  name_value();
  if (sharing_ == 0 || --sharing_ > 0) return;
  if (!shared_layers_.empty()) {
    shared_layers_.clear();
    throw ValueError("[share] the layers that share parameters must have as many of them");
  }
}

void Network::share(std::int64_t first, std::int64_t count) {
  require_unbuilt();
  if (first < 0 || count < 1 || first + count > layers()) {
    throw ValueError(text("[share] there are ", layers(), " layers. Received: layer ", first, " and ",
                          count - 1, " more"));
  }
  shared_layers_.clear();
  for (LayerId layer = static_cast<LayerId>(graph_.layers()); layer-- > 0;) {
    const Layer& operation = *graph_.nodes()[graph_.first_node(layer)].operation;
    if (operation.index() < first || operation.index() >= first + count) continue;
    if (!operation.parameters().empty()) shared_layers_.push_back(layer);
  }
  sharing_ = count;
}

void Network::append(std::unique_ptr<Layer> operation, std::vector<ValueId> inputs) {
  if (power_iterations_ > 0 && SpectralNormalization::takes(*operation)) {
    operation = std::make_unique<SpectralNormalization>(std::move(operation), power_iterations_);
    power_iterations_ = 0;
  }
  adds_loss_ = adds_loss_ || operation->adds_loss();
  current_ = operation->output_shape();
  is_fresh_ = true;
  if (sharing_ > 0 && !operation->parameters().empty()) {
    if (shared_layers_.empty()) {
      throw ValueError("[share] the layers that share parameters must have as many of them");
    }
    const LayerId layer = shared_layers_.back();
    shared_layers_.pop_back();
    operation->set_index(graph_.nodes()[graph_.first_node(layer)].operation->index());
    at_ = graph_.call(layer, std::move(operation), std::move(inputs));
    return;
  }
  operation->set_index(layers());
  for (const Parameter& parameter : operation->parameters())
    store_->add(layers(), graph_.layers(), parameter);
  at_ = graph_.add(std::move(operation), std::move(inputs));
}

void Network::activate(const Activation& activation) {
  if (activation.kind == ActivationKind::linear) return;
  if (is_fresh_ && graph_.nodes()[graph_.values()[at_].producer].operation->try_fuse(activation)) return;
  append(std::make_unique<ActivationLayer>(current_, activation));
}

void Network::add_dense(std::int64_t units, bool use_bias, const Activation& activation) {
  require_unbuilt();
  append(std::make_unique<Dense>(current_, units, use_bias));
  activate(activation);
  end_layer();
}

void Network::add_activation(const Activation& activation) {
  require_unbuilt();
  if (activation.kind != ActivationKind::linear)
    append(std::make_unique<ActivationLayer>(current_, activation));
  end_layer();
}

void Network::add_dropout(double rate, std::uint64_t seed) {
  require_unbuilt();
  append(std::make_unique<Dropout>(current_, rate, seed, dropouts_));
  ++dropouts_;
  end_layer();
}

void Network::add_flatten() {
  require_unbuilt();
  current_ = {element_count(current_)};
  end_layer();
}

void Network::set_outputs(const std::vector<std::int64_t>& values) {
  require_unbuilt();
  if (values.empty()) throw ValueError("[set_outputs] a network needs an output. Received: []");
  std::vector<GraphOutput> outputs;
  std::vector<Shape> shapes;
  for (const std::int64_t value : values) {
    const NamedValue& named = checked_value(value);
    outputs.push_back({named.value, named.shape});
    shapes.push_back(named.shape);
  }
  graph_.set_outputs(std::move(outputs));
  output_shapes_ = std::move(shapes);
}

void Network::finish() {
  if (finished_) return;
  if (graph_.outputs().empty()) graph_.set_outputs({{at_, current_}});
  graph_.fuse_activations();
  inference_ = std::make_unique<Inference>(graph_, dtype_, device_);
  finished_ = true;
}

void Network::build() {
  if (built_) return;
  finish();
  store_->build();
  take_pointers();
}

void Network::take_pointers() {
  value_pointers_ = layout().pointers(store_->values(), dtype_, graph_.layers());
  built_ = true;
}

void Network::add_parameter(const Parameter& parameter) {
  require_unbuilt();
  store_->add(layers(), PlacedParameter::kNoOperation, parameter);
  end_layer();
}

void Network::build_gradients() {
  build();
  store_->build_gradients();
  if (gradients_placed_) return;
  gradient_pointers_ = layout().pointers(store_->gradients().at(0), dtype_, graph_.layers());
  gradients_placed_ = true;
}

const Shape& Network::output_shape(std::int64_t i) const {
  if (i == -1) return shapes_.empty() ? input_shape() : shapes_.back();
  if (i < 0 || i >= layers()) {
    throw ValueError(text("[Network] there are ", layers(), " layers. Received: layer ", i));
  }
  return shapes_[static_cast<std::size_t>(i)];
}

std::int64_t Network::index_range(std::size_t input) const {
  std::int64_t least = 0;
  for (const Node& node : graph_.nodes()) {
    const std::int64_t range = node.operation->index_range();
    if (range == 0 || node.inputs[0] != graph_.inputs()[input]) continue;
    least = least == 0 ? range : std::min(least, range);
  }
  return least;
}

void Network::set_trainable(std::int64_t layer, bool trainable) {
  build();
  for (Node& node : graph_.nodes()) node.operation->set_trainable(layer, trainable);
  store_->set_trainable(layer, trainable);
  ++structure_;
}

std::size_t Network::first_parameter(LayerId layer) const {
  const auto& all = layout().parameters();
  std::size_t place = 0;
  while (place < all.size() && all[place].operation != layer) ++place;
  return place;
}

bool Network::has_large_kernel(const Node& node) const {
  // A small gradient is still in a near cache when the optimizer reads it.
  constexpr std::size_t near_bytes = 256 * 1024;
  if (!node.operation->updates_kernel() || !device_.fuses_updates()) return false;
  const Parameter& kernel = node.operation->parameters().front();
  return static_cast<std::size_t>(element_count(kernel.shape)) * size_of(dtype_) > near_bytes;
}

const Layer* Network::last_operation(std::size_t output) const {
  const Value& value = graph_.values()[graph_.outputs()[output].value];
  const bool alone = value.consumers == 0 && value.outputs == 1 && value.producer != kNoNode;
  return alone ? graph_.nodes()[value.producer].operation.get() : nullptr;
}

bool Network::fits(const Activations& activations, std::int64_t batch,
                   const std::vector<OutputReading>& readings, bool defers) const {
  return activations.plan != nullptr && activations.batch >= batch && (activations.defers || !defers) &&
         activations.structure == structure_ && activations.readings == readings;
}

void Network::reserve(Activations& activations, std::int64_t batch,
                      const std::vector<OutputReading>& readings, bool defers) const {
  if (fits(activations, batch, readings, defers)) return;
  batch = std::max(batch, activations.batch);
  activations = Activations();  // first, so that the old and the new are never there together
  Activations grown;
  grown.batch = batch;
  grown.defers = defers;
  grown.structure = structure_;
  grown.readings = readings;
  PlanOptions options;
  options.dtype = dtype_;
  options.batch = batch;
  for (const OutputReading& reading : readings) {
    options.endings.push_back(reading.ending);
    options.gradients.push_back(reading.has_gradient ? 1 : 0);
  }
  options.trained.assign(graph_.layers(), 1);
  for (const Node& node : graph_.nodes())
    options.deferrable.push_back(defers && has_large_kernel(node) ? 1 : 0);
  grown.plan = std::make_unique<MemoryPlan>(MemoryPlan::make(graph_, options));
  grown.memory = device_.make(grown.plan->bytes());
  grown.run = Run(graph_, *grown.plan, grown.memory.get());
  activations = std::move(grown);
}

void Network::forward(const Pass& pass, std::span<const void* const> x, Activations& activations,
                      Monitor* monitor, bool whole) const {
  for (std::size_t i = 0; i < x.size(); ++i) activations.run.set_input(i, x[i]);
  ForwardOptions options;
  options.whole = whole;
  options.monitor = monitor;
  nn::forward(*activations.plan, activations.run, value_pointers_.all(), pass, options);
}

void* Network::prediction(const Activations& activations, std::size_t output) const {
  const ValueId value = graph_.outputs()[output].value;
  if (activations.readings[output].ending != Ending::left_out) return activations.run.value(value);
  return activations.run.value(graph_.nodes()[graph_.values()[value].producer].inputs[0]);
}

void* Network::output(const Activations& activations, std::size_t output) const {
  return activations.run.value(graph_.outputs()[output].value);
}

void Network::backward(const Pass& pass, Activations& activations, Monitor* monitor,
                       std::vector<DeferredBackward>* deferred) const {
  nn::backward(*activations.plan, activations.run, value_pointers_.all(), gradient_pointers_.all(), pass,
               monitor, deferred);
}

void Network::update_state(const Pass& pass, const Activations& activations) const {
  nn::update_state(*activations.plan, activations.run, value_pointers_.all(), pass);
}

void Network::infer(std::span<const void* const> x, std::int64_t rows, std::span<void* const> out) const {
  constexpr std::int64_t few_rows = 8, many_rows = 1024;
  constexpr std::size_t near_bytes = 1 << 20;  // parameters that stay in one core's cache need no copies
  std::shared_ptr<const KernelBlocks> blocks;
  if (device_.is_host() && (rows <= few_rows || rows >= many_rows) && store_->flat_bytes() > near_bytes) {
    blocks = kernel_blocks_.find(*store_, graph_, value_pointers_.all());
  }
  inference_->run(value_pointers_.all(), layout().elements(), x, rows, out, blocks.get());
}

}  // namespace lamina::nn
