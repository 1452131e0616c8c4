// Arithmetic for the formulas of rules. A number takes the type of the tensor beside it.
#pragma once

#include "autograd/functions.h"

namespace lamina::autograd {

inline Tensor number_like(const Tensor& x, double value) { return ops::scalar(x.type(), value); }
inline Tensor zeros_like(const Tensor& x) { return ops::zeros(x.type(), x.shape()); }

inline Tensor operator-(const Tensor& a) { return negative(a); }
inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return subtract(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return multiply(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return divide(a, b); }
inline Tensor operator+(const Tensor& a, double b) { return add(a, number_like(a, b)); }
inline Tensor operator-(const Tensor& a, double b) { return subtract(a, number_like(a, b)); }
inline Tensor operator*(const Tensor& a, double b) { return multiply(a, number_like(a, b)); }
inline Tensor operator/(const Tensor& a, double b) { return divide(a, number_like(a, b)); }
inline Tensor operator+(double a, const Tensor& b) { return add(number_like(b, a), b); }
inline Tensor operator-(double a, const Tensor& b) { return subtract(number_like(b, a), b); }

}  // namespace lamina::autograd
