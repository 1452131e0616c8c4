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
  shapes_.push_back(std::move(input));
}

Network::~Network() { delete idle_scratch_.load(); }

void Network::require_unbuilt() const {
  if (built_) throw StateError("[Network] layers cannot be added once the parameters exist");
}

void Network::append(std::unique_ptr<Layer> operation) {
  const Shape& output = operation->output_shape();
  auto work = static_cast<double>(element_count(output));
  const double positions = output.empty() ? 1.0 : work / static_cast<double>(output.back());
  for (const Parameter& parameter : operation->parameters()) {
    work += positions * static_cast<double>(element_count(parameter.shape));
  }
  works_.push_back(work);
  work_ += work;
  operations_.push_back(std::move(operation));
}

void Network::activate(const Activation& activation) {
  if (activation.kind == ActivationKind::linear) return;
  if (!operations_.empty() && operations_.back()->output_shape() == shapes_.back() &&
      operations_.back()->absorb(activation)) {
    return;
  }
  append(std::make_unique<ActivationLayer>(shapes_.back(), activation));
}

void Network::add_dense(std::int64_t units, bool use_bias, const Activation& activation) {
  require_unbuilt();
  auto dense = std::make_unique<Dense>(shapes_.back(), units, use_bias);
  Shape output = dense->output_shape();
  for (const Parameter& parameter : dense->parameters()) layout_.add(layers(), operations_.size(), parameter);
  append(std::move(dense));
  shapes_.push_back(std::move(output));
  activate(activation);
}

void Network::add_activation(const Activation& activation) {
  require_unbuilt();
  activate(activation);
  shapes_.push_back(Shape(shapes_.back()));
}

void Network::add_dropout(double rate, std::uint64_t seed) {
  require_unbuilt();
  append(std::make_unique<Dropout>(shapes_.back(), rate, seed, dropouts_));
  ++dropouts_;
  shapes_.push_back(Shape(shapes_.back()));
}

void Network::add_flatten() {
  require_unbuilt();
  shapes_.push_back({element_count(shapes_.back())});
}

void Network::build() {
  if (built_) return;
  Device::Memory values = device_.make(flat_bytes());
  device_.fill_zero(values.get(), flat_bytes());
  value_pointers_ = layout_.pointers(values.get(), dtype_, operations_.size());
  values_ = std::move(values);
  built_ = true;
}

void Network::build_gradients() {
  build();
  if (gradients_ != nullptr || flat_bytes() == 0) return;
  Device::Memory gradients = device_.make(flat_bytes());
  device_.fill_zero(gradients.get(), flat_bytes());
  gradient_pointers_ = layout_.pointers(gradients.get(), dtype_, operations_.size());
  gradients_ = std::move(gradients);
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
  activations = Activations();  // first, so that the old and the new are never there together
  Activations grown;
  grown.batch = batch;
  // Gradients are those of outputs: nobody asks for that of the network's input.
  std::int64_t widest = operations_.empty() ? element_count(input_shape()) : 0;
  for (const auto& operation : operations_) {
    const std::int64_t width = element_count(operation->output_shape());
    widest = std::max(widest, width);
    Activations::Slot slot;
    slot.output = device_.make(bytes_of(batch, width, dtype_));
    if (operation->ending().kind != ActivationKind::linear &&
        derivative_from(operation->ending()) == DerivativeFrom::input) {
      slot.pre_activation = device_.make(bytes_of(batch, width, dtype_));
    }
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
    if (monitor != nullptr) monitor->tick(static_cast<double>(pass.batch) * works_[i]);
    const Layer& operation = *operations_[i];
    activations.inputs[i] = input;
    if (operation.training_only() && !pass.training) continue;
    ForwardArguments f;
    f.x = input;
    f.y = activations.slots[i].output.get();
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
  // No input gradient is needed below the first operation with parameters.
  std::size_t first = 0;
  while (first < count && operations_[first]->parameters().empty()) ++first;
  for (std::size_t i = count; i-- > first;) {
    if (monitor != nullptr) monitor->tick(2.0 * static_cast<double>(pass.batch) * works_[i]);
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
