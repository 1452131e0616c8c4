// Matrix products. Every element is one chain of fused multiply-adds in chunks, as
// docs/numerics.md, section 4, says for products over features.
#pragma once

#include "core/tensor.h"

namespace lamina::ops {

/// The product over the last axis of x1 and the one before the last of x2 (its only one, if it has
/// one); the axes before broadcast. Integers wrap.
Tensor matmul(const Tensor& x1, const Tensor& x2);

}  // namespace lamina::ops
