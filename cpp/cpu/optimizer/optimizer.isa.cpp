#include "cpu/optimizer/kernels.h"
#include "cpu/optimizer/steps.isa.h"
#include "cpu/vec/vec.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

// One pass over n elements: every stream is loaded once, every state stored once.

template <class T, class Rule>
LAMINA_INLINE void sweep(const Rule& rule, std::int64_t n, const T* g, T* p) {
  using V = Vec<T>;
  std::int64_t i = 0;
  for (; i + V::lanes <= n; i += V::lanes) {
    V parameter = V::load(p + i);
    rule(V::load(g + i), parameter);
    parameter.store(p + i);
  }
  const std::size_t rest = static_cast<std::size_t>(n - i);
  if (rest == 0) return;
  V parameter = V::load_partial(p + i, rest);
  rule(V::load_partial(g + i, rest), parameter);
  parameter.store_partial(p + i, rest);
}

template <class T, class Rule>
LAMINA_INLINE void sweep(const Rule& rule, std::int64_t n, const T* g, T* p, T* s) {
  using V = Vec<T>;
  std::int64_t i = 0;
  for (; i + V::lanes <= n; i += V::lanes) {
    V parameter = V::load(p + i), slot = V::load(s + i);
    rule(V::load(g + i), parameter, slot);
    parameter.store(p + i);
    slot.store(s + i);
  }
  const std::size_t rest = static_cast<std::size_t>(n - i);
  if (rest == 0) return;
  V parameter = V::load_partial(p + i, rest), slot = V::load_partial(s + i, rest);
  rule(V::load_partial(g + i, rest), parameter, slot);
  parameter.store_partial(p + i, rest);
  slot.store_partial(s + i, rest);
}

template <class T, class Rule>
LAMINA_INLINE void sweep(const Rule& rule, std::int64_t n, const T* g, T* p, T* s, T* t) {
  using V = Vec<T>;
  std::int64_t i = 0;
  for (; i + V::lanes <= n; i += V::lanes) {
    V parameter = V::load(p + i), slot = V::load(s + i), other = V::load(t + i);
    rule(V::load(g + i), parameter, slot, other);
    parameter.store(p + i);
    slot.store(s + i);
    other.store(t + i);
  }
  const std::size_t rest = static_cast<std::size_t>(n - i);
  if (rest == 0) return;
  V parameter = V::load_partial(p + i, rest), slot = V::load_partial(s + i, rest);
  V other = V::load_partial(t + i, rest);
  rule(V::load_partial(g + i, rest), parameter, slot, other);
  parameter.store_partial(p + i, rest);
  slot.store_partial(s + i, rest);
  other.store_partial(t + i, rest);
}

template <class T>
void sgd(std::int64_t n, const StepConstants<T>& c, const T* g, T* p) {
  sweep(Sgd<Vec<T>>(c), n, g, p);
}
template <class T>
void momentum(std::int64_t n, const StepConstants<T>& c, const T* g, T* p, T* s) {
  sweep(Momentum<Vec<T>>(c), n, g, p, s);
}
template <class T>
void nesterov(std::int64_t n, const StepConstants<T>& c, const T* g, T* p, T* s) {
  sweep(Nesterov<Vec<T>>(c), n, g, p, s);
}
template <class T>
void adam(std::int64_t n, const StepConstants<T>& c, const T* g, T* p, T* s, T* t) {
  sweep(Adam<Vec<T>>(c), n, g, p, s, t);
}

}  // namespace

extern const OptimizerKernels optimizer_kernels;
const OptimizerKernels optimizer_kernels = {
    {sgd<float>, momentum<float>, nesterov<float>, adam<float>},
    {sgd<double>, momentum<double>, nesterov<double>, adam<double>},
};

}  // namespace lamina::cpu::LAMINA_ISA
