#include "nn/network.h"

#include <algorithm>
#include <new>

#include "core/error.h"
#include "nn/activation_layer.h"
#include "nn/dense.h"
#include "nn/dropout.h"

namespace lamina::nn {

namespace {

std::size_t bytes_of(std::int64_t batch, std::int64_t elements, DType dtype) {
  constexpr std::int64_t most = std::int64_t{1} << 47;
  if (elements > 0 && batch > most / elements) throw std::bad_alloc();
  return static_cast<std::size_t>(batch * elements) * size_of(dtype);
}

}  // namespace

/// Two buffers that a block of rows passes between.
struct Network::Scratch {
  Device::Memory halves[2];
  std::int64_t rows = 0;
};

Network::Network(Shape input, DType dtype, Device& device) : dtype_(dtype), device_(device) {
  for (const std::int64_t extent : input) {
    if (extent < 1) {
      throw ValueError(
          text("[Input] every extent of a sample must be positive. Received: shape=", to_string(input)));
    }
  }
  element_count(input);
  current_ = input;
  shapes_.push_back(std::move(input));
}

Network::~Network() { delete idle_scratch_.load(); }

void Network::require_unbuilt() const {
  if (built_) throw StateError("[Network] layers cannot be added once the parameters exist");
}

Network::Operations& Network::open_operations() {
  if (open_.empty()) return operations_;
  return open_.back().in_shortcut ? open_.back().shortcut : open_.back().body;
}

void Network::append(std::unique_ptr<Layer> operation) {
  operation->set_index(layers());
  for (const Parameter& parameter : operation->parameters())
    layout_.add(layers(), operations_.size(), parameter);
  penalizes_ = penalizes_ || operation->penalizes();
  current_ = operation->output_shape();
  open_operations().push_back(std::move(operation));
}

void Network::activate(const Activation& activation) {
  if (activation.kind == ActivationKind::linear) return;
  const Operations& operations = open_operations();
  if (!operations.empty() && operations.back()->output_shape() == current_ &&
      operations.back()->absorb(activation)) {
    return;
  }
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
  activate(activation);
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

void Network::build() {
  if (built_) return;
  if (!open_.empty()) throw StateError("[Residual] end_residual() is missing");
  layout_.place();
  trained_ranges_ = layout_.trained_ranges();
  Device::Memory values = device_.make(flat_bytes());
  Device::Memory gradients = device_.make(flat_bytes());
  device_.fill_zero(values.get(), flat_bytes());
  device_.fill_zero(gradients.get(), flat_bytes());
  value_pointers_ = layout_.pointers(values.get(), dtype_, operations_.size());
  gradient_pointers_ = layout_.pointers(gradients.get(), dtype_, operations_.size());
  values_ = std::move(values);
  gradients_ = std::move(gradients);
  built_ = true;
}

const Shape& Network::output_shape(std::int64_t i) const {
  if (i == -1) return shapes_.back();
  if (i < 0 || i >= layers()) {
    throw ValueError(text("[Network] there are ", layers(), " layers. Received: layer ", i));
  }
  return shapes_[static_cast<std::size_t>(i) + 1];
}

void Network::reserve(Activations& activations, std::int64_t batch) const {
  if (activations.batch >= batch && activations.slots.size() == operations_.size()) return;
  Activations grown;
  grown.batch = batch;
  std::int64_t widest = element_count(input_shape());
  for (const auto& operation : operations_) {
    const std::int64_t width = element_count(operation->output_shape());
    widest = std::max(widest, width);
    Activations::Slot slot;
    slot.output = device_.make(bytes_of(batch, width, dtype_));
    if (operation->ending().kind != ActivationKind::linear &&
        derivative_from(operation->ending()) == DerivativeFrom::input) {
      slot.pre_activation = device_.make(bytes_of(batch, width, dtype_));
    }
    const std::int64_t kept = operation->workspace(batch);
    if (kept > 0) slot.workspace = device_.make(bytes_of(1, kept, dtype_));
    grown.slots.push_back(std::move(slot));
  }
  for (Device::Memory& gradient : grown.gradients) gradient = device_.make(bytes_of(batch, widest, dtype_));
  grown.inputs.resize(operations_.size());
  activations = std::move(grown);
}

void* Network::forward(const Pass& pass, const void* x, std::size_t count, bool without_ending,
                       Activations& activations, Monitor* monitor) const {
  const void* input = x;
  for (std::size_t i = 0; i < count; ++i) {
    if (monitor != nullptr) monitor->tick();
    const Layer& operation = *operations_[i];
    activations.inputs[i] = input;
    if (operation.skipped(pass)) continue;
    ForwardArguments f;
    f.x = input;
    f.y = activations.slots[i].output.get();
    f.workspace = activations.slots[i].workspace.get();
    f.pre_activation = activations.slots[i].pre_activation.get();
    f.parameters = &value_pointers_[i];
    operation.forward(pass, f, without_ending && i + 1 == count);
    input = f.y;
  }
  return const_cast<void*>(input);
}

Below Network::ending_of(std::size_t i, const Activations& activations) const {
  const Activation& ending = operations_[i]->ending();
  if (ending.kind == ActivationKind::linear) return {};
  const Activations::Slot& slot = activations.slots[i];
  return {ending,
          derivative_from(ending) == DerivativeFrom::output ? slot.output.get() : slot.pre_activation.get()};
}

void Network::backward(const Pass& pass, std::size_t count, void* gradient, Activations& activations,
                       Monitor* monitor) const {
  // No gradient is needed below the first operation that trains.
  std::size_t first = 0;
  while (first < count && !operations_[first]->trains()) ++first;
  for (std::size_t i = count; i-- > first;) {
    if (monitor != nullptr) monitor->tick();
    void* other = gradient == activations.gradients[0].get() ? activations.gradients[1].get()
                                                             : activations.gradients[0].get();
    BackwardArguments b;
    b.x = activations.inputs[i];
    b.y = activations.slots[i].output.get();
    b.gradient = gradient;
    b.input_gradient = i > first ? other : nullptr;
    if (i > first) b.below = ending_of(i - 1, activations);
    b.parameters = &value_pointers_[i];
    b.parameter_gradients = &gradient_pointers_[i];
    b.workspace = activations.slots[i].workspace.get();
    operations_[i]->backward(pass, b);
    gradient = other;
  }
}

std::int64_t Network::rows_a_block() const {
  constexpr std::int64_t cache_bytes = 512 * 1024;
  std::int64_t widest = 1;
  for (const auto& operation : operations_)
    widest = std::max(widest, element_count(operation->output_shape()));
  const std::int64_t rows = cache_bytes / (widest * static_cast<std::int64_t>(size_of(dtype_)));
  return std::clamp<std::int64_t>(rows / 64 * 64, 64, 8192);
}

void Network::infer(const void* x, std::int64_t rows, void* out) const {
  const auto item = static_cast<std::int64_t>(size_of(dtype_));
  const std::int64_t inputs = element_count(input_shape());
  const std::int64_t outputs = element_count(output_shape());
  std::size_t last = operations_.size();  // one past the last operation that does anything
  while (last > 0 && operations_[last - 1]->training_only()) --last;
  if (last == 0) {
    device_.copy(out, x, static_cast<std::size_t>(rows * inputs * item));
    return;
  }

  const std::int64_t block = std::min(rows, rows_a_block());
  std::unique_ptr<Scratch> scratch(idle_scratch_.exchange(nullptr));
  if (scratch == nullptr || scratch->rows < block) {
    std::int64_t widest = 1;
    for (const auto& operation : operations_)
      widest = std::max(widest, element_count(operation->output_shape()));
    scratch = std::make_unique<Scratch>();
    scratch->rows = block;
    for (Device::Memory& half : scratch->halves) half = device_.make(bytes_of(block, widest, dtype_));
  }

  for (std::int64_t start = 0; start < rows; start += block) {
    const Pass pass{device_, dtype_, std::min(block, rows - start), false, 0};
    const void* input = static_cast<const char*>(x) + start * inputs * item;
    int half = 0;
    for (std::size_t i = 0; i < last; ++i) {
      if (operations_[i]->training_only()) continue;
      ForwardArguments f;
      f.x = input;
      f.y = i + 1 == last ? static_cast<char*>(out) + start * outputs * item : scratch->halves[half].get();
      f.parameters = &value_pointers_[i];
      operations_[i]->forward(pass, f, false);
      input = f.y;
      half ^= 1;
    }
  }
  delete idle_scratch_.exchange(scratch.release());
}

}  // namespace lamina::nn
