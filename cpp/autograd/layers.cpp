#include "autograd/layers.h"

#include <algorithm>
#include <utility>

#include "autograd/backward.h"
#include "autograd/functions.h"
#include "autograd/record.h"
#include "core/error.h"
#include "core/float_environment.h"
#include "nn/layers/activation_layer.h"
#include "ops/ops.h"

namespace lamina::autograd {

namespace {

ArrayShape batch_shape(std::int64_t batch, const Shape& sample) {
  ArrayShape shape{batch};
  for (const std::int64_t extent : sample) shape.push_back(extent);
  return shape;
}

nn::PlacedPointers pointers_to(const nn::Network& network, const std::vector<Tensor>& tensors) {
  std::vector<std::vector<void*>> result(network.graph().layers());
  const auto& parameters = network.layout().parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (parameters[i].operation == nn::PlacedParameter::kNoOperation) continue;
    result[parameters[i].operation].push_back(tensors[i].raw());
  }
  return nn::PlacedPointers(result);
}

/// The sigmoid or softmax that can be left to a crossentropy.
bool can_be_left(const Activation& activation) {
  return activation.kind == ActivationKind::sigmoid || activation.kind == ActivationKind::softmax;
}

/// How an output ends when it is recorded, and the function that gets a node of its own.
nn::Ending ending_of(const nn::Network& network, std::size_t output, Activation& left) {
  const nn::Layer* const last = network.last_operation(output);
  if (last == nullptr) return nn::Ending::whole;
  const auto* const function = dynamic_cast<const nn::ActivationLayer*>(last);
  if (can_be_left(last->fused_activation())) {
    left = last->fused_activation();
    return nn::Ending::skips_activation;
  }
  if (function != nullptr && can_be_left(function->function())) {
    left = function->function();
    return nn::Ending::left_out;
  }
  return nn::Ending::whole;
}

nn::PlanOptions options_for(const nn::Network& network, std::int64_t batch, bool training) {
  nn::PlanOptions options;
  options.mode = nn::PlanMode::tape;
  options.dtype = network.dtype();
  options.batch = batch;
  options.training = training;
  options.adds_loss = network.adds_loss();
  return options;
}

/// Everything may be wanted later.
void keep_for_gradients(const nn::Network& network, nn::PlanOptions& options) {
  options.gradients.assign(network.outputs(), 1);
  options.input_gradients.assign(network.inputs(), 1);
  options.trained.assign(network.graph().layers(), 0);
  for (const nn::Node& node : network.graph().nodes()) {
    if (node.operation->trains()) options.trained[node.layer] = 1;
  }
}

/// The tensors of a call's outputs; what is an input or another output is a view of it.
std::vector<Tensor> make_outputs(GraphCall& call) {
  const nn::Graph& graph = call.graph();
  const nn::MemoryPlan& plan = *call.plan;
  std::vector<Tensor> outputs;
  for (std::size_t k = 0; k < graph.outputs().size(); ++k) {
    using Kind = nn::MemoryPlan::Place::Kind;
    const ArrayShape shape = batch_shape(call.pass.batch, graph.outputs()[k].shape);
    const nn::MemoryPlan::Place& place = plan.values()[plan.output_values()[k]];
    const auto which = static_cast<std::size_t>(place.at);
    if (place.kind == Kind::output && which == k) {
      outputs.emplace_back(element_type(call.pass.dtype), shape, &call.pass.device);
      call.run.set_output(k, outputs.back().raw());
    } else {
      const Tensor& same = place.kind == Kind::input ? call.x[which] : outputs[which];
      outputs.push_back(same.view(shape, row_major_strides(shape), 0));
    }
  }
  return outputs;
}

}  // namespace

Layers::Layers(std::shared_ptr<nn::Trainer> network, std::vector<std::shared_ptr<Variable>> parameters)
    : network_(std::move(network)),
      parameters_(std::move(parameters)),
      plans_(std::make_shared<PlanCache>()) {
  const auto& placed_parameters = network_->network.layout().parameters();
  bool fits = placed_parameters.size() == parameters_.size();
  for (std::size_t i = 0; fits && i < parameters_.size(); ++i) {
    fits = parameters_[i]->shape() == ArrayShape(placed_parameters[i].shape) &&
           parameters_[i]->type() == element_type(network_->network.dtype());
  }
  if (!fits) throw ValueError("[layers] the variables must be those of the network's parameters");
  network_->network.finish();
}

