// Second derivatives of fused functions. A rule that calls a kernel cannot be differentiated; where a tape
// records the backward pass, the rule uses a decomposition of its function into differentiable ones.
#pragma once

#include <vector>

#include "autograd/backward.h"
#include "autograd/tape.h"

namespace lamina::autograd {

/// Gives `inputs` (in the order of the node's) the gradients of decomposition(inputs), which must compute
/// what the node's function does, output for output: from one call of a differentiable composition.
template <class Decomposition>
void backward_by_decomposition(Backward& pass, const std::vector<Tensor>& inputs,
                               Decomposition&& decomposition) {
  Tape tape(false, false);
  tape.start();
  std::vector<Tensor> wanted;
  std::vector<std::uint32_t> places;
  for (std::uint32_t i = 0; i < inputs.size(); ++i) {
    if (!pass.needs_grad(i)) continue;
    tape.watch(inputs[i]);
    wanted.push_back(inputs[i]);
    places.push_back(i);
  }
  const std::vector<Tensor> outputs = decomposition(inputs);
  std::vector<Tensor> seeds;
  for (std::uint32_t i = 0; i < outputs.size(); ++i) seeds.push_back(pass.dy(i));
  const std::vector<Tensor> gradients = tape.gradient(outputs, seeds, wanted, Unconnected::zero);
  for (std::size_t i = 0; i < places.size(); ++i) pass.accumulate_grad(places[i], gradients[i]);
}

}  // namespace lamina::autograd
