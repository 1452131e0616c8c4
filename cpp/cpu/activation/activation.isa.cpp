#include <cstddef>

#include "cpu/activation/functions.isa.h"
#include "cpu/activation/kernels.h"
#include "cpu/vec/vec.h"
#include "numerics/softmax.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

using namespace lamina::numerics;

/// Runs `function` over n elements, one vector at a time; the last may be shorter.
template <class V>
struct Forward {
  using T = typename V::Scalar;
  std::size_t n;
  const T* x;
  T* y;

  template <class Function>
  LAMINA_INLINE void operator()(const Function& function) const {
    for_each_vector<V>(n, [&](std::size_t i, std::size_t count) {
      store_some(function.value(load_some<V>(x + i, count)), y + i, count);
    });
  }
};

template <class V>
struct Backward {
  using T = typename V::Scalar;
  std::size_t n;
  const T *saved, *dy;
  T* dx;

  template <class Function>
  LAMINA_INLINE void operator()(const Function& function) const {
    for_each_vector<V>(n, [&](std::size_t i, std::size_t count) {
      const V s = load_some<V>(saved + i, count), d = load_some<V>(dy + i, count);
      store_some(function.backward(s, d), dx + i, count);
    });
  }
};

template <class V>
void forward(const Activation& f, std::size_t n, const typename V::Scalar* x, typename V::Scalar* y) {
  with_function<V>(f, Forward<V>{n, x, y});
}

template <class V>
void backward(const Activation& f, std::size_t n, const typename V::Scalar* saved,
              const typename V::Scalar* dy, typename V::Scalar* dx) {
  with_function<V>(f, Backward<V>{n, saved, dy, dx});
}

template <class V>
void forward_rows(const Activation& f, std::size_t rows, std::size_t columns, const typename V::Scalar* x,
                  typename V::Scalar* y) {
  const bool logarithm = f.kind == ActivationKind::log_softmax;
  for (std::size_t r = 0; r < rows; ++r, x += columns, y += columns) {
    if (logarithm) {
      log_softmax_row<V>(columns, x, y);
    } else {
      softmax_row<V>(columns, x, y);
    }
  }
}

template <class V>
void backward_rows(const Activation& f, std::size_t rows, std::size_t columns, const typename V::Scalar* y,
                   const typename V::Scalar* dy, typename V::Scalar* dx) {
  const bool logarithm = f.kind == ActivationKind::log_softmax;
  for (std::size_t r = 0; r < rows; ++r, y += columns, dy += columns, dx += columns) {
    if (logarithm) {
      log_softmax_backward_row<V>(columns, y, dy, dx);
    } else {
      softmax_backward_row<V>(columns, y, dy, dx);
    }
  }
}

}  // namespace

extern const ActivationKernels activation_kernels;
const ActivationKernels activation_kernels = {
    {forward<F32>, backward<F32>, forward_rows<F32>, backward_rows<F32>},
    {forward<F64>, backward<F64>, forward_rows<F64>, backward_rows<F64>},
};

}  // namespace lamina::cpu::LAMINA_ISA
