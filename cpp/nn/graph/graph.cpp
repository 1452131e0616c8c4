#include "nn/graph/graph.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "nn/layers/activation_layer.h"

namespace lamina::nn {

ValueId Graph::add_value(Shape shape, NodeId producer) {
  Value value;
  value.elements = element_count(shape);
  value.shape = std::move(shape);
  value.producer = producer;
  values_.push_back(std::move(value));
  return static_cast<ValueId>(values_.size() - 1);
}

ValueId Graph::add_input(Shape shape) {
  const ValueId value = add_value(std::move(shape), kNoNode);
  inputs_.push_back(value);
  return value;
}

ValueId Graph::add_node(LayerId layer, std::unique_ptr<Layer> operation, std::vector<ValueId> inputs) {
  bool fits = inputs.size() == operation->input_count();
  for (std::size_t i = 0; fits && i < inputs.size(); ++i) {
    fits =
        inputs[i] < values_.size() && values_[inputs[i]].elements == element_count(operation->input_shape(i));
  }
  if (!fits) throw ValueError("[Graph] the values must be those that the operation takes");
  const auto id = static_cast<NodeId>(nodes_.size());
  Node node;
  const Shape& output = operation->output_shape();
  node.work = static_cast<double>(element_count(output));
  const double positions = output.empty() ? 1.0 : node.work / static_cast<double>(output.back());
  for (const Parameter& parameter : operation->parameters()) {
    node.work += positions * static_cast<double>(element_count(parameter.shape));
  }
  work_ += node.work;
  for (const ValueId input : inputs) ++values_[input].consumers;
  node.layer = layer;
  node.inputs = std::move(inputs);
  node.output = add_value(output, id);
  node.operation = std::move(operation);
  nodes_.push_back(std::move(node));
  ++layers_[layer].uses;
  return nodes_.back().output;
}

ValueId Graph::add(std::unique_ptr<Layer> operation, std::vector<ValueId> inputs) {
  layers_.push_back({static_cast<NodeId>(nodes_.size()), 0});
  return add_node(static_cast<LayerId>(layers_.size() - 1), std::move(operation), std::move(inputs));
}

ValueId Graph::call(LayerId layer, std::unique_ptr<Layer> operation, std::vector<ValueId> inputs) {
  const auto& theirs = nodes_[first_node(layer)].operation->parameters();
  const auto& own = operation->parameters();
  const bool same = std::equal(own.begin(), own.end(), theirs.begin(), theirs.end(),
                               [](const Parameter& a, const Parameter& b) {
                                 return a.name == b.name && a.shape == b.shape && a.trained == b.trained;
                               });
  if (!same) {
    const auto listed = [](const std::vector<Parameter>& parameters) {
      std::string all;
      for (const Parameter& p : parameters)
        all += (all.empty() ? "" : ", ") + p.name + " " + to_string(p.shape);
      return all;
    };
    throw ValueError(text("[share] the layer must have the parameters of the one it shares them with, ",
                          listed(theirs), ". Received: ", listed(own), ", for samples of shape ",
                          to_string(operation->input_shape())));
  }
  return add_node(layer, std::move(operation), std::move(inputs));
}

void Graph::set_outputs(std::vector<GraphOutput> outputs) {
  for (const GraphOutput& output : outputs) {
    if (output.value >= values_.size() || values_[output.value].elements != element_count(output.shape)) {
      throw ValueError("[Graph] the outputs must be values of the graph");
    }
  }
  for (Value& value : values_) value.outputs = 0;
  for (const GraphOutput& output : outputs) ++values_[output.value].outputs;
  outputs_ = std::move(outputs);
}

void Graph::fuse_activations() {
  std::vector<Node> kept;
  kept.reserve(nodes_.size());
  for (Node& node : nodes_) {
    const auto* activation = dynamic_cast<const ActivationLayer*>(node.operation.get());
    const Value* const x = activation == nullptr ? nullptr : &values_[node.inputs[0]];
    if (x != nullptr && x->producer != kNoNode && x->consumers == 1 && x->outputs == 0 &&
        kept[x->producer].operation->try_fuse(activation->function())) {
      Node& producer = kept[x->producer];
      producer.output = node.output;
      values_[node.output].producer = x->producer;
      values_[node.inputs[0]].producer = kNoNode;
      values_[node.inputs[0]].consumers = 0;
      --layers_[node.layer].uses;
      layers_[node.layer].first = kNoNode;
      continue;
    }
    const auto id = static_cast<NodeId>(kept.size());
    values_[node.output].producer = id;
    if (layers_[node.layer].first == static_cast<NodeId>(&node - nodes_.data()))
      layers_[node.layer].first = id;
    kept.push_back(std::move(node));
  }
  nodes_ = std::move(kept);
}

std::int64_t Graph::widest() const {
  std::int64_t widest = 1;
  for (const Node& node : nodes_) widest = std::max(widest, values_[node.output].elements);
  return widest;
}

}  // namespace lamina::nn
