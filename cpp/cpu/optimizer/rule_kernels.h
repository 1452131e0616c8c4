// The element-wise rules after Adam, compiled once per instruction set. The formulas are stated in
// cpu/optimizer/optimizer.h.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lamina::cpu {

inline constexpr int kRules = 14;

/// Plain pointers; one table per instruction set, defined in rules.isa.cpp, in the order of
/// OptimizerKind from amsgrad to lamb. Each updates n parameters `p` and the slots `s` of its rule from
/// the gradients `g`, element by element; `c` are the rule's numbers.
struct RuleKernels {
  template <class T>
  using Rule = void (*)(std::int64_t n, const T* c, const T* g, T* p, T* const* s);
  Rule<float> f32[kRules];
  Rule<double> f64[kRules];
};

}  // namespace lamina::cpu
