// What makes the rows or the columns of a matrix orthogonal.
//
// Z holds the vectors scaled to norm 1 (RowNormalizationKind::unit), P = Z Z^T with +0 on its diagonal, for n
// vectors
//   penalty = factor * sum |P| / (n (n - 1)), the sum along a row over all of P; 0 where n is 1
//   dZ = S Z, S = 2 factor / (n (n - 1)) * sign(P), products over n; and from dZ through the scaling to the
//   matrix
#pragma once

#include "device/device.h"

namespace lamina::nn {

class OrthogonalPenalty {
 public:
  /// ValueError unless the shape is that of a matrix; its rows are made orthogonal, or its columns.
  OrthogonalPenalty(Device&, DType, const Shape&, double factor, bool rows);

  /// The penalty of `values`; `scale` times its gradient is added to `gradient`, unless that is null.
  double apply(const void* values, void* gradient, double scale) const;

 private:
  void transpose(std::int64_t rows, std::int64_t columns, const void* from, void* to) const;

  Device& device_;
  DType dtype_;
  double factor_;
  bool rows_;
  std::int64_t vectors_, length_;
  Device::Memory turned_, unit_, statistics_, products_, signs_, mask_, unit_gradient_, gradient_;
};

}  // namespace lamina::nn
