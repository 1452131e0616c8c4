#include "cpu/activation/activation.h"

#include <algorithm>

#include "core/threads.h"
#include "cpu/activation/sparsemax.h"
#include "cpu/dispatch.h"

namespace lamina::cpu {

namespace {

/// A task's share of the elements: enough work to be worth handing out, whole vectors.
constexpr std::int64_t kTaskElements = 16384;

template <class T>
const ActivationKernelsOf<T>& kernels_for() {
  if constexpr (sizeof(T) == 4) {
    return kernels().activation->f32;
  } else {
    return kernels().activation->f64;
  }
}

/// About the nanoseconds that one element takes.
template <class T>
double cost_per_element(const Activation& f) {
  const double wide = static_cast<double>(sizeof(T)) / 4.0;
  switch (f.kind) {
    case ActivationKind::linear:
    case ActivationKind::relu:
    case ActivationKind::relu6:
    case ActivationKind::leaky_relu:
    case ActivationKind::hard_sigmoid:
    case ActivationKind::softsign:
      return 0.1 * wide;
    default:
      return 1.0 * wide;
  }
}

/// Calls body(first, count) for shares of n items, each of `cost` nanoseconds, `grain` a task.
template <class Body>
void share(std::int64_t n, std::int64_t grain, double cost, const Body& body) {
  const std::int64_t tasks = (n + grain - 1) / grain;
  const int threads = threads::worthwhile(cost * static_cast<double>(n), tasks);
  if (threads <= 1) {
    body(0, n);
    return;
  }
  threads::parallel_for(
      tasks, [&](std::int64_t task) { body(task * grain, std::min(grain, n - task * grain)); }, threads);
}

template <class T>
void forward(const Activation& f, std::int64_t rows, std::int64_t columns, const T* x, T* y) {
  const auto& kernel = kernels_for<T>();
  const double cost = cost_per_element<T>(f);
  if (is_elementwise(f)) {
    share(rows * columns, kTaskElements, cost, [&](std::int64_t first, std::int64_t count) {
      kernel.forward(f, static_cast<std::size_t>(count), x + first, y + first);
    });
    return;
  }
  share(rows, std::max<std::int64_t>(1, kTaskElements / columns), cost * static_cast<double>(columns),
        [&](std::int64_t first, std::int64_t count) {
          if (f.kind == ActivationKind::sparsemax) {
            sparsemax(count, columns, x + first * columns, y + first * columns);
            return;
          }
          kernel.forward_rows(f, static_cast<std::size_t>(count), static_cast<std::size_t>(columns),
                              x + first * columns, y + first * columns);
        });
}

template <class T>
void backward(const Activation& f, std::int64_t rows, std::int64_t columns, const T* saved, const T* dy,
              T* dx) {
  const auto& kernel = kernels_for<T>();
  const double cost = cost_per_element<T>(f);
  if (is_elementwise(f)) {
    share(rows * columns, kTaskElements, cost, [&](std::int64_t first, std::int64_t count) {
      kernel.backward(f, static_cast<std::size_t>(count), saved + first, dy + first, dx + first);
    });
    return;
  }
  share(rows, std::max<std::int64_t>(1, kTaskElements / columns), cost * static_cast<double>(columns),
        [&](std::int64_t first, std::int64_t count) {
          const std::int64_t at = first * columns;
          if (f.kind == ActivationKind::sparsemax) {
            sparsemax_backward(count, columns, saved + at, dy + at, dx + at);
            return;
          }
          kernel.backward_rows(f, static_cast<std::size_t>(count), static_cast<std::size_t>(columns),
                               saved + at, dy + at, dx + at);
        });
}

}  // namespace

void activate(DType dtype, const Activation& f, std::int64_t rows, std::int64_t columns, const void* x,
              void* y) {
  if (rows == 0 || columns == 0) return;
  if (dtype == DType::float32) {
    forward(f, rows, columns, static_cast<const float*>(x), static_cast<float*>(y));
  } else {
    forward(f, rows, columns, static_cast<const double*>(x), static_cast<double*>(y));
  }
}

void activate_backward(DType dtype, const Activation& f, std::int64_t rows, std::int64_t columns,
                       const void* saved, const void* dy, void* dx) {
  if (rows == 0 || columns == 0) return;
  if (dtype == DType::float32) {
    backward(f, rows, columns, static_cast<const float*>(saved), static_cast<const float*>(dy),
             static_cast<float*>(dx));
  } else {
    backward(f, rows, columns, static_cast<const double*>(saved), static_cast<const double*>(dy),
             static_cast<double*>(dx));
  }
}

}  // namespace lamina::cpu