void Layers::check(std::span<const Tensor> x) const {
  const nn::Network& network = network_->network;
  const ElementType type = element_type(network.dtype());
  if (x.size() != network.inputs()) {
    throw ValueError(text("[layers] ", network.inputs(), " inputs are needed. Received: ", x.size()));
  }
  for (std::size_t k = 0; k < x.size(); ++k) {
    const Shape& sample = network.input_shape(k);
    const std::int64_t batch = x[k].rank() == 0 ? 0 : x[k].extent(0);
    if (x[k].rank() == 0 || !(x[k].shape() == batch_shape(batch, sample)) || x[k].type() != type) {
      throw ValueError(text("[layers] ", name_of(type), " samples of shape ", to_string(sample),
                            " are needed. Received: shape=", to_string(x[k].shape()),
                            ", dtype=", name_of(x[k].type())));
    }
    if (batch != x[0].extent(0)) {
      throw ValueError(
          text("[layers] all inputs must have as many samples. Received: ", x[0].extent(0), " and ", batch));
    }
  }
}

void Layers::update_state(const GraphCall& call, const std::vector<Tensor>& parameters) const {
  // State is no part of any record in training, so tapes need not hear of it.
  const nn::Graph& graph = call.graph();
  const auto& all = network_->network.layout().parameters();
  for (std::size_t n = 0; n < call.plan->nodes().size(); ++n) {
    const nn::Node& node = graph.nodes()[call.plan->nodes()[n].node];
    if (!node.operation->has_state_update()) continue;
    const nn::ParameterPointers from = call.parameters[node.layer];
    std::vector<void*> pointers(from.begin(), from.end());
    const bool weights = node.operation->state_update_moves_weights();
    std::vector<std::pair<std::size_t, Tensor>> own;
    std::vector<std::size_t> in_place;
    std::size_t place = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].operation != node.layer) continue;
      if (!all[i].trained || weights) {
        if (parameters_[i]->in_place()) {
          in_place.push_back(i);
        } else {
          // A layer of several nodes goes on from what the node before has left.
          own.emplace_back(i, ops::copy(graph.uses(node.layer) > 1 ? parameters_[i]->read() : parameters[i]));
          pointers[place] = own.back().second.raw();
        }
      }
      ++place;
    }
    node.operation->update_state(call.pass, pointers, call.run.workspace(n));
    for (const auto& [i, value] : own) parameters_[i]->assign(value);
    for (const std::size_t i : in_place) parameters_[i]->changed_in_place();
  }
}

Layers::Outputs Layers::call(std::span<const Tensor> x, bool training, std::uint64_t step) const {
  check(x);
  const nn::Network& network = network_->network;
  const ElementType type = element_type(network.dtype());
  std::vector<Tensor> parameters;
  parameters.reserve(parameters_.size());
  for (const auto& variable : parameters_) parameters.push_back(variable->read());

  std::vector<const Tensor*> inputs;
  for (const Tensor& input : x) inputs.push_back(&input);
  for (const Tensor& parameter : parameters) inputs.push_back(&parameter);
  TapeList tapes;
  if (is_recording()) tapes = detail::tapes_for(inputs);
  const bool records = !tapes.empty();

  Outputs result;
  const std::int64_t batch = x[0].extent(0);
  GraphCall call{network_,
                 plans_,
                 nn::Pass{network.device(), network.dtype(), batch, training, step,
                          network.adds_loss() ? &result.penalty_value : nullptr},
                 options_for(network, batch, training),
                 network.structure(),
                 nullptr,
                 {},
                 {},
                 {},
                 {},
                 pointers_to(network, parameters)};
  std::vector<Activation> left(network.outputs());
  if (records) {
    keep_for_gradients(network, call.options);
    call.options.endings.resize(left.size());
    for (std::size_t k = 0; k < left.size(); ++k) call.options.endings[k] = ending_of(network, k, left[k]);
  }
  call.plan = plans_->find(network.graph(), call.options, call.structure);
  call.arena = Tensor(type, ArrayShape{static_cast<std::int64_t>(call.plan->bytes() / size_of(type))},
                      &network.device());
  call.run = nn::Run(network.graph(), *call.plan, call.arena.raw());
  for (std::size_t k = 0; k < x.size(); ++k) {
    call.x.push_back(x[k].contiguous() ? x[k] : ops::copy(x[k]));
    call.run.set_input(k, call.x[k].raw());
  }
  std::vector<Tensor> outputs = make_outputs(call);
  const FloatEnvironment environment;
  nn::forward(*call.plan, call.run, call.parameters.all(), call.pass, {});
  call.pass.penalty = nullptr;
  if (training) update_state(call, parameters);
  if (network.adds_loss()) result.penalty = ops::full(type, ArrayShape{}, result.penalty_value);
  if (!records) {
    result.y = std::move(outputs);
    return result;
  }

  std::vector<Tensor*> to;
  for (Tensor& y : outputs) {
    for (const Tensor& input : x) {
      if (y.is(input)) y = y.alias();
    }
    to.push_back(&y);
  }
  if (network.adds_loss()) to.push_back(&result.penalty);
  detail::connect(make_graph_node(tapes, std::move(call), x, outputs, parameters), to, inputs);
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    const bool whole = left[k].kind == ActivationKind::linear;
    result.y.push_back(whole ? std::move(outputs[k]) : recorded_activation(tapes, left[k], outputs[k]));
  }
  return result;
}

}  // namespace lamina::autograd
