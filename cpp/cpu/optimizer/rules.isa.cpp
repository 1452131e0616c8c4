#include "cpu/optimizer/rules.isa.h"

#include "cpu/optimizer/rule_kernels.h"
#include "cpu/vec/vec.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

/// One pass over n elements: every stream is loaded once, every state stored once.
template <class T, template <class> class Rule>
void sweep(std::int64_t n, const T* c, const T* g, T* p, T* const* slots) {
  using V = Vec<T>;
  constexpr int kSlots = Rule<V>::slots;
  const Rule<V> rule(c);
  T* at[kSlots];
  for (int k = 0; k < kSlots; ++k) at[k] = slots[k];
  std::int64_t i = 0;
  for (; i + V::lanes <= n; i += V::lanes) {
    V parameter = V::load(p + i), s[kSlots];
    for (int k = 0; k < kSlots; ++k) s[k] = V::load(at[k] + i);
    rule(V::load(g + i), parameter, s);
    parameter.store(p + i);
    for (int k = 0; k < kSlots; ++k) s[k].store(at[k] + i);
  }
  const std::size_t rest = static_cast<std::size_t>(n - i);
  if (rest == 0) return;
  V parameter = V::load_partial(p + i, rest), s[kSlots];
  for (int k = 0; k < kSlots; ++k) s[k] = V::load_partial(at[k] + i, rest);
  rule(V::load_partial(g + i, rest), parameter, s);
  parameter.store_partial(p + i, rest);
  for (int k = 0; k < kSlots; ++k) s[k].store_partial(at[k] + i, rest);
}

}  // namespace

extern const RuleKernels rules_kernels;
const RuleKernels rules_kernels = {
    {sweep<float, Amsgrad>, sweep<float, PlainRmsProp>, sweep<float, MomentumRmsProp>,
     sweep<float, CenteredRmsProp>, sweep<float, CenteredMomentumRmsProp>, sweep<float, Adadelta>,
     sweep<float, Adagrad>, sweep<float, Adamax>, sweep<float, Nadam>, sweep<float, ScheduleFree>,
     sweep<float, RootFtrl>, sweep<float, PowerFtrl>, sweep<float, Lion>, sweep<float, Lamb>},
    {sweep<double, Amsgrad>, sweep<double, PlainRmsProp>, sweep<double, MomentumRmsProp>,
     sweep<double, CenteredRmsProp>, sweep<double, CenteredMomentumRmsProp>, sweep<double, Adadelta>,
     sweep<double, Adagrad>, sweep<double, Adamax>, sweep<double, Nadam>, sweep<double, ScheduleFree>,
     sweep<double, RootFtrl>, sweep<double, PowerFtrl>, sweep<double, Lion>, sweep<double, Lamb>},
};

}  // namespace lamina::cpu::LAMINA_ISA
