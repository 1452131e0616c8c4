// What a tape records of a call of a network.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "autograd/node.h"
#include "nn/training/trainer.h"

namespace lamina::autograd {

/// The plans of a network's latest calls: they are the same from step to step.
class PlanCache {
 public:
  using Plan = std::shared_ptr<const nn::MemoryPlan>;
  /// `structure`: Network::structure().
  Plan find(const nn::Graph& graph, const nn::PlanOptions& options, std::uint64_t structure);

 private:
  struct Entry {
    nn::PlanOptions options;
    std::uint64_t structure;
    Plan plan;
  };
  std::mutex lock_;
  std::vector<Entry> entries_;  ///< the latest first
};

/// A forward pass: what ran, and what the backward pass needs.
struct GraphCall {
  std::shared_ptr<nn::Trainer> network;
  std::shared_ptr<PlanCache> plans;
  nn::Pass pass;
  nn::PlanOptions options;
  std::uint64_t structure = 0;
  PlanCache::Plan plan;
  nn::Run run;
  std::vector<Tensor> x;  ///< dense
  Tensor arena;
  std::vector<Tensor> state;  ///< parameters that are no part of the record
  nn::PlacedPointers parameters;

  const nn::Graph& graph() const { return network->network.graph(); }
};

/// The inputs of the node are those of the network, then its parameters; the outputs are its outputs, then a
/// penalty if there is one.
std::shared_ptr<Node> make_graph_node(TapeList tapes, GraphCall&& call, std::span<const Tensor> x,
                                      std::span<const Tensor> outputs, std::span<const Tensor> parameters);

/// y = activation(z), recorded on its own so that a crossentropy finds z.
Tensor recorded_activation(const TapeList& tapes, const Activation& activation, const Tensor& z);

/// Where a prediction came from, if that was a sigmoid or softmax of layers: a crossentropy computes
/// its gradient from the logits, as in the planned step.
struct Logits {
  Tensor z;  ///< not defined if there are none
  ActivationKind kind = ActivationKind::linear;
};
Logits logits_of(const Tensor& prediction);

}  // namespace lamina::autograd
