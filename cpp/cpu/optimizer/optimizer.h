// One step of an optimizer over a flat range: parameters p, gradients g and slots, element by element,
// in one pass.
//
// The rules, with Keras 3's meaning. Numbers of the step are rounded once to the type of the parameters:
// rate, momentum and epsilon as they are, c1 = 1 - beta_1 and c2 = 1 - beta_2 after that subtraction in
// double. Every operation below is rounded once; fma(a, b, c) is a * b + c rounded once.
//   sgd        p = fma(-rate, g, p)
//   momentum   v = fma(momentum, v, -(rate * g))                     slot 0: v
//              p = p + v
//   nesterov   v = fma(momentum, v, -(rate * g))                     slot 0: v
//              p = p + fma(momentum, v, -(rate * g))                 (the new v)
//   adam       m = fma(g - m, c1, m)                                 slot 0: m
//              v = fma(fma(g, g, -v), c2, v)                         slot 1: v
//              p = p - (rate * m) / (sqrt(v) + epsilon)
// Adam's rate already holds both bias corrections: learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t).
// With 0 <= c2 <= 1, v never turns negative.
#pragma once

#include "device/arguments.h"

namespace lamina::cpu {

/// Updates the parameters and the slots that the rule has. The ranges do not overlap.
void update(const UpdateArguments& arguments);

}  // namespace lamina::cpu
