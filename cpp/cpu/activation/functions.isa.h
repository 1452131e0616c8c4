// The one list of the element-wise functions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/vec/vec.h"
#include "device/kinds.h"
#include "numerics/activation.h"
#include "numerics/activation_more.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

using namespace lamina::numerics;

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

}  // namespace
}  // namespace lamina::cpu::LAMINA_ISA
