#include "autograd/layers.h"

#include <algorithm>

#include "autograd/backward.h"
#include "autograd/double_backward.h"
#include "autograd/functions.h"
#include "autograd/record.h"
#include "core/error.h"
#include "core/float_environment.h"
#include "nn/layers/activation_layer.h"
#include "nn/layers/dense.h"
#include "ops/ops.h"

namespace lamina::autograd {

namespace {

using nn::placed;

bool from_input(const Activation& activation) {
  return activation.kind != ActivationKind::linear && derivative_from(activation) == DerivativeFrom::input;
}

Tensor dense(const Tensor& x) { return x.contiguous() ? x : ops::copy(x); }

/// One operation of a call.
struct Step {
  const nn::Layer* operation;
  std::size_t index;
  const void* x;
  void* y;
  void* pre_activation;
  void* workspace;
};

/// A forward pass: what ran, and what the way back needs.
struct Run {
  std::shared_ptr<nn::Trainer> network;
  nn::Pass pass;
  std::vector<Step> steps;
  Tensor x;       ///< dense
  Tensor memory;  ///< of all outputs but the last, and the workspaces
  bool skip_fused_activation = false;
  nn::PlacedPointers pointers;

  const nn::Network& layers() const { return network->network; }
  nn::ProducerActivation producer_activation_of(std::size_t i) const {
    const Activation& ending = steps[i].operation->fused_activation();
    if (ending.kind == ActivationKind::linear) return {};
    return {ending, from_input(ending) ? steps[i].pre_activation : steps[i].y};
  }
};

nn::PlacedPointers pointers_to(const nn::Network& network, const std::vector<Tensor>& tensors) {
  std::vector<std::vector<void*>> result(network.operations().size());
  const auto& parameters = network.layout().parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    result[parameters[i].operation].push_back(tensors[i].raw());
  }
  return nn::PlacedPointers(result);
}

/// Runs operations [0, count), the last one maybe without its ending. Returns what it gave.
Tensor forward(Run& run, std::size_t count) {
  const nn::Network& network = run.layers();
  const auto& operations = network.operations();
  const ElementType type = element_type(network.dtype());
  std::int64_t elements = 0;
  std::size_t last = count;  // the last one that runs
  for (std::size_t i = 0; i < count; ++i) {
    const nn::Layer& operation = *operations[i];
    if (operation.skipped(run.pass)) continue;
    last = i;
    const std::int64_t output = placed(run.pass.batch * element_count(operation.output_shape()));
    elements += output + (from_input(operation.fused_activation()) ? output : 0);
    elements += placed(operation.workspace(run.pass.batch));
  }
  ArrayShape shape{run.pass.batch};
  for (const std::int64_t extent : network.output_shape()) shape.push_back(extent);
  if (last == count) return run.x.view(shape, row_major_strides(shape), 0);  // nothing to do
  Tensor y(type, shape, &network.device());
  run.memory = Tensor(type, ArrayShape{elements}, &network.device());
  char* at = run.memory.data<char>();
  const auto take = [&](std::int64_t n) {
    char* const start = at;
    at += static_cast<std::size_t>(placed(n)) * size_of(type);
    return start;
  };
  const void* input = run.x.raw();
  for (std::size_t i = 0; i <= last; ++i) {
    const nn::Layer& operation = *operations[i];
    if (operation.skipped(run.pass)) continue;
    const std::int64_t output = run.pass.batch * element_count(operation.output_shape());
    Step step{&operation, i, input, nullptr, nullptr, nullptr};
    step.y = i == last ? y.raw() : take(output);
    if (from_input(operation.fused_activation())) step.pre_activation = take(output);
    if (const std::int64_t kept = operation.workspace(run.pass.batch); kept > 0) step.workspace = take(kept);
    nn::ForwardArguments f;
    f.x = input;
    f.y = step.y;
    f.pre_activation = step.pre_activation;
    f.workspace = step.workspace;
    f.parameters = &run.pointers[i];
    operation.forward(run.pass, f, run.skip_fused_activation && i == last);
    run.steps.push_back(step);
    input = step.y;
  }
  return y;
}

class LayersNode final : public Node {
 public:
  LayersNode(TapeList tapes, Run&& run, const Tensor& x, const Tensor& y,
             const std::vector<Tensor>& parameters)
      : Node("layers", std::move(tapes)), run_(std::move(run)), x_(x), y_(Saved::result(y)) {
    const auto& placed_parameters = run_.layers().layout().parameters();
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      // State that moves in training is not read on the way back.
      const bool read = placed_parameters[i].trained || !run_.pass.training;
      parameters_.push_back(read ? Saved(parameters[i]) : Saved());
    }
  }

