// Integer labels of losses: checked, and as the kernels take them.
#pragma once

#include "core/tensor.h"
#include "device/arguments.h"

namespace lamina::autograd {

/// A dense tensor's elements as rows of one element.
ArrayView elements_of(const Tensor& x);

/// Labels as a dense int32 tensor of the target's shape.
///
/// `classes` is the number of columns of the predictions; it counts where labels name columns. The
/// ignored class of the loss passes, and with `skip_missing` NaN does.
///
/// Throws ValueError for what is no label.
Tensor labels_of(const Tensor& target, const LossSpecification& loss, std::int64_t classes,
                 bool skip_missing);

}  // namespace lamina::autograd
