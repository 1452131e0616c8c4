// What a tape records. A *node* is one call of a differentiable function: where its inputs came
// from, what its rule needs, and an *output* for each result, the place where that result's
// gradient arrives. A Tensor points to its Output (which keeps the node alive), and a node to the
// Outputs of its inputs: so the graph hangs on the results and goes with them, and a tape holds none
// of it. A value that was only watched, or a Variable, has a node without inputs.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "autograd/tapes.h"
#include "core/tensor.h"

namespace lamina::autograd {

class Backward;
class Node;

/// The place where the gradient of one value arrives.
struct Output {
  Node* node = nullptr;
  std::uint32_t index = 0;  ///< among the node's outputs
  ElementType type = ElementType::float32;
  ArrayShape shape;
  WatchSet watched_by;
};

/// An Output and a share in its node.
using Link = std::shared_ptr<Output>;

/// The link of a tensor; null for one that nothing was recorded or watched of.
inline Output* output_of(const Tensor& x) { return static_cast<Output*>(x.grad_link().get()); }
inline Link link_of(const Tensor& x) { return std::static_pointer_cast<Output>(x.grad_link()); }

class Node {
 public:
  /// `name` must outlive the node (a literal).
  explicit Node(std::string_view name, TapeList tapes = {});
  virtual ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  std::string_view name() const { return name_; }
  /// Grows with each node: a node's inputs have smaller ones.
  std::uint64_t order() const { return order_; }
  /// Whether it was recorded for that tape.
  bool recorded_by(TapeId id) const { return tapes_.contains(id); }
  /// Null where an input is a constant to all of the tapes.
  const std::vector<Link>& inputs() const { return inputs_; }
  std::uint32_t output_count() const { return 1 + static_cast<std::uint32_t>(more_.size()); }
  Output& output(std::uint32_t i) { return i == 0 ? first_ : *more_[i - 1]; }

  /// Gives the inputs their gradients from the outputs'.
  virtual void backward(Backward& pass) = 0;
  /// Releases all that the rule saved.
  virtual void release_saved() = 0;

  /// That tape is done with this node: releases everything when it was the last one.
  void finish(TapeId id);
  /// Whether finish() released everything.
  bool finished() const { return finished_; }

  /// Calls the deleter that nodes need: a long chain of nodes is freed in a loop, not by as many
  /// nested calls.
  static std::shared_ptr<Node> share(Node* node);
  /// Makes `x` output number `i`; outputs are attached in order.
  static void attach(const std::shared_ptr<Node>& node, std::uint32_t i, const Tensor& x);
  /// A share in output `i` of a node.
  static Link link(const std::shared_ptr<Node>& node, std::uint32_t i) {
    return Link(node, &node->output(i));
  }
  void add_input(Link link) { inputs_.push_back(std::move(link)); }
  void reserve_inputs(std::size_t count) { inputs_.reserve(count); }

 private:
  std::string_view name_;
  std::uint64_t order_;
  TapeList tapes_;
  bool finished_ = false;
  std::vector<Link> inputs_;
  Output first_;
  std::vector<std::unique_ptr<Output>> more_;
};

/// How many nodes there are, in all threads: for tests of what is freed when.
std::int64_t live_nodes();

/// The node of a value that was watched: it has no inputs.
class Leaf final : public Node {
 public:
  Leaf() : Node("watched") {}
  void backward(Backward&) override {}
  void release_saved() override {}
};

/// `x` watched by that tape. TypeError unless x is float32 or float64.
void watch(const Tensor& x, TapeId id);
/// Whether that tape watches x, or what x was computed from.
bool is_watched(const Output& output, TapeId id);

}  // namespace lamina::autograd
