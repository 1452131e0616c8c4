#include "cuda/elementwise/elementwise.h"
#include "cuda/launch.h"

namespace lamina::cuda {
namespace {

template <class T>
struct Combine {
  static constexpr const char* kName = "combine";
  ElementwiseKind kind;
  const T *a, *b;
  T* out;
  T p, q, r;
  LAMINA_KERNEL void operator()(std::int64_t i) const {
    switch (kind) {
      case ElementwiseKind::add:
        out[i] = a[i] + b[i];
        return;
      case ElementwiseKind::multiply:
        out[i] = a[i] * b[i];
        return;
      case ElementwiseKind::choose: {
        const T kept = a[i] * p + q;
        out[i] = b[i] > T(0) ? kept : r;
        return;
      }
      case ElementwiseKind::fill:
        out[i] = p;
        return;
    }
  }
};

template <class T>
struct Rescale {
  static constexpr const char* kName = "rescale";
  RescaleKind kind;
  std::int64_t columns;
  const T *x, *a, *b;
  T* y;
  LAMINA_KERNEL void operator()(std::int64_t i) const {
    const std::int64_t j = i % columns;
    switch (kind) {
      case RescaleKind::multiply_add:
        y[i] = x[i] * a[j] + b[j];
        return;
      case RescaleKind::subtract_divide:
        y[i] = (x[i] - a[j]) / b[j];
        return;
      case RescaleKind::times:
        y[i] = x[i] * a[j];
        return;
      case RescaleKind::over:
        y[i] = x[i] / b[j];
        return;
    }
  }
};

template <class T>
struct PreluForward {
  static constexpr const char* kName = "prelu";
  std::int64_t columns;
  const T *x, *alpha;
  T* y;
  LAMINA_KERNEL void operator()(std::int64_t i) const {
    const T below = alpha[i % columns] * x[i];
    y[i] = x[i] > T(0) ? x[i] : below;
  }
};

template <class T>
struct PreluBackward {
  static constexpr const char* kName = "prelu (backward)";
  std::int64_t columns;
  const T *x, *alpha, *dy;
  T *dx, *products;
  LAMINA_KERNEL void operator()(std::int64_t i) const {
    const T v = x[i], g = dy[i];
    if (products != nullptr) {
      const T product = g * v;
      products[i] = v < T(0) ? product : T(0);
    }
    if (dx != nullptr) {
      const T below = v == T(0) ? T(0) : g * alpha[i % columns];
      dx[i] = v > T(0) ? g : below;
    }
  }
};

template <class T>
void combine_as(const ElementwiseArguments& c) {
  for_each_item(c.n, Combine<T>{c.kind, in<T>(c.a), in<T>(c.b), out<T>(c.out), static_cast<T>(c.p),
                                static_cast<T>(c.q), static_cast<T>(c.r)});
}
template <class T>
void rescale_as(const RescaleArguments& r) {
  for_each_item(r.rows * r.columns,
                Rescale<T>{r.kind, r.columns, in<T>(r.x), in<T>(r.a), in<T>(r.b), out<T>(r.y)});
}
template <class T>
void prelu_as(const PreluArguments& p) {
  for_each_item(p.rows * p.columns, PreluForward<T>{p.columns, in<T>(p.x), in<T>(p.alpha), out<T>(p.y)});
}
template <class T>
void prelu_backward_as(const PreluArguments& p) {
  for_each_item(p.rows * p.columns, PreluBackward<T>{p.columns, in<T>(p.x), in<T>(p.alpha), in<T>(p.dy),
                                                     out<T>(p.dx), out<T>(p.products)});
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

}  // namespace lamina::cuda
