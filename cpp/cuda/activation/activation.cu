#include "cuda/activation/activation.h"
#include "cuda/activation/functions.h"
#include "cuda/launch.h"
#include "numerics/softmax.h"

namespace lamina::cuda {
namespace {

template <class T>
struct Activate {
  static constexpr const char* kName = "activation";
  Activation f;
  const T* x;
  T* y;
  LAMINA_KERNEL void operator()(std::int64_t i) const { y[i] = value_of(f, x[i]); }
};

template <class T>
struct ActivateBackward {
  static constexpr const char* kName = "activation (backward)";
  Activation f;
  const T *saved, *dy;
  T* dx;
  LAMINA_KERNEL void operator()(std::int64_t i) const { dx[i] = derivative_of(f, saved[i], dy[i]); }
};

template <class T>
struct Softmax {
  static constexpr const char* kName = "softmax";
  bool logarithm;
  std::int64_t columns;
  const T* x;
  T* y;
  LAMINA_KERNEL void operator()(std::int64_t r) const {
    const auto n = static_cast<std::size_t>(columns);
    if (logarithm) {
      numerics::log_softmax_row<Vec<T>>(n, x + r * columns, y + r * columns);
    } else {
      numerics::softmax_row<Vec<T>>(n, x + r * columns, y + r * columns);
    }
  }
};

template <class T>
struct SoftmaxBackward {
  static constexpr const char* kName = "softmax (backward)";
  bool logarithm;
  std::int64_t columns;
  const T *y, *dy;
  T* dx;
  LAMINA_KERNEL void operator()(std::int64_t r) const {
    const auto n = static_cast<std::size_t>(columns);
    const std::int64_t at = r * columns;
    if (logarithm) {
      numerics::log_softmax_backward_row<Vec<T>>(n, y + at, dy + at, dx + at);
    } else {
      numerics::softmax_backward_row<Vec<T>>(n, y + at, dy + at, dx + at);
    }
  }
};

/// cpu/activation/sparsemax.h, a row a thread. In place of sorting, the next smaller number is looked for
/// as long as it belongs to the support.
template <class T>
struct Sparsemax {
  static constexpr const char* kName = "sparsemax";
  std::int64_t columns;
  const T* x;
  T* y;
  LAMINA_KERNEL void operator()(std::int64_t r) const {
    const T* row = x + r * columns;
    T* to = y + r * columns;
    const T infinity = elementary_infinity(), nan = infinity - infinity;
    bool numbers = true;
    for (std::int64_t j = 0; j < columns; ++j) numbers = numbers && row[j] < infinity;
    T threshold = nan;
    if (numbers) {
      T sum = T(0), last = infinity;
      std::int64_t k = 0;
      for (bool inside = true; inside && k < columns;) {
        T next = -infinity;
        std::int64_t count = 0;
        for (std::int64_t j = 0; j < columns; ++j) {
          if (!(row[j] < last) || row[j] < next) continue;
          count = row[j] == next ? count + 1 : 1;
          next = row[j];
        }
        for (; inside && count > 0; --count) {
          ++k;
          sum = sum + next;
          const T candidate = (sum - T(1)) / static_cast<T>(k);
          inside = next - candidate > T(0);
          if (inside) threshold = candidate;
        }
        last = next;
      }
    }
    for (std::int64_t j = 0; j < columns; ++j) {
      const T above = row[j] - threshold;
      to[j] = above <= T(0) ? T(0) : above;
    }
  }
  static LAMINA_KERNEL T elementary_infinity() { return numerics::elementary::infinity<Lane<T>>().value; }
};

template <class T>
struct SparsemaxBackward {
  static constexpr const char* kName = "sparsemax (backward)";
  std::int64_t columns;
  const T *y, *dy;
  T* dx;
  LAMINA_KERNEL void operator()(std::int64_t r) const {
    const std::int64_t at = r * columns;
    T sum = T(0);
    std::int64_t support = 0;
    for (std::int64_t j = 0; j < columns; ++j) {
      if (y[at + j] <= T(0)) continue;
      sum = sum + dy[at + j];
      ++support;
    }
    const T mean = sum / static_cast<T>(support);
    for (std::int64_t j = 0; j < columns; ++j) dx[at + j] = y[at + j] <= T(0) ? T(0) : dy[at + j] - mean;
  }
};

template <class T>
void forward(const Activation& f, std::int64_t rows, std::int64_t columns, const T* x, T* y) {
  if (is_elementwise(f)) return for_each_item(rows * columns, Activate<T>{f, x, y});
  if (f.kind == ActivationKind::sparsemax) return for_each_item(rows, Sparsemax<T>{columns, x, y});
  for_each_group<T>(rows, Softmax<T>{f.kind == ActivationKind::log_softmax, columns, x, y});
}

template <class T>
void backward(const Activation& f, std::int64_t rows, std::int64_t columns, const T* saved, const T* dy,
              T* dx) {
  if (is_elementwise(f)) return for_each_item(rows * columns, ActivateBackward<T>{f, saved, dy, dx});
  if (f.kind == ActivationKind::sparsemax) {
    return for_each_item(rows, SparsemaxBackward<T>{columns, saved, dy, dx});
  }
  for_each_group<T>(rows, SoftmaxBackward<T>{f.kind == ActivationKind::log_softmax, columns, saved, dy, dx});
}

}  // namespace

void activate(DType dtype, const Activation& f, std::int64_t rows, std::int64_t columns, const void* x,
              void* y) {
  if (rows == 0 || columns == 0) return;
  if (dtype == DType::float32) return forward(f, rows, columns, in<float>(x), out<float>(y));
  forward(f, rows, columns, in<double>(x), out<double>(y));
}

void activate_backward(DType dtype, const Activation& f, std::int64_t rows, std::int64_t columns,
                       const void* saved, const void* dy, void* dx) {
  if (rows == 0 || columns == 0) return;
  if (dtype == DType::float32) {
    return backward(f, rows, columns, in<float>(saved), in<float>(dy), out<float>(dx));
  }
  backward(f, rows, columns, in<double>(saved), in<double>(dy), out<double>(dx));
}

}  // namespace lamina::cuda
