#include "nn/graph/execute.h"

#include "nn/parameters/parameters.h"

namespace lamina::nn {

namespace {

void* at(void* memory, std::int64_t offset) {
  return offset == MemoryPlan::kNone ? nullptr : static_cast<char*>(memory) + offset;
}

std::size_t input_count(const Graph& graph, const MemoryPlan& plan) {
  if (plan.nodes().empty()) return 0;
  const MemoryPlan::NodePlan& last = plan.nodes().back();
  return last.first_input + graph.nodes()[last.node].inputs.size();
}

void add(const Pass& pass, std::int64_t n, const void* a, const void* b, void* out) {
  ElementwiseArguments sum;
  sum.dtype = pass.dtype;
  sum.n = n;
  sum.a = a;
  sum.b = b;
  sum.out = out;
  pass.device.elementwise(sum);
}

}  // namespace

Run::Run(const Graph& graph, const MemoryPlan& plan, void* memory) : graph_(&graph), plan_(&plan) {
  homes_.resize(graph.values().size());
  for (std::size_t v = 0; v < homes_.size(); ++v) {
    const MemoryPlan::Place& place = plan.values()[v];
    if (place.kind == MemoryPlan::Place::Kind::arena) homes_[v] = at(memory, place.at);
  }
  values_ = homes_;
  const std::size_t inputs = input_count(graph, plan);
  reads_.resize(inputs);
  x_.resize(inputs);
  for (const MemoryPlan::NodePlan& node : plan.nodes()) {
    const std::vector<ValueId>& from = graph.nodes()[node.node].inputs;
    for (std::size_t k = 0; k < from.size(); ++k) reads_[node.first_input + k] = plan.sources()[from[k]];
    pre_activations_.push_back(at(memory, node.pre_activation));
    workspaces_.push_back(at(memory, node.workspace));
  }
  outputs_.resize(graph.outputs().size());
  if (plan.mode() == PlanMode::training) bind_backward(plan, memory);
}

void Run::bind_backward(const MemoryPlan& plan, void* memory) {
  plan_ = &plan;
  slots_.assign(plan.slots().size(), nullptr);
  for (std::size_t s = 0; s < slots_.size(); ++s) {
    if (plan.slots()[s].kind == MemoryPlan::Place::Kind::arena) slots_[s] = at(memory, plan.slots()[s].at);
  }
  const std::size_t inputs = reads_.size();
  input_gradients_.assign(inputs, nullptr);
  producers_.assign(inputs, {});
  producer_plans_.assign(inputs, 0);
  for (std::size_t k = 0; k < inputs; ++k) {
    if (plan.fused()[k] == 0) continue;
    const NodeId producer = graph_->values()[reads_[k]].producer;
    while (plan.nodes()[producer_plans_[k]].node != producer) ++producer_plans_[k];
  }
  seeds_.assign(graph_->outputs().size(), nullptr);
  input_gradients_of_.assign(graph_->inputs().size(), nullptr);
  scratch_.assign(graph_->layers(), {});
  scratch_pointers_.clear();
  const auto parameters_of = [&](std::size_t layer) -> const std::vector<Parameter>& {
    return graph_->nodes()[graph_->first_node(static_cast<LayerId>(layer))].operation->parameters();
  };
  std::size_t count = 0;
  for (std::size_t layer = 0; layer < scratch_.size(); ++layer) {
    if (plan.scratch()[layer] != MemoryPlan::kNone) count += parameters_of(layer).size();
  }
  scratch_pointers_.reserve(count);
  for (std::size_t layer = 0; layer < scratch_.size(); ++layer) {
    if (plan.scratch()[layer] == MemoryPlan::kNone) continue;
    const std::size_t first = scratch_pointers_.size();
    std::int64_t offset = plan.scratch()[layer];
    for (const Parameter& parameter : parameters_of(layer)) {
      scratch_pointers_.push_back(at(memory, offset));
      offset += placed(element_count(parameter.shape)) * static_cast<std::int64_t>(plan.item());
    }
    scratch_[layer] = ParameterPointers(scratch_pointers_).subspan(first);
  }
}

/// What the passes share: a run's tables.
class Executor {
 public:
  Executor(const MemoryPlan& plan, Run& run, const ParameterView& parameters, const Pass& pass)
      : plan_(plan), run_(run), graph_(*run.graph_), parameters_(parameters), pass_(pass) {}

