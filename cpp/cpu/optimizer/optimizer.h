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
//
// The rules after Adam take their numbers as a list, each computed in double and rounded once; t is the
// number of the step, from 1. m and v are updated as Adam's; max is numerics/policy.h's.
//   amsgrad    rate as Adam's, c1, c2, epsilon                       slots: m, v, h
//              h = max(h, v); p = p - (rate * m) / (sqrt(h) + epsilon)
//   rmsprop    rate, c2 = 1 - rho, epsilon, momentum                 slots: v, momentum u, average a
//              centered: a = fma(g - a, c2, a), d = max(0, fma(-a, a, v)); else d = v
//              i = (rate * g) / sqrt(d + epsilon)
//              with momentum: u = fma(momentum, u, i), p = p - u; else p = p - i
//   adadelta   rate, c2 = 1 - rho, epsilon                           slots: v, w
//              d = -((sqrt(w + epsilon) * g) / sqrt(v + epsilon))
//              w = fma(fma(d, d, -w), c2, w); p = fma(rate, d, p)
//   adagrad    rate, epsilon                                         slot: a
//              a = fma(g, g, a); p = p - (rate * g) / sqrt(a + epsilon)
//   adamax     rate = learning_rate / (1 - beta_1^t), c1, beta_2, epsilon   slots: m, u
//              u = max(beta_2 * u, |g|); p = p - (rate * m) / (u + epsilon)
//   nadam      a, b, c1, c2, k, epsilon                              slots: m, v
//              p = p - fma(a, m, b * g) / (sqrt(v * k) + epsilon)
//              with u(t) = beta_1 * (1 - 0.5 * 0.96^t), U(t) = u(1) ... u(t):
//              a = learning_rate * u(t+1) / (1 - U(t) * u(t+1)), b = learning_rate * (1 - u(t)) / (1 - U(t)),
//              k = 1 / (1 - beta_2^t)
//   schedule_free   rate, c2, k = 1 / (1 - beta_2^t), epsilon, beta_1, c1, w = 1 / t    slots: z, v
//              x = fma(-c1, z, p) / beta_1; z = z - (rate * g) / (sqrt(v * k) + epsilon)
//              x = fma(z - x, w, x); p = fma(c1, z, beta_1 * x); before the first step z is p.
//              rate = learning_rate * min(1, t / warmup_steps) with a warm-up
//   ftrl       rate, l1, 2 * (l2 + beta / (2 * rate)), 2 * shrinkage, power   slots: a, z
//              b = fma(g, g, a), s(x) = sqrt(x); ftrl_power: s(x) = pow(x, power)
//              z = z + fma(-((s(b) - s(a)) / rate), p, fma(2 * shrinkage, p, g)); a = b
//              p = (clamp(z, -l1, l1) - z) / (s(b) / rate + 2 * l2)
//   lion       rate, beta_1, c1, beta_2, c2                          slot: m
//              p = fma(-rate, sign(fma(beta_1, m, c1 * g)), p); m = fma(beta_2, m, c2 * g)
//   lamb       c1, c2, 1 / (1 - beta_1^t), 1 / (1 - beta_2^t), epsilon      slots: m, v, step
//              step = (m * c[2]) / (sqrt(v * c[3]) + epsilon); p stays (nn/matrix_rules.h goes on)
//
// Now and then slots that are next to nothing are let go (nn/optimizers/denormal_flush.cpp).
//
// UpdateTreatment (device/arguments.h) adds clipping, decay and averaging to the same pass.
#pragma once

#include "device/arguments.h"

namespace lamina::cpu {

/// Updates the parameters and the slots that the rule has. The ranges do not overlap.
void update(const UpdateArguments& arguments);
/// The same for elements first .. first + n - 1 alone, in the calling thread; `gradients` are theirs.
void update_range(const UpdateArguments& arguments, std::int64_t first, std::int64_t n,
                  const void* gradients);

}  // namespace lamina::cpu
