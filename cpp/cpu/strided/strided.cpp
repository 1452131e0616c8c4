#include "cpu/strided/strided.h"

#include <algorithm>

#include "core/threads.h"
#include "device/strided_functions.h"

namespace lamina::cpu {

namespace {

constexpr std::int64_t kTaskElements = 32768;

template <class T>
struct Place {
  const T *a, *b, *c;
  T* out;
};

/// `n` elements of the innermost axis.
template <StridedKind kind, class T>
void along(std::int64_t n, const StridedArguments::Axis& step, const Place<T>& at) {
  const T *const a = at.a, *const b = at.b, *const c = at.c;
  T* const out = at.out;
  if (step.out == 1 && step.a == 1 && step.b == 1 && step.c == 1) {
    for (std::int64_t i = 0; i < n; ++i) out[i] = strided_function<kind, T>(a[i], b[i], c[i]);
  } else if (step.out == 1 && step.a == 1 && step.b == 0 && step.c == 0) {
    const T of_b = *b, of_c = *c;
    for (std::int64_t i = 0; i < n; ++i) out[i] = strided_function<kind, T>(a[i], of_b, of_c);
  } else if (step.out == 1 && step.a == 0 && step.b == 1 && step.c == 0) {
    const T of_a = *a, of_c = *c;
    for (std::int64_t i = 0; i < n; ++i) out[i] = strided_function<kind, T>(of_a, b[i], of_c);
  } else if (step.out == 1 && step.a == 1 && step.b == 1 && step.c == 0) {
    const T of_c = *c;
    for (std::int64_t i = 0; i < n; ++i) out[i] = strided_function<kind, T>(a[i], b[i], of_c);
  } else {
    for (std::int64_t i = 0; i < n; ++i) {
      out[i * step.out] = strided_function<kind, T>(a[i * step.a], b[i * step.b], c[i * step.c]);
    }
  }
}

template <StridedKind kind, class T>
void run(const StridedArguments& s) {
  const T number = static_cast<T>(s.number);
  Place<T> start{static_cast<const T*>(s.a), s.b == nullptr ? &number : static_cast<const T*>(s.b),
                 s.c == nullptr ? &number : static_cast<const T*>(s.c), static_cast<T*>(s.out)};
  StridedArguments::Axis inner = s.axes == 0 ? StridedArguments::Axis{} : s.axis[s.axes - 1];
  if (s.number_first) {
    start.b = start.a;
    start.a = &number;
  }
  std::int64_t slices = 1;
  for (int axis = 0; axis + 1 < s.axes; ++axis) slices *= s.axis[axis].extent;
  const std::int64_t n = inner.extent;
  if (slices * n == 0) return;
  const auto slice_at = [&](std::int64_t slice) {
    Place<T> at = start;
    for (int axis = s.axes - 1; axis-- > 0;) {
      const StridedArguments::Axis& along_axis = s.axis[axis];
      const std::int64_t i = slice % along_axis.extent;
      slice /= along_axis.extent;
      at.a += i * along_axis.a;
      at.b += i * along_axis.b;
      at.c += i * along_axis.c;
      at.out += i * along_axis.out;
    }
    return at;
  };
  const double cost = 0.3 * static_cast<double>(slices * n);
  if (slices == 1) {
    const std::int64_t tasks = (n + kTaskElements - 1) / kTaskElements;
    threads::parallel_for(
        tasks,
        [&](std::int64_t task) {
          const std::int64_t first = task * kTaskElements;
          const Place<T> at{start.a + first * inner.a, start.b + first * inner.b, start.c + first * inner.c,
                            start.out + first * inner.out};
          along<kind, T>(std::min(kTaskElements, n - first), inner, at);
        },
        threads::worthwhile(cost, tasks));
    return;
  }
  const std::int64_t block = std::max<std::int64_t>(1, kTaskElements / n);
  const std::int64_t tasks = (slices + block - 1) / block;
  threads::parallel_for(
      tasks,
      [&](std::int64_t task) {
        const std::int64_t end = std::min(slices, (task + 1) * block);
        for (std::int64_t slice = task * block; slice < end; ++slice) {
          along<kind, T>(n, inner, slice_at(slice));
        }
      },
      threads::worthwhile(cost, tasks));
}

}  // namespace

void strided(const StridedArguments& s) {
  visit_strided(s.kind, [&s]<StridedKind kind>() {
    s.dtype == DType::float32 ? run<kind, float>(s) : run<kind, double>(s);
  });
}

}  // namespace lamina::cpu
