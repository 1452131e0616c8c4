// Rows of a table, looked up by whole numbers.
#pragma once

#include "nn/layers/layer.h"

namespace lamina::nn {

class Embedding final : public Layer {
 public:
  /// Indices of any shape give [shape, columns]; the parameter "embeddings" is [entries, columns]. ValueError
  /// for extents that are not positive.
  Embedding(Shape input, std::int64_t entries, std::int64_t columns);

  void forward(const Pass&, const ForwardArguments&, bool skip_fused_activation) const override;
  void backward(const Pass&, const BackwardArguments&) const override;
  bool reads_output() const override { return false; }
  std::int64_t index_range() const override { return entries_; }

 private:
  EmbeddingArguments arguments(const Pass&, const void* indices) const;

  std::int64_t indices_, entries_, columns_;
};

}  // namespace lamina::nn
