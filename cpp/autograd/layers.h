// Layers of nn/ on the tape: one node for a call of a whole plan, or of a single layer. The
// operations are those of the planned step, in its order, over memory of the call's own: the same
// bits. Parameters are Variables, wherever they lie.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "autograd/node.h"
#include "autograd/variable.h"
#include "nn/training/trainer.h"

namespace lamina::autograd {

class Layers {
 public:
  /// `network` says what to compute; its own parameters are not read. `parameters` are in the order of
  /// its layout, with the shapes from there.
  Layers(std::shared_ptr<nn::Trainer> network, std::vector<std::shared_ptr<Variable>> parameters);

  struct Answer {
    Tensor y;
    Tensor penalty;  ///< what penalties on outputs add to the loss; not defined where there are none
    double penalty_value = 0.0;
  };
  /// y = layers(x) for x of [batch, *input shape] in the network's dtype. `step` names the random
  /// numbers. In training, layers' own state (moving averages) moves.
  Answer call(const Tensor& x, bool training, std::uint64_t step) const;

  const nn::Network& network() const { return network_->network; }
  nn::Trainer& sequential() const { return *network_; }

 private:
  std::shared_ptr<nn::Trainer> network_;
  std::vector<std::shared_ptr<Variable>> parameters_;
};

/// Where a prediction came from, if that was a sigmoid or softmax of layers: a crossentropy computes
/// its gradient from the logits, as in the planned step.
struct Logits {
  Tensor z;  ///< not defined if there are none
  ActivationKind kind = ActivationKind::linear;
};
Logits logits_of(const Tensor& prediction);

}  // namespace lamina::autograd
