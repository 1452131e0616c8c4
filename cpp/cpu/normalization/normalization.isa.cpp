#include "cpu/normalization/formulas.isa.h"
#include "cpu/normalization/kernels.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

template <class V>
constexpr NormalizationKernelsOf<typename V::Scalar> table() {
  return {centred_squares<V>, column_gradients<V>, columns_forward<V>, columns_backward<V>,
          rows_forward<V>,    rows_backward<V>,    row_gradients<V>};
}

}  // namespace

extern const NormalizationKernels normalization_kernels;
const NormalizationKernels normalization_kernels = {table<F32>(), table<F64>()};

}  // namespace lamina::cpu::LAMINA_ISA
