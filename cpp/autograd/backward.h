// The backward pass: what a rule sees of it, and the pass as a whole.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "autograd/node.h"

namespace lamina::autograd {

/// What a rule is given: the gradients of its call's outputs; and where it puts the inputs'.
class Backward {
 public:
  /// `outputs`: a gradient for each output, not defined where none arrived. `inputs`: where each
  /// input's is added up; null where it is not needed.
  Backward(const std::shared_ptr<Node>& node, Tensor* outputs, Tensor* const* inputs,
           const std::vector<char>* sources = nullptr)
      : node_(node), outputs_(outputs), inputs_(inputs), sources_(sources) {}

  const std::shared_ptr<Node>& node() const { return node_; }
  /// The gradient of output `i`; zeros when none arrived.
  Tensor dy(std::uint32_t i = 0) const;
  bool has_dy(std::uint32_t i) const { return outputs_[i].defined(); }
  /// Whether the gradient of input `i` is needed: a rule need not compute others.
  bool needs_grad(std::uint32_t i) const { return inputs_[i] != nullptr; }
  /// Whether the gradient of input `i` itself is a result, not only those of what it was computed from.
  bool is_requested(std::uint32_t i) const { return sources_ != nullptr && (*sources_)[i] != 0; }
  /// Adds to the gradient of input `i`. `dx` may have the shape that the input was broadcast to (it is
  /// summed over those axes) and another floating type (it is converted).
  void accumulate_grad(std::uint32_t i, Tensor dx);
  /// The same for gradients that a user computed: ValueError unless the shape is the input's own.
  void accumulate_grad_exact(std::uint32_t i, Tensor dx);

 private:
  const std::shared_ptr<Node>& node_;
  Tensor* outputs_;
  Tensor* const* inputs_;
  const std::vector<char>* sources_;
};

/// The gradients of `targets`, each times its seed, with respect to `sources`, along what was
/// recorded for `tape`: nodes in the reverse of their order, each once, gradients of a value
/// added up in the order in which they arrive; so the order of every addition depends on the
/// program alone. With `finish`, nodes release what they saved as soon as they were visited.
/// Not defined for sources that no target depends on.
std::vector<Tensor> run_backward(TapeId tape, std::span<const Tensor> targets, std::span<const Tensor> seeds,
                                 std::span<const Tensor> sources, bool finish);

}  // namespace lamina::autograd
