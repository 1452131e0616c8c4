// Each sample normalised by itself, over its last axes: LayerNormalization, RMSNormalization,
// UnitNormalization, and GroupNormalization of vectors.
#pragma once

#include "nn/layers/layer.h"

namespace lamina::nn {

class RowNormalization final : public Layer {
 public:
  /// Rows are the last `axes` axes together, or 1 / groups of the last one (then axes is 1, and gamma and
  /// beta have its extent). ValueError for axes that a sample does not have, or a negative epsilon.
  RowNormalization(Shape input, RowNormalizationKind kind, std::int64_t axes, std::int64_t groups,
                   double epsilon, bool center, bool scale, const std::string& scale_name);

  void forward(const Pass&, const ForwardArguments&, bool skip_fused_activation) const override;
  void backward(const Pass&, const BackwardArguments&) const override;
  bool reads_output() const override { return false; }
  std::int64_t workspace(std::int64_t batch) const override { return 2 * batch * rows_; }

 private:
  lamina::RowNormalization arguments(const Pass&, const ParameterPointers&) const;

  RowNormalizationKind kind_;
  std::int64_t rows_ = 1, columns_ = 1, groups_;
  double epsilon_;
  bool center_, scale_;
};

}  // namespace lamina::nn
