#include "cpu/elementwise/elementwise.h"

#include <algorithm>

#include "core/threads.h"

namespace lamina::cpu {

namespace {

constexpr std::int64_t kTaskElements = 32768;

/// Calls body(first, count) for parts of 0..n-1.
template <class Body>
void in_parts(std::int64_t n, std::int64_t part, double cost, const Body& body) {
  const std::int64_t tasks = (n + part - 1) / part;
  threads::parallel_for(
      tasks, [&](std::int64_t task) { body(task * part, std::min(part, n - task * part)); },
      threads::worthwhile(cost * static_cast<double>(n), tasks));
}

template <class T>
void combine_as(const ElementwiseArguments& c) {
  const T p = static_cast<T>(c.p), q = static_cast<T>(c.q), r = static_cast<T>(c.r);
  in_parts(c.n, kTaskElements, 0.3, [&](std::int64_t first, std::int64_t count) {
    const T* a = c.a == nullptr ? nullptr : static_cast<const T*>(c.a) + first;
    const T* b = c.b == nullptr ? nullptr : static_cast<const T*>(c.b) + first;
    T* out = static_cast<T*>(c.out) + first;
    switch (c.kind) {
      case ElementwiseKind::add:
        for (std::int64_t i = 0; i < count; ++i) out[i] = a[i] + b[i];
        return;
      case ElementwiseKind::multiply:
        for (std::int64_t i = 0; i < count; ++i) out[i] = a[i] * b[i];
        return;
      case ElementwiseKind::choose:
        for (std::int64_t i = 0; i < count; ++i) {
          const T kept = a[i] * p + q;
          out[i] = b[i] > T(0) ? kept : r;
        }
        return;
      case ElementwiseKind::fill:
        std::fill_n(out, count, p);
        return;
    }
  });
}

template <class Arguments, class Body>
void over_rows(const Arguments& p, const Body& body) {
  const std::int64_t block = std::max<std::int64_t>(1, kTaskElements / std::max<std::int64_t>(1, p.columns));
  in_parts(p.rows, block, 0.3 * static_cast<double>(p.columns), [&](std::int64_t first, std::int64_t rows) {
    for (std::int64_t r = first; r < first + rows; ++r) body(r * p.columns);
  });
}

template <class T>
void rescale_as(const RescaleArguments& r) {
  const T *a = static_cast<const T*>(r.a), *b = static_cast<const T*>(r.b);
  over_rows(r, [&](std::int64_t at) {
    const T* x = static_cast<const T*>(r.x) + at;
    T* y = static_cast<T*>(r.y) + at;
    switch (r.kind) {
      case RescaleKind::multiply_add:
        for (std::int64_t j = 0; j < r.columns; ++j) y[j] = x[j] * a[j] + b[j];
        return;
      case RescaleKind::subtract_divide:
        for (std::int64_t j = 0; j < r.columns; ++j) y[j] = (x[j] - a[j]) / b[j];
        return;
      case RescaleKind::times:
        for (std::int64_t j = 0; j < r.columns; ++j) y[j] = x[j] * a[j];
        return;
      case RescaleKind::over:
        for (std::int64_t j = 0; j < r.columns; ++j) y[j] = x[j] / b[j];
        return;
    }
  });
}

template <class T>
void prelu_as(const PreluArguments& p) {
  const T* alpha = static_cast<const T*>(p.alpha);
  over_rows(p, [&](std::int64_t at) {
    const T* x = static_cast<const T*>(p.x) + at;
    T* y = static_cast<T*>(p.y) + at;
    for (std::int64_t j = 0; j < p.columns; ++j) {
      const T below = alpha[j] * x[j];
      y[j] = x[j] > T(0) ? x[j] : below;
    }
  });
}

template <class T>
void prelu_backward_as(const PreluArguments& p) {
  const T* alpha = static_cast<const T*>(p.alpha);
  over_rows(p, [&](std::int64_t at) {
    const T *x = static_cast<const T*>(p.x) + at, *dy = static_cast<const T*>(p.dy) + at;
    if (p.products != nullptr) {
      T* products = static_cast<T*>(p.products) + at;
      for (std::int64_t j = 0; j < p.columns; ++j) {
        const T product = dy[j] * x[j];
        products[j] = x[j] < T(0) ? product : T(0);
      }
    }
    if (p.dx != nullptr) {
      T* dx = static_cast<T*>(p.dx) + at;
      for (std::int64_t j = 0; j < p.columns; ++j) {
        const T below = x[j] == T(0) ? T(0) : dy[j] * alpha[j];
        dx[j] = x[j] > T(0) ? dy[j] : below;
      }
    }
  });
}

}  // namespace

void elementwise(const ElementwiseArguments& c) {
  c.dtype == DType::float32 ? combine_as<float>(c) : combine_as<double>(c);
}
void rescale(const RescaleArguments& r) {
  r.dtype == DType::float32 ? rescale_as<float>(r) : rescale_as<double>(r);
}
void prelu(const PreluArguments& p) { p.dtype == DType::float32 ? prelu_as<float>(p) : prelu_as<double>(p); }
void prelu_backward(const PreluArguments& p) {
  p.dtype == DType::float32 ? prelu_backward_as<float>(p) : prelu_backward_as<double>(p);
}

}  // namespace lamina::cpu
