// Operations on several values of a network: what merging layers and symbolic functions come down to.
#include <algorithm>

#include "core/error.h"
#include "nn/graph/network.h"
#include "nn/layers/batch_product.h"
#include "nn/layers/rearrange.h"
#include "nn/layers/row_normalization.h"

namespace lamina::nn {

void Network::add_merge(const std::string& kind, const std::vector<std::int64_t>& values, std::int64_t axis) {
  require_unbuilt();
  if (values.empty()) throw ValueError(text("[add_merge] '", kind, "' needs values. Received: []"));
  for (const std::int64_t value : values) checked_value(value);
  if (kind == "concatenate") {
    std::vector<Shape> shapes;
    std::vector<ValueId> inputs;
    for (const std::int64_t value : values) {
      shapes.push_back(checked_value(value).shape);
      inputs.push_back(checked_value(value).value);
    }
    append(std::make_unique<Concatenate>(std::move(shapes), axis), std::move(inputs));
    return name_value();
  }
  const bool averages = kind == "average";
  const MergeKind merge = averages ? MergeKind::add : merge_kind_from_name(kind);
  if ((merge == MergeKind::subtract || merge == MergeKind::divide) && values.size() != 2) {
    throw ValueError(text("[add_merge] '", kind, "' takes two values. Received: ", values.size()));
  }
  // All shapes are checked before anything is added.
  Shape shape = checked_value(values.front()).shape;
  for (const std::int64_t value : values)
    shape = broadcast_shape(kind.c_str(), shape, checked_value(value).shape);
  seek(values.front());
  for (std::size_t i = 1; i < values.size(); ++i) {
    const NamedValue& next = checked_value(values[i]);
    append(std::make_unique<Merge>(merge, current_, next.shape), {at_, next.value});
  }
  if (averages) {
    append(std::make_unique<NumberMerge>(MergeKind::divide, current_, static_cast<double>(values.size()),
                                         false));
  }
  name_value();
}

void Network::add_binary(MergeKind kind, std::int64_t a, std::int64_t b) {
  require_unbuilt();
  const NamedValue left = checked_value(a), right = checked_value(b);
  append(std::make_unique<Merge>(kind, left.shape, right.shape), {left.value, right.value});
  name_value();
}

void Network::add_number(MergeKind kind, double number, bool number_first) {
  require_unbuilt();
  append(std::make_unique<NumberMerge>(kind, current_, number, number_first));
  name_value();
}

void Network::add_slice(const std::vector<Slice::Axis>& axes) {
  require_unbuilt();
  append(std::make_unique<Slice>(current_, axes));
  name_value();
}

void Network::add_reduce(ReductionKind kind, const std::vector<std::int64_t>& axes, bool keep_axes) {
  require_unbuilt();
  append(std::make_unique<Reduce>(kind, current_, axes, keep_axes));
  name_value();
}

ValueId Network::with_last_axis(std::int64_t value, std::int64_t axis, bool normalize, Shape& shape) {
  seek(value);
  const auto rank = static_cast<std::int64_t>(current_.size());
  if (axis + 1 != rank) {
    std::vector<std::int64_t> order;
    for (std::int64_t i = 0; i < rank; ++i) {
      if (i != axis) order.push_back(i);
    }
    order.push_back(axis);
    append(std::make_unique<Permute>(current_, std::move(order)));
  }
  if (normalize) {
    append(std::make_unique<RowNormalization>(current_, RowNormalizationKind::unit, 1, 1, 0.0, false, false,
                                              "gamma"));
  }
  shape = current_;
  return at_;
}

void Network::add_dot(std::int64_t a, std::int64_t b, std::int64_t a_axis, std::int64_t b_axis,
                      bool normalize) {
  require_unbuilt();
  const Shape of_a = checked_value(a).shape, of_b = checked_value(b).shape;
  const auto extent = [](const Shape& shape, std::int64_t axis) {
    if (axis < 0 || axis >= static_cast<std::int64_t>(shape.size())) {
      throw ValueError(text("[add_dot] samples of shape ", to_string(shape), " have no axis ", axis));
    }
    return shape[static_cast<std::size_t>(axis)];
  };
  if (extent(of_a, a_axis) != extent(of_b, b_axis)) {
    throw ValueError(text("[add_dot] the axes must have the same extent. Received: axes ", a_axis, " and ",
                          b_axis, " of samples of shapes ", to_string(of_a), " and ", to_string(of_b)));
  }
  Shape left, right;
  const ValueId first = with_last_axis(a, a_axis, normalize, left);
  const ValueId second = with_last_axis(b, b_axis, normalize, right);
  Shape output(left.begin(), left.end() - 1);
  output.insert(output.end(), right.begin(), right.end() - 1);
  if (output.empty()) output = {1};
  BatchProductSettings settings;
  settings.depth = left.back();
  settings.rows = element_count(left) / settings.depth;
  settings.columns = element_count(right) / settings.depth;
  append(std::make_unique<BatchProduct>(left, right, output, settings), {first, second});
  name_value();
}

void Network::add_matmul(std::int64_t a, std::int64_t b) {
  require_unbuilt();
  const NamedValue left = checked_value(a), right = checked_value(b);
  const std::size_t rank = left.shape.size();
  bool fits = rank >= 2 && right.shape.size() == rank && left.shape[rank - 1] == right.shape[rank - 2];
  BatchProductSettings settings;
  for (std::size_t axis = 0; fits && axis + 2 < rank; ++axis) {
    fits = left.shape[axis] == right.shape[axis];
    settings.groups *= left.shape[axis];
  }
  if (!fits) {
    throw ValueError(
        text("[add_matmul] samples must be matrices whose inner extents, and whose axes before those, are "
             "the same. Received: samples of shapes ",
             to_string(left.shape), " and ", to_string(right.shape)));
  }
  settings.rows = left.shape[rank - 2];
  settings.depth = left.shape[rank - 1];
  settings.columns = right.shape[rank - 1];
  settings.b_by_depth = true;
  Shape output = left.shape;
  output.back() = settings.columns;
  append(std::make_unique<BatchProduct>(left.shape, right.shape, output, settings),
         {left.value, right.value});
  name_value();
}

}  // namespace lamina::nn
