#include "autograd/graph_node.h"

#include <algorithm>
#include <utility>

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

ArrayShape batch_shape(std::int64_t batch, const Shape& sample) {
  ArrayShape shape{batch};
  for (const std::int64_t extent : sample) shape.push_back(extent);
  return shape;
}

Tensor as_samples(const Tensor& x, std::int64_t batch, const Shape& sample) {
  const ArrayShape shape = batch_shape(batch, sample);
  return x.shape() == shape ? x : reshape(x, shape);
}

bool same(const nn::PlanOptions& a, const nn::PlanOptions& b) {
  return a.mode == b.mode && a.dtype == b.dtype && a.batch == b.batch && a.training == b.training &&
         a.adds_loss == b.adds_loss && a.endings == b.endings && a.gradients == b.gradients &&
         a.input_gradients == b.input_gradients && a.trained == b.trained;
}

/// The axes that a sample lacks to have `rank` of them come right behind the batch.
Tensor with_rank(const Tensor& x, std::size_t rank) {
  ArrayShape shape{x.extent(0)};
  for (std::size_t i = static_cast<std::size_t>(x.rank()) - 1; i < rank; ++i) shape.push_back(1);
  for (int axis = 1; axis < x.rank(); ++axis) shape.push_back(x.extent(axis));
  return x.shape() == shape ? x : reshape(x, shape);
}

Tensor merged(nn::MergeKind kind, const Tensor& a, const Tensor& b) {
  switch (kind) {
    case nn::MergeKind::add:
      return add(a, b);
    case nn::MergeKind::subtract:
      return subtract(a, b);
    case nn::MergeKind::multiply:
      return multiply(a, b);
    case nn::MergeKind::divide:
      return divide(a, b);
    case nn::MergeKind::maximum:
      return maximum(a, b);
    default:
      return minimum(a, b);
  }
}

class GraphNode final : public Node {
 public:
  GraphNode(TapeList tapes, GraphCall&& call, std::span<const Tensor> x, std::span<const Tensor> outputs,
            std::span<const Tensor> parameters)
      : Node("layers", std::move(tapes)), call_(std::move(call)) {
    for (const Tensor& input : x) x_.emplace_back(input);
    for (std::uint32_t k = 0; k < outputs.size(); ++k) y_.push_back(Saved::result(outputs[k], k));
    const auto& placed_parameters = call_.network->network.layout().parameters();
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      // State that moves in training is no part of the record.
      const bool read = placed_parameters[i].trained || !call_.pass.training;
      parameters_.push_back(read ? Saved(parameters[i]) : Saved());
      if (!read) call_.state.push_back(parameters[i]);
    }
  }

  void backward(Backward& pass) override;
  void release_saved() override {
    call_.network.reset();
    call_.plans.reset();
    call_.plan.reset();
    call_.run = {};
    call_.x.clear();
    call_.state.clear();
    call_.arena = Tensor();
    x_.clear();
    y_.clear();
    parameters_.clear();
  }

 private:
  /// The same network as a composition of functions that can be differentiated again.
  std::vector<Tensor> composed(const std::vector<Tensor>& inputs) const;
  Tensor compose(const nn::Layer& operation, const std::vector<Tensor>& x,
                 const std::vector<Tensor>& parameters, bool skip_activation) const;
  bool is_differentiated_again(Backward& pass, const std::vector<Tensor>& saved) const;
  double loss_scale(Backward& pass) const;
  nn::PlanOptions wanted(Backward& pass) const;

  GraphCall call_;
  std::vector<Saved> x_, y_;
  std::vector<Saved> parameters_;  ///< those that the backward pass reads
};

Tensor GraphNode::compose(const nn::Layer& operation, const std::vector<Tensor>& x,
                          const std::vector<Tensor>& parameters, bool skip_activation) const {
  if (dynamic_cast<const nn::Dense*>(&operation) != nullptr) {
    return autograd::dense(x[0], parameters[0], parameters.size() > 1 ? parameters[1] : Tensor(),
                           skip_activation ? Activation{} : operation.fused_activation());
  }
  if (const auto* function = dynamic_cast<const nn::ActivationLayer*>(&operation)) {
    return activation(function->function(), x[0]);
  }
  const std::size_t rank = operation.output_shape().size();
  if (const auto* merge = dynamic_cast<const nn::Merge*>(&operation)) {
    return merged(merge->kind(), with_rank(x[0], rank), with_rank(x[1], rank));
  }
  if (const auto* merge = dynamic_cast<const nn::NumberMerge*>(&operation)) {
    const Tensor number = ops::full(x[0].type(), ArrayShape{}, merge->number());
    return merge->number_first() ? merged(merge->kind(), number, x[0]) : merged(merge->kind(), x[0], number);
  }
  if (const auto* join = dynamic_cast<const nn::Concatenate*>(&operation))
    return concatenate(x, join->axis() + 1);
  throw StateError(
      "[GradientTape.gradient] second derivatives of layers are there for Dense, Activation, merging layers "
      "and layers "
      "that only change the shape: write others with functions of lamina.ops for them");
}

