// Einsums of an input with a kernel as permutations around a product for each group.
#include <algorithm>
#include <map>

#include "core/error.h"
#include "nn/graph/network.h"
#include "nn/layers/batched_dense.h"
#include "nn/layers/broadcast_bias.h"
#include "nn/layers/rearrange.h"

namespace lamina::nn {

namespace {

bool has(const std::string& labels, char label) { return labels.find(label) != std::string::npos; }

[[noreturn]] void refuse(const std::string& why, const std::string& received) {
  throw ValueError(text("[EinsumDense] ", why, ". Received: ", received));
}

/// The labels whose axes are longer than 1: the others can stand anywhere.
std::string long_labels(const std::string& labels, const std::map<char, std::int64_t>& extents) {
  std::string result;
  std::copy_if(labels.begin(), labels.end(), std::back_inserter(result),
               [&](char label) { return extents.at(label) > 1; });
  return result;
}

Shape shape_of(const std::string& labels, const std::map<char, std::int64_t>& extents) {
  Shape shape;
  for (const char label : labels) shape.push_back(extents.at(label));
  return shape;
}

std::vector<std::int64_t> places(const std::string& labels, const std::string& in) {
  std::vector<std::int64_t> order;
  for (const char label : labels) order.push_back(static_cast<std::int64_t>(in.find(label)));
  return order;
}

}  // namespace

void Network::add_einsum_dense(const std::string& input, const std::string& kernel, const std::string& output,
                               const Shape& kernel_shape, const Shape& bias, const Activation& activation) {
  require_unbuilt();
  const std::string equation = text(input, ",", kernel, "->", output);
  if (input.size() != current_.size() || kernel.size() != kernel_shape.size()) {
    refuse("the equation does not have the axes of its operands", equation);
  }
  std::map<char, std::int64_t> extents;
  const auto take = [&](const std::string& labels, const Shape& shape) {
    for (std::size_t i = 0; i < labels.size(); ++i) {
      if (std::count(labels.begin(), labels.end(), labels[i]) > 1) {
        refuse("a label may be there only once in an operand", equation);
      }
      const auto [entry, fresh] = extents.emplace(labels[i], shape[i]);
      if (shape[i] < 1 || (!fresh && entry->second != shape[i])) {
        refuse(text("axes of the same label must have the same extent; '", labels[i], "' has not"), equation);
      }
    }
  };
  take(input, current_);
  take(kernel, kernel_shape);
  std::string rows, groups, depth, columns;
  for (const char label : kernel) {
    const bool in = has(input, label), out = has(output, label);
    if (!in && !out) refuse(text("label '", label, "' is in the kernel only"), equation);
    (in && out ? groups : in ? depth : columns) += label;
  }
  for (const char label : input) {
    if (has(kernel, label)) continue;
    if (!has(output, label))
      refuse(text("a sum over '", label, "', which the kernel lacks, is no product"), equation);
    rows += label;
  }
  for (const char label : output) {
    if (extents.count(label) == 0) refuse(text("label '", label, "' is in the output only"), equation);
    if (std::count(output.begin(), output.end(), label) > 1) {
      refuse("a label may be there only once in an operand", equation);
    }
  }

  const std::string ordered = rows + groups + depth, answered = rows + groups + columns;
  const Shape final_shape = shape_of(output, extents);
  const bool permutes_input = long_labels(ordered, extents) != long_labels(input, extents);
  const bool permutes_output = long_labels(answered, extents) != long_labels(output, extents);
  BatchedDenseSettings settings;
  settings.rows = element_count(shape_of(rows, extents));
  settings.groups = element_count(shape_of(groups, extents));
  settings.depth = element_count(shape_of(depth, extents));
  settings.columns = element_count(shape_of(columns, extents));
  settings.kernel = kernel_shape;
  for (const std::int64_t axis : places(groups + depth + columns, kernel)) {
    settings.order.push_back(static_cast<std::size_t>(axis));
  }
  settings.group_axes = groups.size();
  settings.depth_axes = depth.size();

  // A bias of the columns, or of groups and columns, is part of the product.
  bool apart = !bias.empty();
  if (!bias.empty() && bias.size() <= output.size()) {
    std::string labels;
    for (std::size_t i = 0; i < bias.size(); ++i) {
      if (bias[i] > 1) labels += output[output.size() - bias.size() + i];
    }
    const std::string of_columns = long_labels(columns, extents);
    const std::string of_groups = long_labels(groups + columns, extents);
    if (labels == of_columns || labels == of_groups) {
      settings.bias = bias;
      settings.bias_groups = labels != of_columns;
      apart = false;
    }
  }

  if (permutes_input) append(std::make_unique<Permute>(current_, places(ordered, input)));
  const Shape answer = permutes_output ? shape_of(answered, extents) : final_shape;
  append(std::make_unique<BatchedDense>(shape_of(ordered, extents), answer, std::move(settings)));
  if (permutes_output) append(std::make_unique<Permute>(answer, places(output, answered)));
  current_ = final_shape;
  if (apart) append(std::make_unique<BroadcastBias>(final_shape, bias));
  activate(activation);
  end_layer();
}

}  // namespace lamina::nn
