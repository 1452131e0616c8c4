#include "cpu/metric/kernels.h"
#include "cpu/metric/rows.isa.h"

namespace lamina::cpu::LAMINA_ISA {
extern const MetricKernels metric_kernels;
const MetricKernels metric_kernels = {{row_values<F32>}, {row_values<F64>}};

}  // namespace lamina::cpu::LAMINA_ISA
