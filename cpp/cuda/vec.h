// The logical vector on a GPU: its lanes are neighbouring threads of a warp, sixteen for float and eight
// for double, each of which holds one number. The text of a row's arithmetic is the CPU's; every thread of
// the group runs it, loads and stores touch its own element, and what joins lanes is a shuffle.
//
// All threads of a group take the same path through the text, since whatever decides a branch is a number
// that all of them have. The LAMINA_VECTOR_HEADER of cpu/vec/vec.h where nvcc compiles.
#pragma once

#include <cstddef>
#include <cstdint>

#include "numerics/scalar.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

template <class T>
struct Threads {
  using Scalar = T;
  using One = numerics::Lane<T>;
  using Unsigned = typename One::Unsigned;
  using Signed = typename One::Signed;
  static constexpr int lanes = 64 / static_cast<int>(sizeof(T));

  /// This thread's place in its group, and the group's threads in their warp.
  static __device__ __forceinline__ unsigned place() { return threadIdx.x % lanes; }
  static __device__ __forceinline__ unsigned group() {
    return ((1u << lanes) - 1u) << (threadIdx.x % 32u / lanes * lanes);
  }
  static __device__ __forceinline__ void meet() { __syncwarp(group()); }

  struct Mask {
    bool set;
    friend __device__ __forceinline__ Mask operator&(Mask a, Mask b) { return {a.set && b.set}; }
    friend __device__ __forceinline__ Mask operator|(Mask a, Mask b) { return {a.set || b.set}; }
    friend __device__ __forceinline__ Mask operator!(Mask a) { return {!a.set}; }
    friend __device__ __forceinline__ bool any(Mask a) { return __any_sync(group(), a.set) != 0; }
    friend __device__ __forceinline__ bool all(Mask a) { return __all_sync(group(), a.set) != 0; }
  };

  struct Int {
    typename One::Int one;
    static __device__ __forceinline__ Int splat(Signed s) { return {One::Int::splat(s)}; }
    friend __device__ __forceinline__ Int operator+(Int a, Int b) { return {a.one + b.one}; }
    friend __device__ __forceinline__ Int operator-(Int a, Int b) { return {a.one - b.one}; }
    friend __device__ __forceinline__ Int operator&(Int a, Int b) { return {a.one & b.one}; }
    friend __device__ __forceinline__ Int operator|(Int a, Int b) { return {a.one | b.one}; }
    friend __device__ __forceinline__ Int operator^(Int a, Int b) { return {a.one ^ b.one}; }
    friend __device__ __forceinline__ Int operator~(Int a) { return {~a.one}; }
    friend __device__ __forceinline__ Mask operator==(Int a, Int b) { return {(a.one == b.one).set}; }
    friend __device__ __forceinline__ Mask operator<(Int a, Int b) { return {(a.one < b.one).set}; }
    friend __device__ __forceinline__ Mask operator>(Int a, Int b) { return b < a; }
    friend __device__ __forceinline__ Int select(Mask m, Int a, Int b) { return m.set ? a : b; }
    friend __device__ __forceinline__ Threads as_float(Int a) { return {as_float(a.one).value}; }
    template <int N>
    friend __device__ __forceinline__ Int shift_left(Int a) {
      return {shift_left<N>(a.one)};
    }
    template <int N>
    friend __device__ __forceinline__ Int shift_right(Int a) {
      return {shift_right<N>(a.one)};
    }
  };

  T value;

  __device__ __forceinline__ One one() const { return {value}; }
  static __device__ __forceinline__ Threads splat(T s) { return {s}; }
  static __device__ __forceinline__ Threads load(const T* p) { return {p[place()]}; }
  static __device__ __forceinline__ Threads load_partial(const T* p, std::size_t n) {
    return {place() < n ? p[place()] : T(0)};
  }
  __device__ __forceinline__ void store(T* p) const { p[place()] = value; }
  __device__ __forceinline__ void store_partial(T* p, std::size_t n) const {
    if (place() < n) p[place()] = value;
  }

  friend __device__ __forceinline__ Threads operator+(Threads a, Threads b) { return {a.value + b.value}; }
  friend __device__ __forceinline__ Threads operator-(Threads a, Threads b) { return {a.value - b.value}; }
  friend __device__ __forceinline__ Threads operator*(Threads a, Threads b) { return {a.value * b.value}; }
  friend __device__ __forceinline__ Threads operator/(Threads a, Threads b) { return {a.value / b.value}; }
  friend __device__ __forceinline__ Threads operator-(Threads a) { return {(-a.one()).value}; }
  friend __device__ __forceinline__ Threads fma(Threads a, Threads b, Threads c) {
    return {fma(a.one(), b.one(), c.one()).value};
  }
  friend __device__ __forceinline__ Threads sqrt(Threads a) { return {sqrt(a.one()).value}; }
  friend __device__ __forceinline__ Threads abs(Threads a) { return {abs(a.one()).value}; }
  friend __device__ __forceinline__ Threads copysign(Threads a, Threads b) {
    return {copysign(a.one(), b.one()).value};
  }
  friend __device__ __forceinline__ Mask operator<(Threads a, Threads b) { return {a.value < b.value}; }
  friend __device__ __forceinline__ Mask operator<=(Threads a, Threads b) { return {a.value <= b.value}; }
  friend __device__ __forceinline__ Mask operator>(Threads a, Threads b) { return {a.value > b.value}; }
  friend __device__ __forceinline__ Mask operator>=(Threads a, Threads b) { return {a.value >= b.value}; }
  friend __device__ __forceinline__ Mask operator==(Threads a, Threads b) { return {a.value == b.value}; }
  friend __device__ __forceinline__ Mask operator!=(Threads a, Threads b) { return {a.value != b.value}; }
  friend __device__ __forceinline__ Threads select(Mask m, Threads a, Threads b) { return m.set ? a : b; }
  friend __device__ __forceinline__ Int as_int(Threads a) { return {as_int(a.one())}; }

  /// The lane tree: what lane i + half holds is added to lane i. All threads get the sum of lane 0.
  friend __device__ __forceinline__ T reduce_add(Threads a) {
    meet();
    for (int half = lanes / 2; half > 0; half /= 2) {
      a.value = a.value + __shfl_down_sync(group(), a.value, half, lanes);
    }
    return __shfl_sync(group(), a.value, 0, lanes);
  }
  friend __device__ __forceinline__ T reduce_max(Threads a) {
    meet();
    for (int half = lanes / 2; half > 0; half /= 2) {
      const T other = __shfl_down_sync(group(), a.value, half, lanes);
      a.value = a.value > other ? a.value : other;
    }
    return __shfl_sync(group(), a.value, 0, lanes);
  }
  /// As numerics/row.h has it, which reads the lanes' numbers from a table.
  friend __device__ __forceinline__ Threads keep_first(Threads v, std::size_t count, Threads rest) {
    return place() < count ? v : rest;
  }
};

using F32 = Threads<float>;
using F64 = Threads<double>;

}  // namespace
}  // namespace lamina::cpu::LAMINA_ISA
