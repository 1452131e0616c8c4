// The loss of a batch as one number and one node: the planned step's kernel, reductions and divisors,
// so the same bits. (row_losses() gives the losses of the rows.)
#pragma once

#include <cstdint>

#include "core/tensor.h"
#include "device/kinds.h"

namespace lamina::autograd {

struct BatchLoss {
  LossSpecification loss;
  LossReduction reduction = LossReduction::mean;
  double weight = 1.0;        ///< what the loss is multiplied by
  bool skip_missing = false;  ///< NaN targets count nowhere, rather than being an error

  struct Answer {
    Tensor loss;         ///< without axes, of the prediction's type
    double value = 0.0;  ///< the same before it is rounded to that type
    double total = 0.0;  ///< what the batch adds to an epoch's sum
    std::int64_t rows = 0;
  };
  /// The loss of predictions [..., columns] and targets of the same shape, or integer labels without the
  /// last axis; `weights` one for each position of all axes but the last, or not defined.
  Answer operator()(const Tensor& target, const Tensor& prediction, const Tensor& weights) const;
};

}  // namespace lamina::autograd
