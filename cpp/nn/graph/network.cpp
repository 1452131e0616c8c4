#include "nn/graph/network.h"

#include <algorithm>
#include <new>

#include "core/error.h"
#include "nn/layers/activation_layer.h"
#include "nn/layers/dense.h"
#include "nn/layers/dropout.h"
#include "nn/layers/spectral_normalization.h"

namespace lamina::nn {

namespace {

std::size_t bytes_of(std::int64_t batch, std::int64_t elements, DType dtype) {
  constexpr std::int64_t most = std::int64_t{1} << 47;
  if (elements > 0 && batch > most / elements) throw std::bad_alloc();
  return static_cast<std::size_t>(batch * elements) * size_of(dtype);
}

}  // namespace

/// Two buffers for each thread that a block of rows passes between.
struct Network::Scratch {
  Device::Memory memory;
  std::int64_t rows = 0;  ///< of one buffer
  int threads = 0;
};

Network::Network(Shape input, DType dtype, Device& device)
    : dtype_(dtype), device_(device), store_(std::make_shared<ParameterStore>(dtype, device)) {
  if (dtype != DType::float32 && device.precision() != Precision::strict) {
    throw ValueError(text("[Network] precision='", name_of(device.precision()),
                          "' is for models in float32. Received: dtype='", name_of(dtype), "'"));
  }
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
  if (power_iterations_ > 0 && SpectralNormalization::takes(*operation)) {
    operation = std::make_unique<SpectralNormalization>(std::move(operation), power_iterations_);
    power_iterations_ = 0;
  }
  operation->set_index(layers());
  for (const Parameter& parameter : operation->parameters())
    store_->add(layers(), operations_.size(), parameter);
  adds_loss_ = adds_loss_ || operation->adds_loss();
  current_ = operation->output_shape();
  place(std::move(operation));
}

void Network::place(std::unique_ptr<Layer> operation) {
  if (open_.empty()) {
    const Shape& output = operation->output_shape();
    auto work = static_cast<double>(element_count(output));
    const double positions = output.empty() ? 1.0 : work / static_cast<double>(output.back());
    for (const Parameter& parameter : operation->parameters()) {
      work += positions * static_cast<double>(element_count(parameter.shape));
    }
    works_.push_back(work);
    work_ += work;
  }
  open_operations().push_back(std::move(operation));
}

void Network::activate(const Activation& activation) {
  if (activation.kind == ActivationKind::linear) return;
  const Operations& operations = open_operations();
  if (!operations.empty() && operations.back()->output_shape() == current_ &&
      operations.back()->try_fuse(activation)) {
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
  store_->build();
  take_pointers();
}

void Network::take_pointers() {
  value_pointers_ = layout().pointers(store_->values(), dtype_, operations_.size());
  built_ = true;
}

void Network::build_in(const ParameterStore& other) {
  require_unbuilt();
  store_->build_in(other);
  take_pointers();
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
  gradient_pointers_ = layout().pointers(store_->gradients().at(0), dtype_, operations_.size());
  gradients_placed_ = true;
}

const Shape& Network::output_shape(std::int64_t i) const {
  if (i == -1) return shapes_.back();
  if (i < 0 || i >= layers()) {
    throw ValueError(text("[Network] there are ", layers(), " layers. Received: layer ", i));
  }
  return shapes_[static_cast<std::size_t>(i) + 1];
}

void Network::reserve(Activations& activations, std::int64_t batch, bool defers) const {
  if (activations.batch >= batch && activations.slots.size() == operations_.size() &&
      (activations.defers || !defers)) {
    return;
  }
  batch = std::max(batch, activations.batch);
  activations = Activations();  // first, so that the old and the new are never there together
  Activations grown;
  grown.batch = batch;
  grown.defers = defers;
  // Gradients are those of outputs: nobody asks for that of the network's input.
  std::int64_t widest = operations_.empty() ? element_count(input_shape()) : 0;
  for (std::size_t i = 0; i < operations_.size(); ++i) {
    const auto& operation = operations_[i];
    const std::int64_t width = element_count(operation->output_shape());
    widest = std::max(widest, width);
    Activations::Slot slot;
    // Nothing runs after the first operation that would need the place of its gradient.
    if (std::size_t kernel = 0; defers && i > 0 && find_large_kernel(i, kernel)) {
      slot.gradient = device_.make(bytes_of(batch, width, dtype_));
    }
    slot.output = device_.make(bytes_of(batch, width, dtype_));
    if (operation->fused_activation().kind != ActivationKind::linear &&
        derivative_from(operation->fused_activation()) == DerivativeFrom::input) {
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

void* Network::forward(const Pass& pass, const void* x, std::size_t count, bool skip_fused_activation,
                       Activations& activations, Monitor* monitor) const {
  const void* input = x;
  for (std::size_t i = 0; i < count; ++i) {
    if (monitor != nullptr) monitor->tick(static_cast<double>(pass.batch) * works_[i]);
    const Layer& operation = *operations_[i];
    activations.inputs[i] = input;
    if (operation.skipped(pass)) continue;
    ForwardArguments f;
    f.x = input;
    f.y = activations.slots[i].output.get();
    f.workspace = activations.slots[i].workspace.get();
    f.pre_activation = activations.slots[i].pre_activation.get();
    f.parameters = &value_pointers_[i];
    operation.forward(pass, f, skip_fused_activation && i + 1 == count);
    input = f.y;
  }
  return const_cast<void*>(input);
}

ProducerActivation Network::producer_activation_of(std::size_t i, const Activations& activations) const {
  const Activation& ending = operations_[i]->fused_activation();
  if (ending.kind == ActivationKind::linear) return {};
  const Activations::Slot& slot = activations.slots[i];
  return {ending,
          derivative_from(ending) == DerivativeFrom::output ? slot.output.get() : slot.pre_activation.get()};
}

void Network::backward(const Pass& pass, std::size_t count, void* gradient, Activations& activations,
                       Monitor* monitor, std::vector<DeferredBackward>* deferred) const {
  // What is left to the caller comes in one piece, in which nobody looks for Ctrl-C and no prediction
  // starts: about half a second at most on two cores, whatever the network.
  double may_defer = 1e11;  // multiplications
  // No gradient is needed below the first operation that trains.
  std::size_t first = 0;
  while (first < count && !operations_[first]->trains()) ++first;
  for (std::size_t i = count; i-- > first;) {
    if (monitor != nullptr) monitor->tick(2.0 * static_cast<double>(pass.batch) * works_[i]);
    void* below = i > first ? activations.slots[i - 1].gradient.get() : nullptr;
    if (below == nullptr) {
      below = activations.gradients[gradient == activations.gradients[0].get() ? 1 : 0].get();
    }
    BackwardArguments b;
    b.x = activations.inputs[i];
    b.y = activations.slots[i].output.get();
    b.gradient = gradient;
    b.input_gradient = i > first ? below : nullptr;
    if (i > first) b.producer = producer_activation_of(i - 1, activations);
    b.parameters = &value_pointers_[i];
    b.parameter_gradients = &gradient_pointers_[i];
    b.workspace = activations.slots[i].workspace.get();
    std::size_t kernel = 0;
    const double work = static_cast<double>(pass.batch) * works_[i];
    const bool stays = i == first || (activations.slots[i].gradient != nullptr && work <= may_defer);
    if (deferred != nullptr && stays && operations_[i]->trains() && find_large_kernel(i, kernel)) {
      may_defer -= work;
      deferred->push_back({operations_[i].get(), kernel, b});
      deferred->back().arguments.input_gradient = nullptr;
      b.parameter_gradients = nullptr;
    }
    if (b.parameter_gradients != nullptr || i > first) operations_[i]->backward(pass, b);
    gradient = below;
  }
}

void* Network::output_gradient(const Activations& activations, std::size_t count) const {
  void* const kept = count > 0 ? activations.slots[count - 1].gradient.get() : nullptr;
  return kept != nullptr ? kept : activations.gradients[0].get();
}

bool Network::find_large_kernel(std::size_t operation, std::size_t& place) const {
  // A small gradient is still in a near cache when the optimizer reads it.
  constexpr std::size_t near_bytes = 256 * 1024;
  if (!operations_[operation]->updates_kernel() || !device_.fuses_updates()) return false;
  const auto& all = layout().parameters();
  place = 0;
  while (place < all.size() && all[place].operation != operation) ++place;
  return place < all.size() && static_cast<std::size_t>(all[place].count) * size_of(dtype_) > near_bytes;
}

std::int64_t Network::widest_output() const {
  std::int64_t widest = 1;
  for (const auto& operation : operations_)
    widest = std::max(widest, element_count(operation->output_shape()));
  return widest;
}

std::int64_t Network::rows_a_block() const {
  // Another device has its own caches, and wants rows enough for all of its processors.
  if (!device_.is_host()) {
    constexpr std::int64_t bytes = 64 << 20;
    return std::clamp<std::int64_t>(bytes / (widest_output() * static_cast<std::int64_t>(size_of(dtype_))),
                                    256, 65536);
  }
  // Small enough that a block's activations stay near, large enough that reading the weights again for
  // each block costs little.
  constexpr std::int64_t cache_bytes = 128 * 1024;
  const std::int64_t rows = cache_bytes / (widest_output() * static_cast<std::int64_t>(size_of(dtype_)));
  return std::clamp<std::int64_t>(rows / 64 * 64, 256, 1024);
}

void Network::infer_block(const void* x, std::int64_t rows, std::size_t operations, void* const halves[2],
                          void* out, const KernelBlocks* blocks) const {
  const Pass pass{device_, dtype_, rows, false, 0};
  const void* input = x;
  int half = 0;
  for (std::size_t i = 0; i < operations; ++i) {
    if (operations_[i]->training_only()) continue;
    ForwardArguments f;
    f.x = input;
    f.y = i + 1 == operations ? out : halves[half];
    f.parameters = &value_pointers_[i];
    if (blocks != nullptr) f.kernel_blocks = blocks->kernels[i].get();
    operations_[i]->forward(pass, f, false);
    input = f.y;
    half ^= 1;
  }
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

  // Blocks go through all layers one by one, each on a thread: what a layer wrote is still near when the
  // next one reads it. Fewer rows than that go through together, each layer on all threads.
  const std::int64_t block = std::min(rows, rows_a_block());
  const std::int64_t blocks = (rows + block - 1) / block;
  const double cost = static_cast<double>(rows) * static_cast<double>(layout().elements());
  const int threads = blocks < 2 ? 1 : device_.concurrency(cost, blocks);

  const std::int64_t half = block * widest_output();
  std::unique_ptr<Scratch> scratch(idle_scratch_.exchange(nullptr));
  if (scratch == nullptr || scratch->rows < block || scratch->threads < threads) {
    auto larger = std::make_unique<Scratch>();
    larger->rows = std::max(block, scratch == nullptr ? 0 : scratch->rows);
    larger->threads = std::max(threads, scratch == nullptr ? 0 : scratch->threads);
    scratch.reset();
    larger->memory = device_.make(bytes_of(2 * larger->threads * larger->rows, widest_output(), dtype_));
    scratch = std::move(larger);
  }

  constexpr std::int64_t few_rows = 8, many_rows = 1024;
  constexpr std::size_t near_bytes = 1 << 20;  // parameters that stay in one core's cache need no copies
  std::shared_ptr<const KernelBlocks> kernel_blocks;
  if (device_.is_host() && (rows <= few_rows || rows >= many_rows) && store_->flat_bytes() > near_bytes) {
    kernel_blocks = kernel_blocks_.find(*store_, operations_, value_pointers_);
  }

  const auto run_block = [&](std::int64_t i, int thread) {
    char* const mine = static_cast<char*>(scratch->memory.get()) + 2 * thread * half * item;
    void* const halves[2] = {mine, mine + half * item};
    const std::int64_t start = i * block;
    infer_block(static_cast<const char*>(x) + start * inputs * item, std::min(block, rows - start), last,
                halves, static_cast<char*>(out) + start * outputs * item, kernel_blocks.get());
  };
  if (threads <= 1) {
    for (std::int64_t i = 0; i < blocks; ++i) run_block(i, 0);
  } else {
    std::atomic<std::int64_t> next{0};
    device_.run_concurrently(threads, [&](int thread) {
      for (std::int64_t i = 0; (i = next.fetch_add(1, std::memory_order_relaxed)) < blocks;)
        run_block(i, thread);
    });
  }
  delete idle_scratch_.exchange(scratch.release());
}

}  // namespace lamina::nn
