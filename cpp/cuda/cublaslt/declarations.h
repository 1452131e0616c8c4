// What lamina uses of NVIDIA's cuBLASLt, declared here: no build needs its headers, and what is called is
// found at run time. tests/cuda/test_declarations.cpp compares all of it with the toolkit's cublasLt.h where
// there is one. Matrices are column-major.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lamina::cuda::cublaslt {

using Status = int;       // cublasStatus_t
using DataType = int;     // cudaDataType_t
using ComputeType = int;  // cublasComputeType_t
using Attribute = int;    // an enumeration of attributes
using Handle = void*;     // and so all opaque pointers
using Stream = void*;     // cudaStream_t

inline constexpr Status kSuccess = 0, kNotInitialized = 1, kAllocFailed = 3, kInvalidValue = 7,
                        kArchMismatch = 8, kMappingError = 11, kExecutionFailed = 13, kInternalError = 14,
                        kNotSupported = 15, kLicenseError = 16;
inline constexpr DataType kFloat32 = 0, kBfloat16 = 14;
inline constexpr ComputeType kCompute32F = 68, kCompute32FFastTf32 = 77;

// cublasLtMatmulDescAttributes_t
inline constexpr Attribute kTransposeA = 3, kTransposeB = 4, kEpilogue = 7, kBiasPointer = 8;
inline constexpr std::int32_t kNotTransposed = 0, kTransposed = 1;      // cublasOperation_t
inline constexpr std::int32_t kEpilogueNothing = 1, kEpilogueBias = 4;  // cublasLtEpilogue_t
// cublasLtMatmulPreferenceAttributes_t: a size_t, then std::uint32_t each.
inline constexpr Attribute kMostWorkspace = 1, kAlignmentA = 5, kAlignmentB = 6, kAlignmentC = 7,
                           kAlignmentD = 8;

struct Algorithm {  // cublasLtMatmulAlgo_t
  std::uint64_t data[8];
};
struct HeuristicResult {  // cublasLtMatmulHeuristicResult_t
  Algorithm algorithm;
  std::size_t workspace_bytes;
  Status state;
  float waves;
  int reserved[4];
};

using Create = Status (*)(Handle* handle);
using Destroy = Status (*)(Handle handle);
using GetVersion = std::size_t (*)();
using MatrixLayoutCreate = Status (*)(Handle* layout, DataType type, std::uint64_t rows,
                                      std::uint64_t columns, std::int64_t leading);
using MatmulDescCreate = Status (*)(Handle* operation, ComputeType compute, DataType scale);
using SetAttribute = Status (*)(Handle of, Attribute attribute, const void* value, std::size_t bytes);
using MatmulPreferenceCreate = Status (*)(Handle* preference);
using MatmulAlgoGetHeuristic = Status (*)(Handle handle, Handle operation, Handle a, Handle b, Handle c,
                                          Handle d, Handle preference, int wanted, HeuristicResult* results,
                                          int* found);
using Matmul = Status (*)(Handle handle, Handle operation, const void* alpha, const void* a, Handle a_layout,
                          const void* b, Handle b_layout, const void* beta, const void* c, Handle c_layout,
                          void* d, Handle d_layout, const Algorithm* algorithm, void* workspace,
                          std::size_t workspace_bytes, Stream stream);

/// The functions, each under its name in the library without "cublasLt".
struct Functions {
  Create create;
  Destroy destroy;
  GetVersion get_version;
  MatrixLayoutCreate matrix_layout_create;
  Destroy matrix_layout_destroy;
  MatmulDescCreate matmul_desc_create;
  Destroy matmul_desc_destroy;
  SetAttribute matmul_desc_set_attribute;
  MatmulPreferenceCreate matmul_preference_create;
  Destroy matmul_preference_destroy;
  SetAttribute matmul_preference_set_attribute;
  MatmulAlgoGetHeuristic matmul_algo_get_heuristic;
  Matmul matmul;
};

}  // namespace lamina::cuda::cublaslt