  void backward(Backward& pass) override;
  void release_saved() override {
    run_.network.reset();
    run_.steps.clear();
    run_.x = run_.memory = Tensor();
    x_ = y_ = Saved();
    parameters_.clear();
  }

 private:
  /// The same layers put together from functions that can be differentiated again.
  Tensor pieces(const std::vector<Tensor>& inputs) const;

  Run run_;
  Saved x_, y_;
  std::vector<Saved> parameters_;  ///< those that the way back reads
};

Tensor LayersNode::pieces(const std::vector<Tensor>& inputs) const {
  const auto& parameters = run_.layers().layout().parameters();
  Tensor x = inputs[0];
  for (std::size_t i = 0; i < run_.steps.size(); ++i) {
    const nn::Layer& operation = *run_.steps[i].operation;
    const bool bare = run_.skip_fused_activation && i + 1 == run_.steps.size();
    std::vector<Tensor> own;
    for (std::size_t p = 0; p < parameters.size(); ++p) {
      if (parameters[p].operation == run_.steps[i].index) own.push_back(inputs[p + 1]);
    }
    ArrayShape shape{run_.pass.batch};
    for (const std::int64_t extent : operation.input_shape()) shape.push_back(extent);
    if (!(x.shape() == shape)) x = reshape(x, shape);
    if (dynamic_cast<const nn::Dense*>(&operation) != nullptr) {
      x = autograd::dense(x, own[0], own.size() > 1 ? own[1] : Tensor(),
                          bare ? Activation{} : operation.fused_activation());
    } else if (const auto* function = dynamic_cast<const nn::ActivationLayer*>(&operation)) {
      x = activation(function->function(), x);
    } else {
      throw StateError(
          "[GradientTape.gradient] second derivatives of layers are there for Dense, Activation and layers "
          "that only change the shape: write others with functions of lamina.ops for them");
    }
  }
  ArrayShape shape{run_.pass.batch};
  for (const std::int64_t extent : run_.layers().output_shape()) shape.push_back(extent);
  return x.shape() == shape ? x : reshape(x, shape);
}

