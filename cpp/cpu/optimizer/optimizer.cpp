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

template <class T>
const OptimizerKernels::Steps<T>& steps() {
  if constexpr (std::is_same_v<T, float>) {
    return kernels().optimizer->f32;
  } else {
    return kernels().optimizer->f64;
  }
}

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
  }
}

template <class T>
void update_as(const UpdateArguments& u) {
  const StepConstants<T> constants = {static_cast<T>(u.rate), static_cast<T>(u.momentum),
                                      static_cast<T>(1.0 - u.beta_1), static_cast<T>(1.0 - u.beta_2),
                                      static_cast<T>(u.epsilon)};
  const OptimizerKernels::Steps<T>& step = steps<T>();
  const double per_byte = u.kind == OptimizerKind::adam ? kNanosecondsPerByteAdam : kNanosecondsPerByteSgd;
  const std::int64_t pieces = (u.n + kPiece - 1) / kPiece;
  const int threads = threads::worthwhile(per_byte * sizeof(T) * static_cast<double>(u.n), pieces);
  if (threads <= 1) {
    update_piece(step, constants, u, 0, u.n);
    return;
  }
  threads::parallel_for(
      pieces,
      [&](std::int64_t piece) {
        const std::int64_t first = piece * kPiece;
        update_piece(step, constants, u, first, std::min(kPiece, u.n - first));
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

}  // namespace lamina::cpu
