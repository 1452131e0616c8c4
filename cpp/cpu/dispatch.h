// Which kernels run: one table of function pointers per instruction set, chosen once.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cpu/activation/kernels.h"
#include "cpu/array/kernels.h"
#include "cpu/gather/kernels.h"
#include "cpu/gemm/kernels.h"
#include "cpu/loss/kernels.h"
#include "cpu/metric/kernels.h"
#include "cpu/normalization/kernels.h"
#include "cpu/optimizer/kernels.h"
#include "cpu/optimizer/rule_kernels.h"
#include "cpu/peak/kernels.h"
#include "cpu/random/kernels.h"
#include "cpu/reduce/kernels.h"
#include "cpu/vector_ops/kernels.h"

namespace lamina::cpu {

struct KernelTable {
  const char* isa;
  const ActivationKernels* activation;
  const BinaryKernels* binary;
  const VectorKernels* vector;
  const ArrayReduceKernels* array_reduce;
  const GatherKernels* gather;
  const GemmKernels* gemm;
  const LossKernels* loss;
  const MetricKernels* metric;
  const NormalizationKernels* normalization;
  const OptimizerKernels* optimizer;
  const RuleKernels* rules;
  const PeakKernels* peak;
  const RandomKernels* random;
  const ReduceKernels* reduce;
  const UnaryKernels* unary;
};

/// The table in use: the best that this machine runs, or what LAMINA_ISA in the
/// environment names (ValueError, listing the choices, if it is not one of them).
const KernelTable& kernels();
/// The table of `isa`; ValueError if this build or machine lacks it. For tests.
const KernelTable& kernels_of(std::string_view isa);
/// The instruction sets that this build has and this machine can run, worst first.
std::vector<std::string> available_isas();

}  // namespace lamina::cpu
