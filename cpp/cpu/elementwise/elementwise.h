// Element-wise arithmetic of layers: one operation after the other, each rounded, so that plain loops give
// the same bits on every machine.
//   add, multiply  a + b, a * b
//   choose         b > 0 ? (a * p) + q : r
//   fill           p
//   rescale        (x * a) + b, (x - a) / b, x * a, x / b, as kinds.h says
//   prelu          y = x > 0 ? x : alpha * x;  dx = dy * (x > 0 ? 1 : x < 0 ? alpha : 0), +0 where x is 0;
//                  products = x < 0 ? dy * x : +0. At 0 the derivative is 0, as Keras has it; NaN stays NaN
//                  in y.
#pragma once

#include "device/layer_arguments.h"

namespace lamina::cpu {

void elementwise(const ElementwiseArguments&);
void rescale(const RescaleArguments&);
void prelu(const PreluArguments&);
void prelu_backward(const PreluArguments&);

}  // namespace lamina::cpu