void LayersNode::backward(Backward& pass) {
  const Tensor dy = dense(pass.dy(0));
  y_.get(pass);
  std::vector<Tensor> saved{x_.get(pass)};  // raises if one was changed
  for (const Saved& parameter : parameters_) saved.push_back(parameter.get(pass));
  if (is_recording()) {
    bool again = would_record(dy);
    for (const Tensor& input : saved) again = again || (input.defined() && would_record(input));
    if (again) {
      if (output_count() > 1 && pass.has_dy(1)) {
        throw StateError("[GradientTape.gradient] penalties on outputs have no second derivatives");
      }
      return backward_by_decomposition(pass, saved, [this](const std::vector<Tensor>& inputs) {
        return std::vector<Tensor>{pieces(inputs)};
      });
    }
  }
  const nn::Network& network = run_.layers();
  const ElementType type = element_type(network.dtype());
  const auto& parameters = network.layout().parameters();
  nn::Pass way = run_.pass;
  way.loss_scale = 0.0;
  if (output_count() > 1 && pass.has_dy(1)) {
    const Tensor scale = pass.dy(1);
    way.loss_scale =
        type == ElementType::float32 ? static_cast<double>(*scale.data<float>()) : *scale.data<double>();
  }
  const FloatEnvironment environment;

  // No gradient is needed below the first operation of which one is wanted.
  std::vector<char> wanted(network.operations().size(), 0);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (parameters[i].trained && pass.needs_grad(static_cast<std::uint32_t>(i) + 1))
      wanted[parameters[i].operation] = 1;
  }
  std::size_t first = 0;
  if (!pass.needs_grad(0)) {
    while (first < run_.steps.size() &&
           !(wanted[run_.steps[first].index] && run_.steps[first].operation->trains())) {
      ++first;
    }
  }
  if (run_.steps.empty() || first == run_.steps.size()) {
    if (run_.steps.empty())
      pass.accumulate_grad(0, dy.view(run_.x.shape(), row_major_strides(run_.x.shape()), 0));
    return;
  }

  std::int64_t widest = 0;
  for (const Step& step : run_.steps) {
    widest = std::max(widest, element_count(step.operation->output_shape()));
  }
  const std::int64_t row = placed(run_.pass.batch * widest);
  const Tensor between(type, ArrayShape{2 * row}, &network.device());
  char* const halves[2] = {between.data<char>(),
                           between.data<char>() + static_cast<std::size_t>(row) * size_of(type)};
  // All gradients lie as in a plan's flat buffer, so that an optimizer can take them from here.
  const Tensor flat(type, ArrayShape{network.layout().elements()}, &network.device());
  std::vector<std::vector<void*>> places(network.operations().size());
  for (const nn::PlacedParameter& p : parameters) {
    char* const start = flat.data<char>() + static_cast<std::size_t>(p.offset) * size_of(type);
    places[p.operation].push_back(start);
    const std::int64_t gap = placed(p.count) - p.count;
    network.device().fill_zero(start + static_cast<std::size_t>(p.count) * size_of(type),
                               static_cast<std::size_t>(gap) * size_of(type));
  }
  const nn::PlacedPointers gradients(places);
  Tensor dx;
  if (pass.needs_grad(0)) dx = Tensor(type, run_.x.shape(), &network.device());

  const void* gradient = dy.raw();
  int half = 0;
  const std::size_t count = run_.steps.size();
  if (!run_.skip_fused_activation) {
    const nn::ProducerActivation ending = run_.producer_activation_of(count - 1);
    if (ending.activation.kind != ActivationKind::linear) {
      const Shape& shape = run_.steps.back().operation->output_shape();
      const std::int64_t columns = shape.empty() ? 1 : shape.back();
      const std::int64_t rows = columns == 0 ? 0 : dy.size() / columns;
      network.device().activate_backward(network.dtype(), ending.activation, rows, columns, ending.saved,
                                         gradient, halves[half]);
      gradient = halves[half];
      half ^= 1;
    }
  }
  for (std::size_t i = count; i-- > first;) {
    const Step& step = run_.steps[i];
    nn::BackwardArguments b;
    b.x = step.x;
    b.y = step.y;
    b.gradient = gradient;
    b.input_gradient = i > first ? halves[half] : dx.defined() ? dx.raw() : nullptr;
    if (i > 0) b.producer = run_.producer_activation_of(i - 1);
    b.parameters = &run_.pointers[step.index];
    b.parameter_gradients = &gradients[step.index];
    b.workspace = step.workspace;
    step.operation->backward(way, b);
    gradient = b.input_gradient;
    half ^= 1;
  }
  if (dx.defined()) pass.accumulate_grad(0, dx);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const nn::PlacedParameter& p = parameters[i];
    if (!p.trained || !wanted[p.operation]) continue;
    const auto at = std::find_if(run_.steps.begin(), run_.steps.end(),
                                 [&](const Step& step) { return step.index == p.operation; });
    if (at == run_.steps.end() || !at->operation->trains()) continue;
    const ArrayShape shape(p.shape);
    pass.accumulate_grad(static_cast<std::uint32_t>(i) + 1,
                         flat.view(shape, row_major_strides(shape), p.offset));
  }
}

/// The sigmoid or softmax at the end of layers, apart from them.
class FusedActivationNode final : public Node {
 public:
  FusedActivationNode(TapeList tapes, const Activation& activation, const Tensor& z, const Tensor& y)
      : Node("activation", std::move(tapes)), activation_(activation), z_(z), y_(Saved::result(y)) {}

  void backward(Backward& pass) override {
    const FloatEnvironment environment;
    pass.accumulate_grad(0, activation_backward(activation_, y_.get(pass), pass.dy(0)));
  }
  void release_saved() override {
    z_ = Tensor();
    y_ = Saved();
  }

  Logits logits() const { return {z_, activation_.kind}; }

 private:
  Activation activation_;
  Tensor z_;
  Saved y_;
};

/// The sigmoid or softmax that can be left to a crossentropy.
bool can_be_left(const Activation& activation) {
  return activation.kind == ActivationKind::sigmoid || activation.kind == ActivationKind::softmax;
}

}  // namespace

Layers::Layers(std::shared_ptr<nn::Trainer> network, std::vector<std::shared_ptr<Variable>> parameters)
    : network_(std::move(network)), parameters_(std::move(parameters)) {
  const auto& placed_parameters = network_->network.layout().parameters();
  bool fits = placed_parameters.size() == parameters_.size();
  for (std::size_t i = 0; fits && i < parameters_.size(); ++i) {
    fits = parameters_[i]->shape() == ArrayShape(placed_parameters[i].shape) &&
           parameters_[i]->type() == element_type(network_->network.dtype());
  }
  if (!fits) throw ValueError("[layers] the variables must be those of the network's parameters");
}

