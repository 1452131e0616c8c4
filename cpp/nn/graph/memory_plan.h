// Where everything of a pass over a graph is: offsets into one arena, by how long each thing is needed; and
// the order of the backward pass, with who writes which gradient.
//
// The rules that decide bits (docs/numerics.md, section 11):
//   R1 nodes run in the order of their creation, backward in the reverse of it.
//   R2 a value's gradient: first that of an output of the graph, in the order of the outputs; then the
//   consumers', last
//      one first. The first writes, each further one is added with one element-wise addition.
//   R3 a producer's fused activation is differentiated in its consumer's call only if nothing else
//      contributes to the gradient; else once, after the sum.
//   R5 a parameter of several nodes: their gradients are added in the same order. Updates during the
//      backward pass are for parameters of one node only.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/graph/graph.h"

namespace lamina::nn {

enum class PlanMode : std::uint8_t {
  training,   ///< one arena for a pass forward and backward; also runs passes that are no training
  inference,  ///< forward only; outputs are the caller's memory
  tape,  ///< two arenas, since the way back may come later and again; outputs and their gradients, and the
         ///< gradients of inputs, are the caller's memory
};

/// How an output that a loss reads is taken (R4).
enum class Ending : std::uint8_t {
  whole,
  skips_activation,  ///< the loss applies the fused activation of its producer
  left_out,          ///< the loss applies its producer, an ActivationLayer
};

struct PlanOptions {
  PlanMode mode = PlanMode::training;
  DType dtype = DType::float32;
  std::int64_t batch = 0;             ///< samples at most
  bool training = true;               ///< tape: whether layers that do nothing outside of training run
  bool adds_loss = true;              ///< whether layers that add to the loss run where those are skipped
  std::vector<Ending> endings;        ///< by output; empty: whole
  std::vector<char> gradients;        ///< by output, whether it has one; empty: none has
  std::vector<char> input_gradients;  ///< by input, whether it is wanted; empty: none
  std::vector<char> trained;          ///< by layer, whether its parameters' gradients are wanted
  std::vector<char>
      deferrable;  ///< by node, whether its parameters' gradients may be computed after the pass
};

class MemoryPlan {
 public:
  static constexpr std::int64_t kNone = -1;

  /// Where a value, or a gradient, is.
  struct Place {
    enum class Kind : std::uint8_t { none, arena, input, output, seed, input_gradient };
    Kind kind = Kind::none;
    std::int64_t at = 0;  ///< bytes into the arena, or which input or output
  };
  struct NodePlan {
    NodeId node = 0;
    std::int64_t pre_activation = kNone, workspace = kNone;  ///< bytes into the arena
    std::size_t first_input = 0;
    Ending ending = Ending::whole;
  };
  /// out = a + b, gradients of one value.
  struct Sum {
    std::int32_t a, b, out;
    std::int64_t elements;
  };
  enum class ParameterTarget : std::uint8_t { none, gradient, scratch };
  struct BackwardStep {
    std::size_t node_plan = 0;  ///< among nodes()
    std::int32_t gradient = 0;  ///< slot, with respect to the fused activation's input
    std::int32_t derive = -1;   ///< slot whose gradient is first multiplied by the activation's derivative
    bool zero = false;          ///< nothing has a gradient of the output: it is zero
    bool calls = true;          ///< whether the layer has anything to do
    bool deferrable = false;
    ParameterTarget parameters = ParameterTarget::none;
    std::size_t first_sum = 0, last_sum = 0;
  };
  /// A result that is not where its reader wants it.
  struct OutputCopy {
    ValueId value;
    std::size_t output;
  };
  struct GradientCopy {
    std::int32_t slot;
    std::size_t input;
    std::int64_t elements;
  };

  MemoryPlan() = default;
  static MemoryPlan make(const Graph&, const PlanOptions&);

  std::size_t bytes() const { return bytes_; }
  std::size_t backward_bytes() const { return backward_bytes_; }  ///< tape: of the second arena
  std::int64_t batch() const { return batch_; }
  PlanMode mode() const { return mode_; }
  std::size_t item() const { return size_of(dtype_); }  ///< bytes of an element

  const std::vector<NodePlan>& nodes() const { return nodes_; }
  const std::vector<Place>& values() const { return values_; }
  const std::vector<ValueId>& sources() const {
    return sources_;
  }  ///< by value: the one that it is an alias of
  const std::vector<OutputCopy>& output_copies() const { return output_copies_; }
  /// Inference and tape: what each output is. On a tape, one that is an input or another output has no memory
  /// of its own.
  const std::vector<ValueId>& output_values() const { return output_values_; }

  const std::vector<BackwardStep>& steps() const { return steps_; }
  const std::vector<Place>& slots() const { return slots_; }
  const std::vector<Sum>& seed_sums() const { return seed_sums_; }
  const std::vector<Sum>& sums() const { return sums_; }
  const std::vector<std::int32_t>& input_slots() const {
    return input_slots_;
  }  ///< by input of a node; -1: none
  const std::vector<char>& fused() const { return fused_; }          ///< likewise (R3)
  const std::vector<std::int32_t>& seeds() const { return seeds_; }  ///< by output: slot or -1
  const std::vector<GradientCopy>& gradient_copies() const { return gradient_copies_; }
  /// By input: the slot of its gradient; -1 where nothing leads from it to a seed.
  const std::vector<std::int32_t>& input_gradients() const { return input_gradients_; }
  /// Layers that train and of which nothing leads to a loss: their gradients are zero.
  const std::vector<LayerId>& unreached() const { return unreached_; }
  bool reaches(LayerId layer) const { return reached_[layer] != 0; }
  /// By layer: bytes into the arena of the scratch for its parameters' gradients, parameter after parameter.
  const std::vector<std::int64_t>& scratch() const { return scratch_; }

 private:
  friend class Planner;
  PlanMode mode_ = PlanMode::training;
  DType dtype_ = DType::float32;
  std::int64_t batch_ = 0;
  std::size_t bytes_ = 0, backward_bytes_ = 0;
  std::vector<NodePlan> nodes_;
  std::vector<Place> values_, slots_;
  std::vector<ValueId> sources_, output_values_;
  std::vector<OutputCopy> output_copies_;
  std::vector<BackwardStep> steps_;
  std::vector<Sum> seed_sums_, sums_;
  std::vector<std::int32_t> input_slots_, seeds_, input_gradients_;
  std::vector<char> fused_, reached_;
  std::vector<GradientCopy> gradient_copies_;
  std::vector<LayerId> unreached_;
  std::vector<std::int64_t> scratch_;
};

/// A thing that needs `bytes` from time `birth` to `death`, both included.
struct LiveBuffer {
  std::size_t bytes = 0;
  std::int64_t birth = 0, death = 0;
  std::size_t offset = 0;  ///< filled in by pack()
};
/// Offsets at which buffers that live at the same time do not overlap. Returns the bytes that takes.
std::size_t pack(std::vector<LiveBuffer>& buffers);

}  // namespace lamina::nn
