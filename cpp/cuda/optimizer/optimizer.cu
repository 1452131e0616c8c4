#include <stdexcept>

#include "cpu/optimizer/rules.isa.h"
#include "cpu/optimizer/steps.isa.h"
#include "cpu/vector_ops/formulas.isa.h"
#include "cuda/captured_step.h"
#include "cuda/launch.h"
#include "cuda/optimizer/optimizer.h"

namespace lamina::cuda {
namespace {

using cpu::StepConstants;

/// UpdateTreatment with its numbers rounded.
template <class T>
struct Treatment {
  bool clips, clamps, decays;
  const double* clip;  ///< clip_scale and clip_divisor, if they lie there; or null
  T clip_scale, clip_divisor, clip_value, decay, decay_rate;
  T* average;
  T momentum, rest;
  bool overwrite;
};

/// The rules that take StepConstants, with the slots in an array.
template <class V, template <class> class Step>
struct Slotless : Step<V> {
  static constexpr int slots = 0;
  using Step<V>::Step;
  LAMINA_INLINE void run(V g, V& p, V*) const { (*this)(g, p); }
};
template <class V, template <class> class Step>
struct OneSlot : Step<V> {
  static constexpr int slots = 1;
  using Step<V>::Step;
  LAMINA_INLINE void run(V g, V& p, V* s) const { (*this)(g, p, s[0]); }
};
template <class V, template <class> class Step>
struct TwoSlots : Step<V> {
  static constexpr int slots = 2;
  using Step<V>::Step;
  LAMINA_INLINE void run(V g, V& p, V* s) const { (*this)(g, p, s[0], s[1]); }
};
template <class V>
using Sgd = Slotless<V, formulas::Sgd>;
template <class V>
using Momentum = OneSlot<V, formulas::Momentum>;
template <class V>
using Nesterov = OneSlot<V, formulas::Nesterov>;
template <class V>
using Adam = TwoSlots<V, formulas::Adam>;
/// The rules after Adam.
template <template <class> class Rule>
struct Listed {
  template <class V>
  struct Of : Rule<V> {
    using Rule<V>::Rule;
    LAMINA_INLINE void run(V g, V& p, V* s) const {
      (*this)(g, p, *reinterpret_cast<V(*)[Rule<V>::slots]>(s));
    }
  };
};

/// The numbers that a rule is made of, with those of a captured step if there are any.
template <class T>
LAMINA_KERNEL StepConstants<T> those_of(StepConstants<T> numbers, const RoundedNumbers<T>* captured) {
  if (captured != nullptr) numbers.rate = captured->rate;
  return numbers;
}
template <class T>
struct RuleNumbers {
  T value[kUpdateNumbers];
};
template <class T>
LAMINA_KERNEL RuleNumbers<T> those_of(RuleNumbers<T> numbers, const RoundedNumbers<T>* captured) {
  if (captured == nullptr) return numbers;
  LAMINA_UNROLL
  for (int i = 0; i < kUpdateNumbers; ++i) numbers.value[i] = captured->numbers[i];
  return numbers;
}
template <class T>
LAMINA_KERNEL Treatment<T> those_of(Treatment<T> treatment, const RoundedNumbers<T>* captured) {
  if (captured == nullptr) return treatment;
  treatment.decay_rate = captured->decay_rate;
  treatment.momentum = captured->average_momentum;
  treatment.rest = captured->average_rest;
  treatment.overwrite = captured->overwrite;
  return treatment;
}
template <class T>
LAMINA_KERNEL const StepConstants<T>& passed(const StepConstants<T>& numbers) {
  return numbers;
}
template <class T>
LAMINA_KERNEL const T* passed(const RuleNumbers<T>& numbers) {
  return numbers.value;
}

template <class T, template <class> class Rule, class Numbers>
struct Update {
  static constexpr const char* kName = "update";
  Numbers numbers;
  const RoundedNumbers<T>* captured;
  Treatment<T> treatment;
  const T* gradients;
  T* parameters;
  T* slots[kUpdateSlots];

