#include "cpu/loss/circle.isa.h"
#include "cpu/loss/kernels.h"
#include "cpu/loss/kinds.isa.h"

namespace lamina::cpu::LAMINA_ISA {
extern const LossKernels loss_kernels;
const LossKernels loss_kernels = {
    {loss_rows<F32>, row_shares<float>, targets_are_binary<float>, circle_row<F32>},
    {loss_rows<F64>, row_shares<double>, targets_are_binary<double>, circle_row<F64>},
};

}  // namespace lamina::cpu::LAMINA_ISA
