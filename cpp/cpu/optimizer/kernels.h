// The optimizer steps that are compiled once per instruction set. The formulas are stated in
// cpu/optimizer/optimizer.h.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lamina::cpu {

/// The numbers of a step, rounded to the type of the parameters.
template <class T>
struct StepConstants {
  T rate;
  T momentum;
  T one_minus_beta_1;
  T one_minus_beta_2;
  T epsilon;
};

/// Plain pointers; one table per instruction set, defined in optimizer.isa.cpp. Each updates n
/// parameters `p` (and the slots `s`, `t` that its rule has) from the gradients `g`, element by element.
struct OptimizerKernels {
  template <class T>
  struct Steps {
    void (*sgd)(std::int64_t n, const StepConstants<T>&, const T* g, T* p);
    void (*momentum)(std::int64_t n, const StepConstants<T>&, const T* g, T* p, T* s);
    void (*nesterov)(std::int64_t n, const StepConstants<T>&, const T* g, T* p, T* s);
    void (*adam)(std::int64_t n, const StepConstants<T>&, const T* g, T* p, T* s, T* t);
  };
  Steps<float> f32;
  Steps<double> f64;
};

}  // namespace lamina::cpu
