// y = x > 0 ? x : alpha x, alpha learned.
#pragma once

#include "nn/layers/layer.h"

namespace lamina::nn {

class Prelu final : public Layer {
 public:
  /// The first `shared` axes of a sample share their alphas. ValueError if it has fewer.
  Prelu(Shape input, std::int64_t shared);

  void forward(const Pass&, const ForwardArguments&, bool skip_fused_activation) const override;
  void backward(const Pass&, const BackwardArguments&) const override;
  bool reads_output() const override { return false; }
  std::int64_t workspace(std::int64_t batch) const override { return batch * rows_ * columns_; }

 private:
  std::int64_t rows_ = 1, columns_ = 1;
};

}  // namespace lamina::nn
