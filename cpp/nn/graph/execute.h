// The forward and the backward pass over a graph: of a planned step, of inference and of a call on a tape.
#pragma once

#include <vector>

#include "nn/graph/kernel_blocks.h"
#include "nn/graph/memory_plan.h"
#include "nn/graph/monitor.h"

namespace lamina::nn {

/// Where everything of one plan is in one memory. Made once, so that a pass allocates nothing; used by one
/// pass at a time.
class Run {
 public:
  Run() = default;
  /// `memory` is an arena of plan.bytes(); the graph and the plan stay where they are.
  Run(const Graph& graph, const MemoryPlan& plan, void* memory);
  /// Tape: the second arena, of plan.backward_bytes(); with `plan` of the same nodes, maybe other gradients.
  void bind_backward(const MemoryPlan& plan, void* memory);

  void set_input(std::size_t i, const void* x) { values_[graph_->inputs()[i]] = const_cast<void*>(x); }
  /// Inference and tape: where output `i` belongs.
  void set_output(std::size_t i, void* y) { outputs_[i] = y; }
  void set_seed(std::size_t i, const void* gradient) { seeds_[i] = const_cast<void*>(gradient); }
  void set_input_gradient(std::size_t i, void* gradient) { input_gradients_of_[i] = gradient; }

  /// What a node of the plan keeps beside its inputs and its output.
  void* workspace(std::size_t node_plan) const { return workspaces_[node_plan]; }
  /// A value, after the pass in which it was computed.
  void* value(ValueId value) const { return values_[plan_->sources()[value]]; }
  /// Training: where the gradient of output `i` belongs; null where it has none.
  void* seed(std::size_t i) const {
    const std::int32_t slot = plan_->seeds()[i];
    return slot < 0 ? nullptr : slots_[static_cast<std::size_t>(slot)];
  }

 private:
  friend class Executor;
  const Graph* graph_ = nullptr;
  const MemoryPlan* plan_ = nullptr;
  std::vector<void*> homes_, values_;                ///< by value: its memory, and where it is in this pass
  std::vector<ValueId> reads_;                       ///< by input of a node
  std::vector<const void*> x_;                       ///< likewise
  std::vector<void*> pre_activations_, workspaces_;  ///< by node of the plan
  std::vector<void*> outputs_, seeds_, input_gradients_of_;
  // Backward.
  std::vector<void*> slots_;
  std::vector<void*> input_gradients_;         ///< by input of a node
  std::vector<ProducerActivation> producers_;  ///< likewise
  std::vector<std::size_t> producer_plans_;    ///< likewise: where the plan has the producer
  std::vector<void*> scratch_pointers_;
  std::vector<ParameterPointers> scratch_;  ///< by layer
};

/// What remains of a backward pass: an operation's gradients of its parameters.
struct DeferredBackward {
  const Layer* operation = nullptr;
  LayerId layer = 0;
  BackwardArguments arguments;
};

struct ForwardOptions {
  bool whole = false;                    ///< nothing is left to a loss, whatever the plan says
  const KernelBlocks* blocks = nullptr;  ///< inference
  Monitor* monitor = nullptr;
};

/// Computes all values. `run` has its inputs and, where they are the caller's, its outputs.
void forward(const MemoryPlan&, Run&, const ParameterView& parameters, const Pass&, const ForwardOptions&);

/// From the gradients of the outputs, at Run::seed() or set_seed(), to those of the parameters and, where
/// they are wanted, of the inputs. With `deferred`, nodes that the plan allows are left to the caller, who
/// finds them there: nothing reads their kernels any more.
void backward(const MemoryPlan&, Run&, const ParameterView& parameters, const ParameterView& gradients,
              const Pass&, Monitor*, std::vector<DeferredBackward>* deferred = nullptr);

/// After a training pass: the layers' own state, in the order of the nodes.
void update_state(const MemoryPlan&, const Run&, const ParameterView& parameters, const Pass&);

}  // namespace lamina::nn
