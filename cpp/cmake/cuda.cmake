# The CUDA device: compiled by nvcc (LAMINA_CUDA), by the C++ compiler for tests (LAMINA_CUDA_EMULATED), or
# a stub in its place. Sets LAMINA_CUDA_SOURCES, for the library; lamina_link_cuda() is for what comes after it. The
# target lamina_cuda compiles the device alone.
include_guard()

set(LAMINA_CUDA_KERNELS
  cuda/activation/activation.cu
  cuda/cublaslt/gemm.cu
  cuda/elementwise/elementwise.cu
  cuda/vector_ops/vector_ops.cu
  cuda/gather/gather.cu
  cuda/gemm/gemm.cu
  cuda/loss/circle.cu
  cuda/loss/loss.cu
  cuda/metric/metric.cu
  cuda/normalization/normalization.cu
  cuda/optimizer/optimizer.cu
  cuda/peak/peak.cu
  cuda/penalty/penalty.cu
  cuda/random/random.cu
  cuda/transpose/transpose.cu
  cuda/embedding/embedding.cu
  cuda/captured_step.cu
  cuda/reduce/reduce.cu
  cuda/strided/strided.cu)

if(NOT LAMINA_CUDA AND NOT LAMINA_CUDA_EMULATED)
  set(LAMINA_CUDA_SOURCES cuda/no_cuda.cpp)
  function(lamina_link_cuda)
  endfunction()
  return()
endif()

set(sources ${LAMINA_CUDA_KERNELS} cuda/cublaslt/library.cpp cuda/cublaslt/plan.cpp
  cuda/cuda_device.cpp cuda/memory.cpp)

if(LAMINA_CUDA_EMULATED)
  list(APPEND sources cuda/emulation.cpp)
  set_source_files_properties(${LAMINA_CUDA_KERNELS} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-x;c++"
    COMPILE_DEFINITIONS LAMINA_ISA=emulated)
else()
  list(APPEND sources cuda/driver.cu)
  set_source_files_properties(${LAMINA_CUDA_KERNELS} cuda/driver.cu PROPERTIES
    COMPILE_DEFINITIONS "LAMINA_ISA=cuda;LAMINA_VECTOR_HEADER=\"cuda/vec.h\"")
endif()
# The contract: no contraction, denormals kept, IEEE division and square root.
set(LAMINA_CUDA_FLAGS -fmad=false -ftz=false -prec-div=true -prec-sqrt=true
  --expt-relaxed-constexpr -diag-suppress=20012,20013,20014,20015)
add_library(lamina_cuda OBJECT ${sources})
target_include_directories(lamina_cuda PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_compile_options(lamina_cuda PRIVATE $<$<COMPILE_LANGUAGE:CXX>:${LAMINA_CONTRACT_FLAGS}>
  $<$<COMPILE_LANGUAGE:CUDA>:${LAMINA_CUDA_FLAGS}>)
set(LAMINA_CUDA_SOURCES $<TARGET_OBJECTS:lamina_cuda>)
if(LAMINA_CUDA)
  set_target_properties(lamina_cuda PROPERTIES CUDA_STANDARD 20 CUDA_STANDARD_REQUIRED ON
    CUDA_VISIBILITY_PRESET hidden)
endif()
function(lamina_link_cuda)
  if(LAMINA_CUDA)
    find_package(CUDAToolkit REQUIRED)
    target_link_libraries(lamina PRIVATE CUDA::cudart_static)
  endif()
  target_link_libraries(lamina PRIVATE ${CMAKE_DL_LIBS}) # cuBLASLt is loaded at run time
endfunction()
