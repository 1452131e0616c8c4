# The CUDA device: compiled by nvcc (LAMINA_CUDA), by the C++ compiler for tests (LAMINA_CUDA_EMULATED), or
# a stub in its place. Sets LAMINA_CUDA_SOURCES; lamina_link_cuda() adds what the library needs.
include_guard()

set(LAMINA_CUDA_KERNELS
  cuda/activation/activation.cu
  cuda/elementwise/elementwise.cu
  cuda/flat/flat.cu
  cuda/gather/gather.cu
  cuda/gemm/gemm.cu
  cuda/loss/loss.cu
  cuda/metric/metric.cu
  cuda/normalization/normalization.cu
  cuda/optimizer/optimizer.cu
  cuda/peak/peak.cu
  cuda/penalty/penalty.cu
  cuda/random/random.cu
  cuda/rearrange/rearrange.cu
  cuda/recording.cu
  cuda/reduce/reduce.cu)

if(NOT LAMINA_CUDA AND NOT LAMINA_CUDA_EMULATED)
  set(LAMINA_CUDA_SOURCES cuda/no_cuda.cpp)
  function(lamina_link_cuda)
  endfunction()
  return()
endif()

set(LAMINA_CUDA_SOURCES ${LAMINA_CUDA_KERNELS} cuda/cuda_device.cpp cuda/memory.cpp)

if(LAMINA_CUDA_EMULATED)
  list(APPEND LAMINA_CUDA_SOURCES cuda/emulation.cpp)
  set(options -x c++ -O2)
  if(LAMINA_FLAGS_avx2)  # for fma in hardware; the bits are the same
    list(APPEND options ${LAMINA_FLAGS_avx2})
  endif()
  set_source_files_properties(${LAMINA_CUDA_KERNELS} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "${options}"
    COMPILE_DEFINITIONS LAMINA_ISA=emulated)
  function(lamina_link_cuda)
  endfunction()
  return()
endif()

list(APPEND LAMINA_CUDA_SOURCES cuda/driver.cu)
set_source_files_properties(${LAMINA_CUDA_KERNELS} cuda/driver.cu PROPERTIES
  COMPILE_DEFINITIONS "LAMINA_ISA=cuda;LAMINA_ISA_CUDA=1")
# The contract: no contraction, denormals kept, IEEE division and square root.
set(LAMINA_CUDA_FLAGS -fmad=false -ftz=false -prec-div=true -prec-sqrt=true
  --expt-relaxed-constexpr -diag-suppress=20012,20013,20014,20015)
function(lamina_link_cuda)
  set_target_properties(lamina PROPERTIES CUDA_STANDARD 20 CUDA_STANDARD_REQUIRED ON
    CUDA_VISIBILITY_PRESET hidden CUDA_RUNTIME_LIBRARY Static)
endfunction()
