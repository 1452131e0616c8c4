// The logical vector of the instruction set that this file is compiled for: always
// 64 bytes, so sixteen floats or eight doubles, in one zmm, two ymm, four q registers
// or plain lanes. See numerics/policy.h for its operations.
//
// Included only by *.isa.cpp. Everything is in an anonymous namespace, so that code
// compiled for one instruction set can never be linked into another's place.
#pragma once

#if LAMINA_ISA_AVX512
#include "cpu/vec/avx512.h"
#elif LAMINA_ISA_AVX2
#include "cpu/vec/avx2.h"
#elif LAMINA_ISA_NEON
#include "cpu/vec/neon.h"
#elif defined(LAMINA_VECTOR_HEADER)
#include LAMINA_VECTOR_HEADER  // of a device whose lanes are no processor's
#else
#include "cpu/vec/scalar.h"
#endif

namespace lamina::cpu::LAMINA_ISA {
namespace {

template <class T>
struct VecOf;
template <>
struct VecOf<float> {
  using Type = F32;
};
template <>
struct VecOf<double> {
  using Type = F64;
};
/// Vec<float> is F32, Vec<double> is F64.
template <class T>
using Vec = typename VecOf<T>::Type;

}  // namespace
}  // namespace lamina::cpu::LAMINA_ISA
