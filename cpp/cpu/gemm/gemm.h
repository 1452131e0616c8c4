// Matrix products with their epilogues.
#pragma once

#include "device/arguments.h"

namespace lamina::cpu {

/// C = epilogue(A B); see GemmArguments for the operands and the epilogues, kernels.h for
/// the order of evaluation. m, n and k may be zero: without terms a sum is +0. Throws
/// std::bad_alloc when there is no memory for its working space.
void gemm(const GemmArguments& arguments);

}  // namespace lamina::cpu
