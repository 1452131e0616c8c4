# The only place with instruction-set flags, and with the flags that the numerics
# contract needs.
include_guard()

if(CMAKE_SIZEOF_VOID_P LESS 8)
  message(FATAL_ERROR "lamina needs a 64-bit target: x87 arithmetic would break its numerics contract")
endif()

# Contraction off: a multiplication and an addition are fused only where the source
# says fma. Set for every target, since templates cross file borders.
if(MSVC)
  set(LAMINA_CONTRACT_FLAGS /fp:precise)
else()
  # In this order: -fno-fast-math puts the other two back to their defaults.
  set(LAMINA_CONTRACT_FLAGS -fno-fast-math -ffp-contract=off -fno-math-errno)
endif()

string(TOLOWER "${CMAKE_SYSTEM_PROCESSOR}" _processor)
if(_processor MATCHES "^(x86_64|amd64)$")
  set(LAMINA_ISAS scalar avx2 avx512)
  if(MSVC)
    set(LAMINA_FLAGS_avx2 /arch:AVX2)
    set(LAMINA_FLAGS_avx512 /arch:AVX512)
  else()
    set(LAMINA_FLAGS_avx2 -mavx2 -mfma)
    set(LAMINA_FLAGS_avx512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma
        -mprefer-vector-width=512)
  endif()
elseif(_processor MATCHES "^(aarch64|arm64)$")
  set(LAMINA_ISAS scalar neon)
else()
  set(LAMINA_ISAS scalar)
endif()

# -O3 for kernels whatever the build type; sanitizer builds lower it, since they compile for minutes
# (and leave out the check of pointers for overflow, which took most of them; a list of options).
set(LAMINA_KERNEL_OPTIMIZATION -O3 CACHE STRING "Optimisation of the kernels")

# lamina_add_isa_objects(<out-variable> <files...>): compiles each *.isa.cpp once for
# every instruction set, inside namespace lamina::cpu::<isa>.
function(lamina_add_isa_objects out)
  set(objects)
  foreach(isa IN LISTS LAMINA_ISAS)
    set(target lamina_isa_${isa})
    add_library(${target} OBJECT ${ARGN})
    string(TOUPPER ${isa} upper)
    target_compile_definitions(${target} PRIVATE LAMINA_ISA=${isa} LAMINA_ISA_${upper}=1)
    target_compile_options(${target} PRIVATE ${LAMINA_CONTRACT_FLAGS} ${LAMINA_FLAGS_${isa}})
    if(NOT MSVC)
      # No link-time optimisation: it could move code for one instruction set into another's.
      target_compile_options(${target} PRIVATE ${LAMINA_KERNEL_OPTIMIZATION} -fno-lto -fno-exceptions -fno-rtti -fno-stack-protector)
    endif()
    target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    list(APPEND objects $<TARGET_OBJECTS:${target}>)
  endforeach()
  set(${out} ${objects} PARENT_SCOPE)
endfunction()
