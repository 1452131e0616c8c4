// Matrix products of two values, sample by sample: what Dot and matmul come down to.
#pragma once

#include "nn/layers/layer.h"

namespace lamina::nn {

/// a is [groups, rows, depth] for each sample; b is [groups, columns, depth], or with `b_by_depth` [groups,
/// depth, columns]; y[g, i, j] = sum over l of a[g, i, l] * b[g, j, l].
struct BatchProductSettings {
  std::int64_t groups = 1, rows = 1, depth = 1, columns = 1;
  bool b_by_depth = false;
};

/// The sum is a matrix product's, over features; where rows and columns are 1, each product is rounded and
/// their sum is along a row. Gradients: da = dy b, db = dy^T a, over features; where rows and columns are 1
/// dy * b, dy * a.
class BatchProduct final : public Layer {
 public:
  /// The shapes have as many elements as the settings say.
  BatchProduct(Shape a, Shape b, Shape output, const BatchProductSettings& settings);

  void forward(const Pass&, const ForwardArguments&, bool skip_fused_activation) const override;
  void backward(const Pass&, const BackwardArguments&) const override;
  bool reads_output() const override { return false; }
  std::int64_t workspace(std::int64_t batch) const override { return inference_workspace(batch); }
  std::int64_t inference_workspace(std::int64_t batch) const override {
    return vectors_ ? batch * s_.groups * s_.depth : 0;
  }

 private:
  BatchProductSettings s_;
  bool vectors_;  ///< rows and columns are 1
};

}  // namespace lamina::nn
