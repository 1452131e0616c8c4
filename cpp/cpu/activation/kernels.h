// The activation kernels, compiled once per instruction set. Formulas and their edge
// cases: numerics/activation.h (element by element) and numerics/softmax.h (rows).
#pragma once

#include <cstddef>

#include "device/kinds.h"

namespace lamina::cpu {

template <class T>
struct ActivationKernelsOf {
  /// y[i] = f(x[i]) for i < n. Any n and any alignment; an element's value depends neither
  /// on its position nor on its neighbours. y may be x. Not softmax or log_softmax.
  void (*forward)(const Activation& f, std::size_t n, const T* x, T* y);
  /// dx[i] = dy[i] * f'(saved[i]); `saved` is f's output or input, as derivative_from(f)
  /// says. dx may be dy or saved. Not softmax or log_softmax.
  void (*backward)(const Activation& f, std::size_t n, const T* saved, const T* dy, T* dx);
  /// softmax or log_softmax of each of `rows` dense rows. y may be x.
  void (*forward_rows)(const Activation& f, std::size_t rows, std::size_t columns, const T* x, T* y);
  /// dx = Jacobian^T dy of each row, from the rows of f's output y. dx may be dy or y.
  void (*backward_rows)(const Activation& f, std::size_t rows, std::size_t columns, const T* y, const T* dy,
                        T* dx);
};

struct ActivationKernels {
  ActivationKernelsOf<float> f32;
  ActivationKernelsOf<double> f64;
};

}  // namespace lamina::cpu
