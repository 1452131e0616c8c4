// Matrix products on the tensor cores: Device::gemm at a precision other than strict.
#pragma once

#include "cuda/cublaslt/plan.h"
#include "device/arguments.h"
#include "device/precision.h"

namespace lamina::cuda::cublaslt {

/// As cuda::gemm, for float32: the sums are the library's, all else (bias, functions, derivatives, sums of
/// columns) has the contract's formulas. After prepare().
void gemm(const GemmArguments&, Precision);

/// to[outer, leading] = from[outer, inner] in bfloat16, rounded to nearest even, with zeros up to `leading`,
/// a multiple of 8.
void round_to_bfloat16(std::int64_t outer, std::int64_t inner, const float* from, std::int64_t outer_stride,
                       std::int64_t inner_stride, std::uint16_t* to, std::int64_t leading);

}  // namespace lamina::cuda::cublaslt