  LAMINA_KERNEL void operator()(std::int64_t i) const {
    using V = Lane<T>;
    constexpr int kSlots = Rule<V>::slots;
    const Numbers all = those_of(numbers, captured);
    const Rule<V> rule(passed(all));
    V g{gradients[i]}, p{parameters[i]}, s[kSlots > 0 ? kSlots : 1];
    Treatment<T> t = those_of(treatment, captured);
    if (t.clip != nullptr) {
      t.clips = t.clip[1] != 0.0;
      t.clip_scale = static_cast<T>(t.clip[0]);
      t.clip_divisor = static_cast<T>(t.clip[1]);
    }
    if (t.clips) g = formulas::ScaleDivide::of(V{t.clip_scale}, V{t.clip_divisor}, g, g);
    if (t.clamps) g = formulas::Clamp::of(V{t.clip_value}, g, g, g);
    if (t.decays) p = formulas::Decay::of(V{t.decay}, V{t.decay_rate}, p, p);
    LAMINA_UNROLL
    for (int k = 0; k < kSlots; ++k) s[k] = V{slots[k][i]};
    rule.run(g, p, s);
    LAMINA_UNROLL
    for (int k = 0; k < kSlots; ++k) slots[k][i] = s[k].value;
    if (t.average != nullptr) {
      const V mean = formulas::Blend::of(V{t.momentum}, V{t.rest}, V{t.average[i]}, p);
      t.average[i] = mean.value;
      if (t.overwrite) p = mean;
    }
    parameters[i] = p.value;
  }
};

template <class T>
Treatment<T> treatment_of(const UpdateArguments& u) {
  Treatment<T> t{};
  if (u.treatment == nullptr) return t;
  const UpdateTreatment& from = *u.treatment;
  t.clips = from.clip_divisor != 0.0;
  t.clip = in<double>(from.clip);
  t.clamps = from.clip_value != 0.0;
  t.decays = from.decay != 0.0;
  t.clip_scale = static_cast<T>(from.clip_scale);
  t.clip_divisor = static_cast<T>(from.clip_divisor);
  t.clip_value = static_cast<T>(from.clip_value);
  t.decay = static_cast<T>(from.decay);
  t.decay_rate = static_cast<T>(from.decay_rate);
  t.average = out<T>(from.average);
  t.momentum = static_cast<T>(from.average_momentum);
  t.rest = static_cast<T>(1.0 - from.average_momentum);
  t.overwrite = from.overwrite;
  return t;
}

template <template <class> class Rule, class T, class Numbers>
void run(const UpdateArguments& u, const Numbers& numbers, const void* captured) {
  Update<T, Rule, Numbers> kernel{};
  kernel.numbers = numbers;
  kernel.captured = in<RoundedNumbers<T>>(captured);
  kernel.treatment = treatment_of<T>(u);
  kernel.gradients = in<T>(u.gradients);
  kernel.parameters = out<T>(u.parameters);
  for (int k = 0; k < kUpdateSlots; ++k) kernel.slots[k] = out<T>(u.slots[k]);
  for_each_item(u.n, kernel);
}

template <class T>
void update_as(const UpdateArguments& u, const void* captured) {
  const StepConstants<T> step = {static_cast<T>(u.rate), static_cast<T>(u.momentum),
                                 static_cast<T>(1.0 - u.beta_1), static_cast<T>(1.0 - u.beta_2),
                                 static_cast<T>(u.epsilon)};
  RuleNumbers<T> list;
  for (int i = 0; i < kUpdateNumbers; ++i) list.value[i] = static_cast<T>(u.numbers[i]);
  switch (u.kind) {
    case OptimizerKind::sgd:
      return run<Sgd, T>(u, step, captured);
    case OptimizerKind::momentum:
      return run<Momentum, T>(u, step, captured);
    case OptimizerKind::nesterov:
      return run<Nesterov, T>(u, step, captured);
    case OptimizerKind::adam:
      return run<Adam, T>(u, step, captured);
    case OptimizerKind::amsgrad:
      return run<Listed<formulas::Amsgrad>::template Of, T>(u, list, captured);
    case OptimizerKind::rmsprop:
      return run<Listed<formulas::PlainRmsProp>::template Of, T>(u, list, captured);
    case OptimizerKind::rmsprop_momentum:
      return run<Listed<formulas::MomentumRmsProp>::template Of, T>(u, list, captured);
    case OptimizerKind::rmsprop_centered:
      return run<Listed<formulas::CenteredRmsProp>::template Of, T>(u, list, captured);
    case OptimizerKind::rmsprop_centered_momentum:
      return run<Listed<formulas::CenteredMomentumRmsProp>::template Of, T>(u, list, captured);
    case OptimizerKind::adadelta:
      return run<Listed<formulas::Adadelta>::template Of, T>(u, list, captured);
    case OptimizerKind::adagrad:
      return run<Listed<formulas::Adagrad>::template Of, T>(u, list, captured);
    case OptimizerKind::adamax:
      return run<Listed<formulas::Adamax>::template Of, T>(u, list, captured);
    case OptimizerKind::nadam:
      return run<Listed<formulas::Nadam>::template Of, T>(u, list, captured);
    case OptimizerKind::schedule_free:
      return run<Listed<formulas::ScheduleFree>::template Of, T>(u, list, captured);
    case OptimizerKind::ftrl:
      return run<Listed<formulas::RootFtrl>::template Of, T>(u, list, captured);
    case OptimizerKind::ftrl_power:
      return run<Listed<formulas::PowerFtrl>::template Of, T>(u, list, captured);
    case OptimizerKind::lion:
      return run<Listed<formulas::Lion>::template Of, T>(u, list, captured);
    case OptimizerKind::lamb:
      return run<Listed<formulas::Lamb>::template Of, T>(u, list, captured);
    default:
      throw std::logic_error("update() takes no such rule");
  }
}

}  // namespace

void update(const UpdateArguments& u, const void* captured) {
  u.dtype == DType::float32 ? update_as<float>(u, captured) : update_as<double>(u, captured);
}

}  // namespace lamina::cuda
