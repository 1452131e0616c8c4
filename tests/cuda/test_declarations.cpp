// lamina's own declarations of cuBLASLt beside those of the toolkit: compiled, and never run, where
// cublasLt.h is.
#include <cublasLt.h>

#include <type_traits>

#include "cuda/cublaslt/declarations.h"

namespace {

namespace own = lamina::cuda::cublaslt;

#define SAME(name, value) static_assert(static_cast<long long>(own::name) == static_cast<long long>(value))
SAME(kSuccess, CUBLAS_STATUS_SUCCESS);
SAME(kNotInitialized, CUBLAS_STATUS_NOT_INITIALIZED);
SAME(kAllocFailed, CUBLAS_STATUS_ALLOC_FAILED);
SAME(kInvalidValue, CUBLAS_STATUS_INVALID_VALUE);
SAME(kArchMismatch, CUBLAS_STATUS_ARCH_MISMATCH);
SAME(kMappingError, CUBLAS_STATUS_MAPPING_ERROR);
SAME(kExecutionFailed, CUBLAS_STATUS_EXECUTION_FAILED);
SAME(kInternalError, CUBLAS_STATUS_INTERNAL_ERROR);
SAME(kNotSupported, CUBLAS_STATUS_NOT_SUPPORTED);
SAME(kLicenseError, CUBLAS_STATUS_LICENSE_ERROR);
SAME(kFloat32, CUDA_R_32F);
SAME(kBfloat16, CUDA_R_16BF);
SAME(kCompute32F, CUBLAS_COMPUTE_32F);
SAME(kCompute32FFastTf32, CUBLAS_COMPUTE_32F_FAST_TF32);
SAME(kTransposeA, CUBLASLT_MATMUL_DESC_TRANSA);
SAME(kTransposeB, CUBLASLT_MATMUL_DESC_TRANSB);
SAME(kEpilogue, CUBLASLT_MATMUL_DESC_EPILOGUE);
SAME(kBiasPointer, CUBLASLT_MATMUL_DESC_BIAS_POINTER);
SAME(kNotTransposed, CUBLAS_OP_N);
SAME(kTransposed, CUBLAS_OP_T);
SAME(kEpilogueNothing, CUBLASLT_EPILOGUE_DEFAULT);
SAME(kEpilogueBias, CUBLASLT_EPILOGUE_BIAS);
SAME(kMostWorkspace, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES);
SAME(kAlignmentA, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES);
SAME(kAlignmentB, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES);
SAME(kAlignmentC, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES);
SAME(kAlignmentD, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES);

static_assert(sizeof(own::Algorithm) == sizeof(cublasLtMatmulAlgo_t));
static_assert(sizeof(own::HeuristicResult) == sizeof(cublasLtMatmulHeuristicResult_t));
#define SAME_PLACE(own_name, name)                                     \
  static_assert(offsetof(own::HeuristicResult, own_name) ==            \
                    offsetof(cublasLtMatmulHeuristicResult_t, name) && \
                sizeof(own::HeuristicResult::own_name) == sizeof(cublasLtMatmulHeuristicResult_t::name))
SAME_PLACE(algorithm, algo);
SAME_PLACE(workspace_bytes, workspaceSize);
SAME_PLACE(state, state);
SAME_PLACE(waves, wavesCount);
SAME_PLACE(reserved, reserved);

/// Enumerations are passed as the integers that they are, pointers to opaque structures as pointers.
template <class Own, class Theirs>
constexpr bool kSameWay =
    std::is_same_v<Own, Theirs> || (std::is_pointer_v<Own> && std::is_pointer_v<Theirs>) ||
    ((std::is_enum_v<Theirs> || std::is_integral_v<Theirs>) && std::is_integral_v<Own> &&
     sizeof(Own) == sizeof(Theirs));

template <class Own, class Theirs>
struct SameCall : std::false_type {};
template <class OwnResult, class... Own, class Result, class... Theirs>
struct SameCall<OwnResult (*)(Own...), Result(Theirs...)> {
  static constexpr bool value = [] {
    if constexpr (sizeof...(Own) == sizeof...(Theirs)) {
      return kSameWay<OwnResult, Result> && (kSameWay<Own, Theirs> && ...);
    } else {
      return false;
    }
  }();
};
#define SAME_CALL(own_name, name) \
  static_assert(SameCall<decltype(own::Functions::own_name), decltype(name)>::value)
SAME_CALL(create, cublasLtCreate);
SAME_CALL(destroy, cublasLtDestroy);
SAME_CALL(get_version, cublasLtGetVersion);
SAME_CALL(matrix_layout_create, cublasLtMatrixLayoutCreate);
SAME_CALL(matrix_layout_destroy, cublasLtMatrixLayoutDestroy);
SAME_CALL(matmul_desc_create, cublasLtMatmulDescCreate);
SAME_CALL(matmul_desc_destroy, cublasLtMatmulDescDestroy);
SAME_CALL(matmul_desc_set_attribute, cublasLtMatmulDescSetAttribute);
SAME_CALL(matmul_preference_create, cublasLtMatmulPreferenceCreate);
SAME_CALL(matmul_preference_destroy, cublasLtMatmulPreferenceDestroy);
SAME_CALL(matmul_preference_set_attribute, cublasLtMatmulPreferenceSetAttribute);
SAME_CALL(matmul_algo_get_heuristic, cublasLtMatmulAlgoGetHeuristic);
SAME_CALL(matmul, cublasLtMatmul);

}  // namespace
