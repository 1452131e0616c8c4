// A network's structure: values, and nodes that compute a value from others. No memory, no parameters.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "nn/layers/layer.h"

namespace lamina::nn {

using ValueId = std::uint32_t;
using NodeId = std::uint32_t;
/// Names a set of parameters. Nodes of one layer share it: a shared layer is one LayerId with several nodes.
using LayerId = std::uint32_t;

inline constexpr NodeId kNoNode = ~NodeId{0};

/// The parameters of all layers, or their gradients, by LayerId.
using ParameterView = std::span<const ParameterPointers>;

/// [batch, shape]. A value is one memory: who reads it may see another shape with as many elements.
struct Value {
  Shape shape;
  std::int64_t elements = 0;  ///< of a sample
  NodeId producer = kNoNode;  ///< none: an input of the graph
  std::uint32_t consumers = 0;
  std::uint32_t outputs = 0;  ///< how many outputs of the graph it is
};

struct Node {
  std::unique_ptr<Layer> operation;
  LayerId layer = 0;
  std::vector<ValueId> inputs;
  ValueId output = 0;
  double work = 0.0;  ///< about how many multiplications one sample takes
};

struct GraphOutput {
  ValueId value = 0;
  Shape shape;
};

class Graph {
 public:
  ValueId add_input(Shape shape);
  /// A node with a layer of its own.
  ValueId add(std::unique_ptr<Layer> operation, std::vector<ValueId> inputs);
  /// A node that computes with the parameters of a layer that is there. ValueError unless `operation` has the
  /// same parameters.
  ValueId call(LayerId layer, std::unique_ptr<Layer> operation, std::vector<ValueId> inputs);
  void set_outputs(std::vector<GraphOutput> outputs);

  /// Element-wise functions become their producers' fused activations, where nothing else reads what they
  /// read and the producer can. Called once, when all nodes and outputs are there.
  void fuse_activations();

  const std::vector<Value>& values() const { return values_; }
  const std::vector<Node>& nodes() const { return nodes_; }
  std::vector<Node>& nodes() { return nodes_; }
  const std::vector<ValueId>& inputs() const { return inputs_; }
  const std::vector<GraphOutput>& outputs() const { return outputs_; }
  std::size_t layers() const { return layers_.size(); }
  /// The node with which a layer came.
  NodeId first_node(LayerId layer) const { return layers_[layer].first; }
  std::uint32_t uses(LayerId layer) const { return layers_[layer].uses; }
  /// Of one sample through all nodes.
  double work() const { return work_; }
  std::int64_t widest() const;

 private:
  struct LayerUse {
    NodeId first = kNoNode;
    std::uint32_t uses = 0;
  };
  ValueId add_value(Shape shape, NodeId producer);
  ValueId add_node(LayerId layer, std::unique_ptr<Layer> operation, std::vector<ValueId> inputs);

  std::vector<Value> values_;
  std::vector<Node> nodes_;
  std::vector<LayerUse> layers_;
  std::vector<ValueId> inputs_;
  std::vector<GraphOutput> outputs_;
  double work_ = 0.0;
};

}  // namespace lamina::nn
