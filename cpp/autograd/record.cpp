#include "autograd/record.h"

#include "autograd/tape.h"

namespace lamina::autograd::detail {

TapeList tapes_for(std::span<const Tensor* const> inputs) {
  TapeList tapes;
  for (const Tape* tape : *recording) {
    for (const Tensor* input : inputs) {
      const Output* output = output_of(*input);
      if (output != nullptr && is_watched(*output, tape->id())) {
        tapes.add(tape->id());
        break;
      }
    }
  }
  return tapes;
}

void connect(const std::shared_ptr<Node>& node, std::span<Tensor* const> outputs,
             std::span<const Tensor* const> inputs) {
  node->reserve_inputs(inputs.size());
  for (const Tensor* input : inputs) {
    // A value that none of the tapes watches is a constant to them: no need to keep its graph.
    Output* output = output_of(*input);
    bool wanted = false;
    if (output != nullptr) {
      for (const Tape* tape : *recording) wanted = wanted || is_watched(*output, tape->id());
    }
    node->add_input(wanted ? link_of(*input) : nullptr);
  }
  for (std::uint32_t i = 0; i < outputs.size(); ++i) Node::attach(node, i, *outputs[i]);
}

}  // namespace lamina::autograd::detail
