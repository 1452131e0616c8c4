#include "autograd/jacobian.h"

#include "autograd/functions.h"
#include "core/error.h"

namespace lamina::autograd {

namespace {

/// 1 at `place` of `count` elements.
Tensor one_at(std::int64_t place, std::int64_t count, ElementType type) {
  Tensor seed = ops::zeros(type, ArrayShape{count});
  const Tensor element = seed.view(ArrayShape{}, ArrayShape{}, place);
  ops::assign(element, ops::scalar(type, 1.0));
  return seed;
}

ArrayShape joined(const ArrayShape& a, const ArrayShape& b, int from) {
  ArrayShape shape = a;
  for (int axis = from; axis < b.rank(); ++axis) shape.push_back(b[axis]);
  return shape;
}

}  // namespace

std::vector<Tensor> jacobian(Tape& tape, const Tensor& target, std::span<const Tensor> sources,
                             Unconnected unconnected) {
  const std::int64_t count = target.size();
  std::vector<std::vector<Tensor>> rows(sources.size());
  for (std::int64_t i = 0; i < count; ++i) {
    const Tensor seed = ops::reshape(one_at(i, count, target.type()), target.shape());
    const std::vector<Tensor> gradients =
        tape.partial_gradient({&target, 1}, {&seed, 1}, sources, unconnected, i + 1 == count);
    for (std::size_t s = 0; s < sources.size(); ++s) {
      if (gradients[s].defined()) rows[s].push_back(gradients[s]);
    }
  }
  std::vector<Tensor> result;
  for (std::size_t s = 0; s < sources.size(); ++s) {
    const ArrayShape shape = joined(target.shape(), sources[s].shape(), 0);
    if (count == 0) {
      result.push_back(ops::zeros(sources[s].type(), shape));
    } else if (rows[s].empty()) {
      result.emplace_back();
    } else {
      result.push_back(reshape(stack(rows[s], 0), shape));
    }
  }
  return result;
}

Tensor batch_jacobian(Tape& tape, const Tensor& target, const Tensor& source, Unconnected unconnected) {
  if (target.rank() < 1 || source.rank() < 1 || target.extent(0) != source.extent(0)) {
    throw ValueError(
        text("[GradientTape.batch_jacobian] target and source must have the same number of samples "
             "along their first axis. Received: target.shape=",
             to_string(target.shape()), ", source.shape=", to_string(source.shape())));
  }
  const ArrayShape shape = joined(target.shape(), source.shape(), 1);
  const std::int64_t samples = target.extent(0), count = samples == 0 ? 0 : target.size() / samples;
  if (count == 0) return ops::zeros(source.type(), shape);
  std::vector<Tensor> columns;
  for (std::int64_t j = 0; j < count; ++j) {
    const Tensor row = ops::broadcast_to(one_at(j, count, target.type()), ArrayShape{samples, count});
    const Tensor seed = ops::reshape(row, target.shape());
    Tensor gradient =
        tape.partial_gradient({&target, 1}, {&seed, 1}, {&source, 1}, unconnected, j + 1 == count).front();
    if (!gradient.defined()) return {};
    columns.push_back(std::move(gradient));
  }
  return reshape(stack(columns, 1), shape);
}

}  // namespace lamina::autograd