Layers::Answer Layers::call(const Tensor& x, bool training, std::uint64_t step) const {
  const nn::Network& network = network_->network;
  const ElementType type = element_type(network.dtype());
  ArrayShape expected{x.rank() == 0 ? 0 : x.extent(0)};
  for (const std::int64_t extent : network.input_shape()) expected.push_back(extent);
  if (x.rank() == 0 || !(x.shape() == expected) || x.type() != type) {
    throw ValueError(text("[layers] ", name_of(type), " samples of shape ", to_string(network.input_shape()),
                          " are needed. Received: shape=", to_string(x.shape()),
                          ", dtype=", name_of(x.type())));
  }
  std::vector<Tensor> parameters;
  parameters.reserve(parameters_.size());
  for (const auto& variable : parameters_) parameters.push_back(variable->read());

  std::vector<const Tensor*> inputs{&x};
  for (const Tensor& parameter : parameters) inputs.push_back(&parameter);
  TapeList tapes;
  if (is_recording()) tapes = detail::tapes_for(inputs);
  const bool records = !tapes.empty();

  Answer answer;
  Run run{network_,
          nn::Pass{network.device(), network.dtype(), x.extent(0), training, step,
                   network.adds_loss() ? &answer.penalty_value : nullptr},
          {},
          dense(x),
          {},
          false,
          pointers_to(network, parameters)};
  const auto& operations = network.operations();
  std::size_t count = operations.size();
  Activation left;  // the ending that gets a node of its own
  if (records && count > 0) {
    const auto* function = dynamic_cast<const nn::ActivationLayer*>(operations.back().get());
    if (can_be_left(operations.back()->fused_activation())) {
      left = operations.back()->fused_activation();
      run.skip_fused_activation = true;
    } else if (function != nullptr && can_be_left(function->function())) {
      left = function->function();
      --count;
    }
  }
  const FloatEnvironment environment;
  Tensor y = forward(run, count);
  run.pass.penalty = nullptr;
  if (training) {
    for (const Step& taken : run.steps) {
      if (!taken.operation->has_state_update()) continue;
      // State is no part of any record in training, so tapes need not hear of it.
      const auto& placed_parameters = network.layout().parameters();
      const nn::ParameterPointers all = run.pointers[taken.index];
      std::vector<void*> pointers(all.begin(), all.end());
      const bool weights = taken.operation->state_update_moves_weights();
      std::vector<std::pair<std::size_t, Tensor>> own;
      std::vector<std::size_t> in_place;
      std::size_t place = 0;
      for (std::size_t i = 0; i < placed_parameters.size(); ++i) {
        if (placed_parameters[i].operation != taken.index) continue;
        if (!placed_parameters[i].trained || weights) {
          if (parameters_[i]->in_place()) {
            in_place.push_back(i);
          } else {
            own.emplace_back(i, ops::copy(parameters[i]));
            pointers[place] = own.back().second.raw();
          }
        }
        ++place;
      }
      taken.operation->update_state(run.pass, pointers, taken.workspace);
      for (const auto& [i, value] : own) parameters_[i]->assign(value);
      for (const std::size_t i : in_place) parameters_[i]->changed_in_place();
    }
  }
  const bool adds_loss = std::any_of(operations.begin(), operations.end(),
                                     [](const auto& operation) { return operation->adds_loss(); });
  if (adds_loss) {
    answer.penalty = Tensor(type, ArrayShape{}, &network.device());
    if (type == ElementType::float32) {
      *answer.penalty.data<float>() = static_cast<float>(answer.penalty_value);
    } else {
      *answer.penalty.data<double>() = answer.penalty_value;
    }
  }
  if (!records) {
    answer.y = std::move(y);
    return answer;
  }

  if (y.is(x)) y = y.alias();
  std::vector<Tensor*> outputs{&y};
  if (adds_loss) outputs.push_back(&answer.penalty);
  detail::connect(Node::share(new LayersNode(tapes, std::move(run), x, y, parameters)), outputs, inputs);
  if (left.kind == ActivationKind::linear) {
    answer.y = std::move(y);
    return answer;
  }
  Tensor p(type, y.shape(), &network.device());
  const std::int64_t columns = y.shape().back();
  network.device().activate(network.dtype(), left, columns == 0 ? 0 : y.size() / columns, columns, y.raw(),
                            p.raw());
  const Tensor* const from[] = {&y};
  Tensor* const to[] = {&p};
  detail::connect(Node::share(new FusedActivationNode(tapes, left, y, p)), to, from);
  answer.y = std::move(p);
  return answer;
}

Logits logits_of(const Tensor& prediction) {
  const Output* output = output_of(prediction);
  if (output == nullptr) return {};
  const auto* node = dynamic_cast<const FusedActivationNode*>(output->node);
  return node == nullptr || node->finished() ? Logits{} : node->logits();
}

}  // namespace lamina::autograd