  void forward(const ForwardOptions& options) {
    const bool checks_skips = plan_.mode() == PlanMode::training;
    if (!checks_skips) place_outputs();
    const auto batch = static_cast<double>(pass_.batch);
    const std::size_t count = plan_.nodes().size();
    for (std::size_t i = 0; i < count; ++i) {
      const MemoryPlan::NodePlan& planned = plan_.nodes()[i];
      const Node& node = graph_.nodes()[planned.node];
      if (options.monitor != nullptr) options.monitor->tick(batch * node.work);
      const std::size_t inputs = node.inputs.size();
      const void** const x = run_.x_.data() + planned.first_input;
      const ValueId* const reads = run_.reads_.data() + planned.first_input;
      for (std::size_t k = 0; k < inputs; ++k) x[k] = run_.values_[reads[k]];
      if (checks_skips) {
        if (node.operation->skipped(pass_)) {
          run_.values_[node.output] = const_cast<void*>(x[0]);
          continue;
        }
        run_.values_[node.output] = run_.homes_[node.output];
      }
      if (planned.ending == Ending::left_out && !options.whole) continue;
      ForwardArguments f;
      f.x = {x, inputs};
      f.y = run_.values_[node.output];
      f.pre_activation = run_.pre_activations_[i];
      f.parameters = &parameters_[node.layer];
      f.workspace = run_.workspaces_[i];
      if (options.blocks != nullptr) f.kernel_blocks = options.blocks->kernels[node.layer].get();
      node.operation->forward(pass_, f, planned.ending == Ending::skips_activation && !options.whole);
    }
    for (const MemoryPlan::OutputCopy& copy : plan_.output_copies()) {
      const auto bytes =
          static_cast<std::size_t>(pass_.batch * graph_.values()[copy.value].elements) * size_of(pass_.dtype);
      pass_.device.copy(run_.outputs_[copy.output], run_.values_[copy.value], bytes);
    }
  }

  void backward(const ParameterView& gradients, Monitor* monitor, std::vector<DeferredBackward>* deferred) {
    place_gradients();
    for (const LayerId layer : plan_.unreached()) clear(layer, gradients);
    for (const MemoryPlan::Sum& sum : plan_.seed_sums()) run(sum);
    // What is left to the caller comes in one piece, in which nothing looks for Ctrl-C and no prediction
    // starts: about half a second at most on two cores, whatever the network.
    double may_defer = 1e11;  // multiplications
    const std::size_t count = plan_.steps().size();
    for (std::size_t s = 0; s < count; ++s) {
      const MemoryPlan::BackwardStep& step = plan_.steps()[s];
      const MemoryPlan::NodePlan& planned = plan_.nodes()[step.node_plan];
      const Node& node = graph_.nodes()[planned.node];
      const double work = static_cast<double>(pass_.batch) * node.work;
      if (monitor != nullptr) monitor->tick(2.0 * work);
      prepare(step, node);
      if (step.calls) {
        BackwardArguments b = arguments_of(step, planned, node);
        if (step.parameters == MemoryPlan::ParameterTarget::gradient)
          b.parameter_gradients = &gradients[node.layer];
        if (step.parameters == MemoryPlan::ParameterTarget::scratch) {
          b.parameter_gradients = &run_.scratch_[node.layer];
        }
        bool has_input_gradients = false;
        for (void* const gradient : b.input_gradients)
          has_input_gradients = has_input_gradients || gradient != nullptr;
        if (deferred != nullptr && step.deferrable && (s + 1 == count || work <= may_defer)) {
          static void* const nothing[1] = {nullptr};  // only layers of one input update their kernels
          may_defer -= work;
          deferred->push_back({node.operation.get(), node.layer, b});
          deferred->back().arguments.input_gradients = nothing;
          b.parameter_gradients = nullptr;
        }
        if (b.parameter_gradients != nullptr || has_input_gradients) node.operation->backward(pass_, b);
        if (step.parameters == MemoryPlan::ParameterTarget::scratch) add_scratch(node, gradients);
      }
      for (std::size_t i = step.first_sum; i < step.last_sum; ++i) run(plan_.sums()[i]);
    }
    for (const MemoryPlan::GradientCopy& copy : plan_.gradient_copies()) {
      pass_.device.copy(run_.input_gradients_of_[copy.input], slot(copy.slot),
                        static_cast<std::size_t>(pass_.batch * copy.elements) * size_of(pass_.dtype));
    }
  }

  void update_state() const {
    for (std::size_t i = 0; i < plan_.nodes().size(); ++i) {
      const Node& node = graph_.nodes()[plan_.nodes()[i].node];
      if (!node.operation->has_state_update() || node.operation->skipped(pass_)) continue;
      node.operation->update_state(pass_, parameters_[node.layer], run_.workspaces_[i]);
    }
  }

 private:
  void* slot(std::int32_t i) const { return run_.slots_[static_cast<std::size_t>(i)]; }
  std::int64_t elements_of(const Node& node) const { return graph_.values()[node.output].elements; }

  void place_outputs() {
    for (std::size_t v = 0; v < plan_.values().size(); ++v) {
      const MemoryPlan::Place& place = plan_.values()[v];
      if (place.kind == MemoryPlan::Place::Kind::output) {
        run_.values_[v] = run_.outputs_[static_cast<std::size_t>(place.at)];
      }
    }
  }

