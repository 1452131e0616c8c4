#include "nn/layers/embedding.h"

#include <algorithm>

#include "core/error.h"

namespace lamina::nn {

Embedding::Embedding(Shape input, std::int64_t entries, std::int64_t columns)
    : Layer(std::move(input)), indices_(element_count(input_shape())), entries_(entries), columns_(columns) {
  if (entries < 1 || columns < 1) {
    throw ValueError(text("[Embedding] input_dim and output_dim must be positive. Received: input_dim=",
                          entries, ", output_dim=", columns));
  }
  output_shape_.push_back(columns);
  element_count(output_shape_);
  parameters_.push_back({"embeddings", {entries, columns}});
  element_count(parameters_.back().shape);
}

EmbeddingArguments Embedding::arguments(const Pass& pass, const void* indices) const {
  EmbeddingArguments t;
  t.dtype = pass.dtype;
  t.n = pass.batch * indices_;
  t.entries = entries_;
  t.columns = columns_;
  t.indices = indices;
  t.checked = std::find(pass.checked.begin(), pass.checked.end(), indices) != pass.checked.end();
  return t;
}

void Embedding::forward(const Pass& pass, const ForwardArguments& f, bool) const {
  EmbeddingArguments t = arguments(pass, f.x[0]);
  t.in = f.parameters->front();
  t.out = f.y;
  pass.device.embedding_lookup(t);
}

void Embedding::backward(const Pass& pass, const BackwardArguments& b) const {
  if (wants_parameter_gradients(b)) {
    EmbeddingArguments t = arguments(pass, b.x[0]);
    t.in = b.gradient;
    t.out = b.parameter_gradients->front();
    pass.device.embedding_backward(t);
  }
  if (b.input_gradients[0] == nullptr) return;  // an index has no derivative
  pass.device.fill_zero(b.input_gradients[0],
                        static_cast<std::size_t>(pass.batch * indices_) * size_of(pass.dtype));
}

}  // namespace lamina::nn