std::vector<Tensor> GraphNode::composed(const std::vector<Tensor>& inputs) const {
  const nn::Graph& graph = call_.graph();
  const auto& parameters = call_.network->network.layout().parameters();
  const std::size_t first = graph.inputs().size();
  std::vector<Tensor> values(graph.values().size());
  for (std::size_t k = 0; k < first; ++k) values[graph.inputs()[k]] = inputs[k];
  for (const nn::MemoryPlan::NodePlan& planned : call_.plan->nodes()) {
    if (planned.ending == nn::Ending::left_out) continue;
    const nn::Node& node = graph.nodes()[planned.node];
    std::vector<Tensor> x, own;
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      const Tensor& value = values[call_.plan->sources()[node.inputs[k]]];
      x.push_back(as_samples(value, call_.pass.batch, node.operation->input_shape(k)));
    }
    for (std::size_t p = 0; p < parameters.size(); ++p) {
      if (parameters[p].operation == node.layer) own.push_back(inputs[first + p]);
    }
    values[node.output] = compose(*node.operation, x, own, planned.ending == nn::Ending::skips_activation);
  }
  std::vector<Tensor> outputs;
  for (std::size_t k = 0; k < graph.outputs().size(); ++k) {
    outputs.push_back(
        as_samples(values[call_.plan->output_values()[k]], call_.pass.batch, graph.outputs()[k].shape));
  }
  return outputs;
}

bool GraphNode::is_differentiated_again(Backward& pass, const std::vector<Tensor>& saved) const {
  if (!is_recording()) return false;
  for (std::uint32_t k = 0; k < y_.size(); ++k) {
    if (pass.has_dy(k) && would_record(pass.dy(k))) return true;
  }
  return std::any_of(saved.begin(), saved.end(),
                     [](const Tensor& input) { return input.defined() && would_record(input); });
}

double GraphNode::loss_scale(Backward& pass) const {
  const auto penalty = static_cast<std::uint32_t>(y_.size());
  if (output_count() == penalty || !pass.has_dy(penalty)) return 0.0;
  const Tensor scale = pass.dy(penalty);
  return scale.type() == ElementType::float32 ? static_cast<double>(*scale.data<float>())
                                              : *scale.data<double>();
}

nn::PlanOptions GraphNode::wanted(Backward& pass) const {
  nn::PlanOptions options = call_.options;
  const auto inputs = static_cast<std::uint32_t>(x_.size());
  for (std::uint32_t k = 0; k < y_.size(); ++k) options.gradients[k] = pass.has_dy(k) ? 1 : 0;
  for (std::uint32_t k = 0; k < inputs; ++k) options.input_gradients[k] = pass.needs_grad(k) ? 1 : 0;
  std::vector<char> trained(options.trained.size(), 0);
  const auto& parameters = call_.network->network.layout().parameters();
  for (std::uint32_t i = 0; i < parameters.size(); ++i) {
    const std::size_t layer = parameters[i].operation;
    if (!parameters[i].trained || !pass.needs_grad(inputs + i) || layer == nn::PlacedParameter::kNoOperation)
      continue;
    trained[layer] = options.trained[layer];
  }
  options.trained = std::move(trained);
  return options;
}