  void place_gradients() {
    if (plan_.mode() == PlanMode::training) return;
    for (std::size_t s = 0; s < run_.slots_.size(); ++s) {
      const MemoryPlan::Place& place = plan_.slots()[s];
      const auto which = static_cast<std::size_t>(place.at);
      if (place.kind == MemoryPlan::Place::Kind::seed) run_.slots_[s] = run_.seeds_[which];
      if (place.kind == MemoryPlan::Place::Kind::input_gradient)
        run_.slots_[s] = run_.input_gradients_of_[which];
    }
  }

  void clear(LayerId layer, const ParameterView& gradients) {
    const Layer& operation = *graph_.nodes()[graph_.first_node(layer)].operation;
    for (std::size_t p = 0; p < operation.parameters().size(); ++p) {
      const Parameter& parameter = operation.parameters()[p];
      if (!parameter.trained) continue;
      pass_.device.fill_zero(gradients[layer][p],
                             static_cast<std::size_t>(element_count(parameter.shape)) * size_of(pass_.dtype));
    }
  }

  void run(const MemoryPlan::Sum& sum) {
    add(pass_, pass_.batch * sum.elements, slot(sum.a), slot(sum.b), slot(sum.out));
  }

  ProducerActivation saved_activation(const Node& node, std::size_t node_plan) const {
    const Activation& activation = node.operation->fused_activation();
    return {activation, derivative_from(activation) == DerivativeFrom::output
                            ? run_.values_[node.output]
                            : run_.pre_activations_[node_plan]};
  }

  /// The gradient of the node's output with respect to what went into its fused activation.
  void prepare(const MemoryPlan::BackwardStep& step, const Node& node) {
    if (step.zero) {
      pass_.device.fill_zero(
          slot(step.derive >= 0 ? step.derive : step.gradient),
          static_cast<std::size_t>(pass_.batch * elements_of(node)) * size_of(pass_.dtype));
    }
    if (step.derive < 0) return;
    const Shape& shape = node.operation->output_shape();
    const std::int64_t columns = shape.empty() ? 1 : shape.back();
    const std::int64_t rows = columns == 0 ? 0 : pass_.batch * (elements_of(node) / columns);
    const ProducerActivation activation = saved_activation(node, step.node_plan);
    pass_.device.activate_backward(pass_.dtype, activation.activation, rows, columns, activation.saved,
                                   slot(step.derive), slot(step.gradient));
  }

  BackwardArguments arguments_of(const MemoryPlan::BackwardStep& step, const MemoryPlan::NodePlan& planned,
                                 const Node& node) {
    const std::size_t first = planned.first_input, inputs = node.inputs.size();
    for (std::size_t k = first; k < first + inputs; ++k) {
      const std::int32_t target = plan_.input_slots()[k];
      run_.input_gradients_[k] = target < 0 ? nullptr : slot(target);
      if (plan_.fused()[k] == 0) continue;
      const std::size_t producer = run_.producer_plans_[k];
      run_.producers_[k] = saved_activation(graph_.nodes()[plan_.nodes()[producer].node], producer);
    }
    BackwardArguments b;
    b.x = {run_.x_.data() + first, inputs};
    if (node.operation->reads_output()) b.y = run_.values_[node.output];
    b.gradient = slot(step.gradient);
    b.input_gradients = {run_.input_gradients_.data() + first, inputs};
    b.producers = {run_.producers_.data() + first, inputs};
    b.parameters = &parameters_[node.layer];
    b.workspace = run_.workspaces_[step.node_plan];
    return b;
  }

  void add_scratch(const Node& node, const ParameterView& gradients) {
    const auto& parameters = node.operation->parameters();
    for (std::size_t p = 0; p < parameters.size(); ++p) {
      if (!parameters[p].trained) continue;
      void* const sum = gradients[node.layer][p];
      add(pass_, element_count(parameters[p].shape), sum, run_.scratch_[node.layer][p], sum);
    }
  }

  const MemoryPlan& plan_;
  Run& run_;
  const Graph& graph_;
  const ParameterView& parameters_;
  const Pass& pass_;
};

void forward(const MemoryPlan& plan, Run& run, const ParameterView& parameters, const Pass& pass,
             const ForwardOptions& options) {
  Executor(plan, run, parameters, pass).forward(options);
}

void backward(const MemoryPlan& plan, Run& run, const ParameterView& parameters,
              const ParameterView& gradients, const Pass& pass, Monitor* monitor,
              std::vector<DeferredBackward>* deferred) {
  Executor(plan, run, parameters, pass).backward(gradients, monitor, deferred);
}

void update_state(const MemoryPlan& plan, const Run& run, const ParameterView& parameters, const Pass& pass) {
  Executor(plan, const_cast<Run&>(run), parameters, pass).update_state();
}

}  // namespace lamina::nn
