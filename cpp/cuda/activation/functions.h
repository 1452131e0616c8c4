// Element-wise functions of one number: what epilogues and the activation kernels call. Included by *.cu.
#pragma once

#include "cpu/activation/functions.isa.h"
#include "cuda/policy.h"

#if defined(__CUDACC__)
#define LAMINA_APART __device__ __noinline__
#else
#define LAMINA_APART __attribute__((noinline))
#endif

namespace lamina::cuda {
namespace {

template <class T>
struct Value {
  T x;
  T* y;
  template <class Function>
  LAMINA_INLINE void operator()(const Function& function) const {
    *y = function.value(Lane<T>{x}).value;
  }
};

template <class T>
struct Derivative {
  T saved, dy;
  T* dx;
  template <class Function>
  LAMINA_INLINE void operator()(const Function& function) const {
    *dx = function.backward(Lane<T>{saved}, Lane<T>{dy}).value;
  }
};

// One copy of all the functions in a file, whoever uses them.
template <class T>
LAMINA_APART T value_apart(const Activation& f, T x) {
  T y = x;
  formulas::with_function<Lane<T>>(f, Value<T>{x, &y});
  return y;
}
template <class T>
LAMINA_APART T derivative_apart(const Activation& f, T saved, T dy) {
  T dx = dy;
  formulas::with_function<Lane<T>>(f, Derivative<T>{saved, dy, &dx});
  return dx;
}

template <class T>
LAMINA_KERNEL inline T value_of(const Activation& f, T x) {
  return f.kind == ActivationKind::linear ? x : value_apart(f, x);
}
/// dy times f's derivative.
template <class T>
LAMINA_KERNEL inline T derivative_of(const Activation& f, T saved, T dy) {
  return f.kind == ActivationKind::linear ? dy : derivative_apart(f, saved, dy);
}

}  // namespace
}  // namespace lamina::cuda
