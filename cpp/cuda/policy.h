// What the kernels of this room compute with. Included by its *.cu only.
// cmake/cuda.cmake names the "instruction set", LAMINA_ISA, as for cpu/*.isa.cpp.
//
// Each kernel is a functor over plain numbers, and the text of its arithmetic is numerics/ and the formulas
// of cpu/<family>/*.isa.h: nvcc compiles it for a GPU, an ordinary compiler for the emulation, which is
// how a machine without a GPU checks it.
#pragma once

#if defined(__CUDACC__)
#define LAMINA_KERNEL __device__
#define LAMINA_UNROLL _Pragma("unroll")
#define LAMINA_NO_UNROLL _Pragma("unroll 1")
#else
#define LAMINA_KERNEL
#define LAMINA_UNROLL
#define LAMINA_NO_UNROLL
#endif

#include <cstddef>
#include <cstdint>

#include "cpu/vec/vec.h"
#include "numerics/chunk_tree.h"
#include "numerics/order.h"
#include "numerics/row.h"
#include "numerics/scalar.h"

namespace lamina::cuda {

namespace formulas = lamina::cpu::LAMINA_ISA;
using numerics::Lane;

template <class T>
using Vec = formulas::Vec<T>;

LAMINA_HOST_DEVICE constexpr std::int64_t pieces_of(std::int64_t n, std::int64_t piece) {
  return (n + piece - 1) / piece;
}

}  // namespace lamina::cuda
