// A network, or a single layer of nn/, on the tape: one node for a call. The operations are those of the
// planned step, in its order, over memory of the call: the same bits. Parameters are Variables, wherever they
// are.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "autograd/graph_node.h"
#include "autograd/variable.h"
#include "nn/training/trainer.h"

namespace lamina::autograd {

class Layers {
 public:
  /// `network` says what to compute; its own parameters are not read, and nothing is added to it any more.
  /// `parameters` are in the order of its layout, with the shapes from there.
  Layers(std::shared_ptr<nn::Trainer> network, std::vector<std::shared_ptr<Variable>> parameters);

  struct Outputs {
    std::vector<Tensor> y;  ///< one for each output of the network
    Tensor penalty;         ///< what penalties on outputs add to the loss; not defined where there are none
    double penalty_value = 0.0;
  };
  /// For x of [batch, *input shape] in the network's dtype, one for each input. `step` names the random
  /// numbers. In training, layers' own state (moving averages) moves.
  Outputs call(std::span<const Tensor> x, bool training, std::uint64_t step) const;

  const nn::Network& network() const { return network_->network; }
  nn::Trainer& sequential() const { return *network_; }

 private:
  void check(std::span<const Tensor> x) const;
  void update_state(const GraphCall&, const std::vector<Tensor>& parameters) const;

  std::shared_ptr<nn::Trainer> network_;
  std::vector<std::shared_ptr<Variable>> parameters_;
  std::shared_ptr<PlanCache> plans_;
};

}  // namespace lamina::autograd
