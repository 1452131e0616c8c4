#include "numerics/activation.h"

#include <cstddef>

#include "cpu/activation/kernels.h"
#include "cpu/vec/vec.h"
#include "numerics/activation_more.h"
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

template <class V, class Run>
LAMINA_INLINE void run_relu(double slope, double maximum, double threshold, const Run& run) {
  if (slope == 0.0 && maximum == kUnbounded && threshold == 0.0) {
    run(Relu<V>());
  } else {
    run(BoundedRelu<V>(slope, maximum, threshold));
  }
}

/// Hands `run` the formula of `f`. The only list of the element-wise functions.
template <class V, class Run>
LAMINA_INLINE void with_function(const Activation& f, const Run& run) {
  switch (f.kind) {
    case ActivationKind::linear:
      return run(Linear<V>());
    case ActivationKind::relu:
      return run_relu<V>(f.a, f.b, f.c, run);
    case ActivationKind::relu6:
      return run_relu<V>(0.0, 6.0, 0.0, run);
    case ActivationKind::leaky_relu:
      return run_relu<V>(f.a, kUnbounded, 0.0, run);
    case ActivationKind::elu:
      return run(Elu<V>(f.a));
    case ActivationKind::selu:
      return run(Selu<V>());
    case ActivationKind::celu:
      return run(Celu<V>(f.a));
    case ActivationKind::sigmoid:
      return run(Sigmoid<V>());
    case ActivationKind::hard_sigmoid:
      return run(HardSigmoid<V>());
    case ActivationKind::tanh:
      return run(Tanh<V>());
    case ActivationKind::softplus:
      return run(Softplus<V>());
    case ActivationKind::softsign:
      return run(Softsign<V>());
    case ActivationKind::silu:
      return run(Silu<V>());
    case ActivationKind::gelu:
      return run(Gelu<V>());
    case ActivationKind::gelu_tanh:
      return run(GeluTanh<V>());
    case ActivationKind::mish:
      return run(Mish<V>());
    case ActivationKind::exponential:
      return run(Exponential<V>());
    case ActivationKind::threshold:
      return run(Threshold<V>(f.a, f.b));
    case ActivationKind::sparse_plus:
      return run(SparsePlus<V>());
    case ActivationKind::sparse_sigmoid:
      return run(SparseSigmoid<V>());
    case ActivationKind::squareplus:
      return run(Squareplus<V>(f.a));
    case ActivationKind::hard_tanh:
      return run(HardTanh<V>());
    case ActivationKind::hard_silu:
      return run(HardSilu<V>());
    case ActivationKind::hard_shrink:
      return run(Shrink<V>(f.a, false));
    case ActivationKind::soft_shrink:
      return run(Shrink<V>(f.a, true));
    case ActivationKind::tanh_shrink:
      return run(TanhShrink<V>());
    case ActivationKind::log_sigmoid:
      return run(LogSigmoid<V>());
    case ActivationKind::softmax:
    case ActivationKind::log_softmax:
    case ActivationKind::sparsemax:
      return;
  }
}

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