void GraphNode::backward(Backward& pass) {
  for (const Saved& y : y_) y.get(pass);
  std::vector<Tensor> saved;
  for (const Saved& x : x_) saved.push_back(x.get(pass));  // raises if one was changed
  for (const Saved& parameter : parameters_) saved.push_back(parameter.get(pass));
  const auto penalty = static_cast<std::uint32_t>(y_.size());
  if (is_differentiated_again(pass, saved)) {
    if (output_count() > penalty && pass.has_dy(penalty)) {
      throw StateError("[GradientTape.gradient] penalties on outputs have no second derivatives");
    }
    return backward_by_decomposition(pass, saved,
                                     [this](const std::vector<Tensor>& inputs) { return composed(inputs); });
  }
  const FloatEnvironment environment;
  const nn::Network& network = call_.network->network;
  Device& device = network.device();
  const ElementType type = element_type(network.dtype());
  const std::size_t item = size_of(type);
  nn::Pass way = call_.pass;
  way.loss_scale = loss_scale(pass);

  const PlanCache::Plan plan = call_.plans->find(call_.graph(), wanted(pass), call_.structure);
  const Tensor arena(type, ArrayShape{static_cast<std::int64_t>(plan->backward_bytes() / item)}, &device);
  call_.run.bind_backward(*plan, arena.raw());
  std::vector<Tensor> seeds, input_gradients(x_.size());
  for (std::uint32_t k = 0; k < y_.size(); ++k) {
    if (!pass.has_dy(k)) continue;
    const Tensor dy = pass.dy(k);
    seeds.push_back(dy.contiguous() ? dy : ops::copy(dy));
    call_.run.set_seed(k, seeds.back().raw());
  }
  for (std::uint32_t k = 0; k < x_.size(); ++k) {
    if (plan->input_gradients()[k] < 0) continue;
    input_gradients[k] = Tensor(type, call_.x[k].shape(), &device);
    call_.run.set_input_gradient(k, input_gradients[k].raw());
  }
  // All gradients lie as in a plan's flat buffer, so that an optimizer can take them from here.
  const nn::ParameterLayout& layout = network.layout();
  const Tensor flat(type, ArrayShape{layout.elements()}, &device);
  std::vector<std::vector<void*>> places(call_.graph().layers());
  for (const nn::PlacedParameter& p : layout.parameters()) {
    char* const start = flat.data<char>() + static_cast<std::size_t>(p.offset) * item;
    if (p.operation != nn::PlacedParameter::kNoOperation) places[p.operation].push_back(start);
    const std::int64_t gap = nn::placed(p.count) - p.count;
    device.fill_zero(start + static_cast<std::size_t>(p.count) * item, static_cast<std::size_t>(gap) * item);
  }
  const nn::PlacedPointers gradients(places);
  nn::backward(*plan, call_.run, call_.parameters.all(), gradients.all(), way, nullptr);

  for (std::uint32_t k = 0; k < x_.size(); ++k) {
    if (input_gradients[k].defined()) pass.accumulate_grad(k, input_gradients[k]);
  }
  for (std::uint32_t i = 0; i < layout.parameters().size(); ++i) {
    const nn::PlacedParameter& p = layout.parameters()[i];
    if (!p.trained || p.operation == nn::PlacedParameter::kNoOperation ||
        !plan->reaches(static_cast<nn::LayerId>(p.operation)))
      continue;
    const ArrayShape shape(p.shape);
    pass.accumulate_grad(static_cast<std::uint32_t>(x_.size()) + i,
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

}  // namespace

PlanCache::Plan PlanCache::find(const nn::Graph& graph, const nn::PlanOptions& options,
                                std::uint64_t structure) {
  constexpr std::size_t most = 8;
  const std::lock_guard guard(lock_);
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.structure == structure && same(entry.options, options);
  });
  if (found != entries_.end()) {
    std::rotate(entries_.begin(), found, found + 1);
    return entries_.front().plan;
  }
  auto plan = std::make_shared<const nn::MemoryPlan>(nn::MemoryPlan::make(graph, options));
  if (entries_.size() == most) entries_.pop_back();
  entries_.insert(entries_.begin(), Entry{options, structure, plan});
  return plan;
}

std::shared_ptr<Node> make_graph_node(TapeList tapes, GraphCall&& call, std::span<const Tensor> x,
                                      std::span<const Tensor> outputs, std::span<const Tensor> parameters) {
  return Node::share(new GraphNode(std::move(tapes), std::move(call), x, outputs, parameters));
}

Tensor recorded_activation(const TapeList& tapes, const Activation& activation, const Tensor& z) {
  Device& device = *z.storage().device();
  Tensor y(z.type(), z.shape(), &device);
  const std::int64_t columns = z.shape().back();
  device.activate(z.type() == ElementType::float32 ? DType::float32 : DType::float64, activation,
                  columns == 0 ? 0 : z.size() / columns, columns, z.raw(), y.raw());
  const Tensor* const from[] = {&z};
  Tensor* const to[] = {&y};
  detail::connect(Node::share(new FusedActivationNode(tapes, activation, z, y)), to, from);
  return y;
}

Logits logits_of(const Tensor& prediction) {
  const Output* output = output_of(prediction);
  if (output == nullptr) return {};
  const auto* node = dynamic_cast<const FusedActivationNode*>(output->node);
  return node == nullptr || node->finished() ? Logits{} : node->logits();
}

}  // namespace lamina::autograd
