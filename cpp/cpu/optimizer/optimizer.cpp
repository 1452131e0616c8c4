#include "cpu/optimizer/optimizer.h"

#include <algorithm>
#include <type_traits>

#include "core/threads.h"
#include "cpu/dispatch.h"

namespace lamina::cpu {
namespace {

// A task's share: a few pages of every stream, so that tasks meet on no cache line.
constexpr std::int64_t kPiece = 8192;
// Of one core, with the streams in a near cache.
constexpr double kNanosecondsPerByteSgd = 0.04;
constexpr double kNanosecondsPerByteAdam = 0.15;
// Treated updates take a step after the other over what a first-level cache holds.
constexpr std::int64_t kBlock = 1024;

template <class T>
const OptimizerKernels::Steps<T>& steps() {
  if constexpr (std::is_same_v<T, float>) {
    return kernels().optimizer->f32;
  } else {
    return kernels().optimizer->f64;
  }
}

template <class T>
const RuleKernels::Rule<T>* rules() {
  if constexpr (std::is_same_v<T, float>) {
    return kernels().rules->f32;
  } else {
    return kernels().rules->f64;
  }
}

template <class T>
const VectorKernels::Table<T>& flat_table() {
  if constexpr (std::is_same_v<T, float>) {
    return kernels().vector->f32;
  } else {
    return kernels().vector->f64;
  }
}

constexpr int kFirstRule = static_cast<int>(OptimizerKind::amsgrad);
static_assert(static_cast<int>(OptimizerKind::lamb) - kFirstRule + 1 == kRules);

template <class T>
void update_piece(const OptimizerKernels::Steps<T>& step, const StepConstants<T>& constants,
                  const UpdateArguments& u, std::int64_t first, std::int64_t n) {
  const T* const g = static_cast<const T*>(u.gradients) + first;
  T* const p = static_cast<T*>(u.parameters) + first;
  const auto slot = [&](int i) { return static_cast<T*>(u.slots[i]) + first; };
  switch (u.kind) {
    case OptimizerKind::sgd:
      return step.sgd(n, constants, g, p);
    case OptimizerKind::momentum:
      return step.momentum(n, constants, g, p, slot(0));
    case OptimizerKind::nesterov:
      return step.nesterov(n, constants, g, p, slot(0));
    case OptimizerKind::adam:
      return step.adam(n, constants, g, p, slot(0), slot(1));
    default:
      break;
  }
  T numbers[kUpdateNumbers];
  for (int i = 0; i < kUpdateNumbers; ++i) numbers[i] = static_cast<T>(u.numbers[i]);
  T* slots[kUpdateSlots];
  for (int i = 0; i < kUpdateSlots; ++i) slots[i] = u.slots[i] == nullptr ? nullptr : slot(i);
  rules<T>()[static_cast<int>(u.kind) - kFirstRule](n, numbers, g, p, slots);
}

/// One block with what the treatment adds: all streams stay in the nearest cache meanwhile.
template <class T>
void update_block(const OptimizerKernels::Steps<T>& step, const StepConstants<T>& constants,
                  const UpdateArguments& u, std::int64_t first, std::int64_t n) {
  const UpdateTreatment& treatment = *u.treatment;
  const auto flat = [n](VectorKind kind, double a, double b, const T* x, const T* y, T* out) {
    flat_table<T>().elementwise[static_cast<int>(kind)](n, static_cast<T>(a), static_cast<T>(b), x, y, out);
  };
  T* const p = static_cast<T*>(u.parameters) + first;
  const T* g = static_cast<const T*>(u.gradients) + first;
  alignas(64) T clipped[kBlock];
  if (treatment.clip_divisor != 0.0) {
    flat(VectorKind::scale_divide, treatment.clip_scale, treatment.clip_divisor, g, nullptr, clipped);
    g = clipped;
  }
  if (treatment.clip_value != 0.0) {
    flat(VectorKind::clamp, treatment.clip_value, 0.0, g, nullptr, clipped);
    g = clipped;
  }
  if (treatment.decay != 0.0) flat(VectorKind::decay, treatment.decay, treatment.decay_rate, p, nullptr, p);
  UpdateArguments block = u;
  block.gradients = g;
  block.parameters = p;
  for (void*& slot : block.slots) {
    if (slot != nullptr) slot = static_cast<T*>(slot) + first;
  }
  update_piece(step, constants, block, 0, n);
  if (treatment.average == nullptr) return;
  T* const average = static_cast<T*>(treatment.average) + first;
  flat(VectorKind::blend, treatment.average_momentum, 1.0 - treatment.average_momentum, average, p, average);
  if (treatment.overwrite) std::copy_n(average, n, p);
}

template <class T>
void update_range(const OptimizerKernels::Steps<T>& step, const StepConstants<T>& constants,
                  const UpdateArguments& u, std::int64_t first, std::int64_t n) {
  if (u.treatment == nullptr) return update_piece(step, constants, u, first, n);
  for (std::int64_t at = first; at < first + n; at += kBlock) {
    update_block(step, constants, u, at, std::min(kBlock, first + n - at));
  }
}

template <class T>
StepConstants<T> constants_of(const UpdateArguments& u) {
  return {static_cast<T>(u.rate), static_cast<T>(u.momentum), static_cast<T>(1.0 - u.beta_1),
          static_cast<T>(1.0 - u.beta_2), static_cast<T>(u.epsilon)};
}

template <class T>
void update_range_as(const UpdateArguments& u, std::int64_t first, std::int64_t n, const void* gradients) {
  const auto from_first = [first](void* flat) -> void* {
    return flat == nullptr ? nullptr : static_cast<T*>(flat) + first;
  };
  UpdateArguments range = u;
  range.parameters = from_first(u.parameters);
  range.gradients = gradients;
  for (void*& slot : range.slots) slot = from_first(slot);
  UpdateTreatment treatment;
  if (u.treatment != nullptr) {
    treatment = *u.treatment;
    treatment.average = from_first(treatment.average);
    range.treatment = &treatment;
  }
  update_range(steps<T>(), constants_of<T>(u), range, 0, n);
}

template <class T>
void update_as(const UpdateArguments& u) {
  const StepConstants<T> constants = constants_of<T>(u);
  const OptimizerKernels::Steps<T>& step = steps<T>();
  const bool plain = u.kind < OptimizerKind::adam && u.treatment == nullptr;
  const double per_byte = plain ? kNanosecondsPerByteSgd : kNanosecondsPerByteAdam;
  const std::int64_t pieces = (u.n + kPiece - 1) / kPiece;
  const int threads = threads::worthwhile(per_byte * sizeof(T) * static_cast<double>(u.n), pieces);
  if (threads <= 1) {
    update_range(step, constants, u, 0, u.n);
    return;
  }
  threads::parallel_for(
      pieces,
      [&](std::int64_t piece) {
        const std::int64_t first = piece * kPiece;
        update_range(step, constants, u, first, std::min(kPiece, u.n - first));
      },
      threads);
}

}  // namespace

void update(const UpdateArguments& arguments) {
  if (arguments.dtype == DType::float32) {
    update_as<float>(arguments);
  } else {
    update_as<double>(arguments);
  }
}

void update_range(const UpdateArguments& arguments, std::int64_t first, std::int64_t n,
                  const void* gradients) {
  if (arguments.dtype == DType::float32) {
    update_range_as<float>(arguments, first, n, gradients);
  } else {
    update_range_as<double>(arguments, first, n, gradients);
  }
}

}  // namespace lamina::cpu
