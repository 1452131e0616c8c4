// The first rules: one vector of each stream.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/optimizer/kernels.h"
#include "cpu/vec/vec.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

// The rules, as optimizer.h states them: one vector of gradients, parameters and slots.

template <class V>
struct Sgd {
  V rate;
  explicit LAMINA_INLINE Sgd(const StepConstants<typename V::Scalar>& c) : rate(V::splat(c.rate)) {}
  LAMINA_INLINE void operator()(V g, V& p) const { p = fma(-rate, g, p); }
};

template <class V>
struct Momentum {
  V rate, momentum;
  explicit LAMINA_INLINE Momentum(const StepConstants<typename V::Scalar>& c)
      : rate(V::splat(c.rate)), momentum(V::splat(c.momentum)) {}
  LAMINA_INLINE void operator()(V g, V& p, V& velocity) const {
    velocity = fma(momentum, velocity, -(rate * g));
    p = p + velocity;
  }
};

template <class V>
struct Nesterov {
  V rate, momentum;
  explicit LAMINA_INLINE Nesterov(const StepConstants<typename V::Scalar>& c)
      : rate(V::splat(c.rate)), momentum(V::splat(c.momentum)) {}
  LAMINA_INLINE void operator()(V g, V& p, V& velocity) const {
    const V step = -(rate * g);
    velocity = fma(momentum, velocity, step);
    p = p + fma(momentum, velocity, step);
  }
};

template <class V>
struct Adam {
  V rate, one_minus_beta_1, one_minus_beta_2, epsilon;
  explicit LAMINA_INLINE Adam(const StepConstants<typename V::Scalar>& c)
      : rate(V::splat(c.rate)),
        one_minus_beta_1(V::splat(c.one_minus_beta_1)),
        one_minus_beta_2(V::splat(c.one_minus_beta_2)),
        epsilon(V::splat(c.epsilon)) {}
  LAMINA_INLINE void operator()(V g, V& p, V& m, V& v) const {
    m = fma(g - m, one_minus_beta_1, m);
    v = fma(fma(g, g, -v), one_minus_beta_2, v);
    p = p - (rate * m) / (sqrt(v) + epsilon);
  }
};

}  // namespace
}  // namespace lamina::cpu::LAMINA_ISA
