// The kernels of this room that are compiled once per instruction set. Layout of the words:
// numerics/philox.h; formulas: numerics/distributions.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "numerics/distributions.h"

namespace lamina::cpu {

/// Words of one stream, from block `block` on (a multiple of 16: the start of a group).
struct RandomSource {
  std::uint64_t seed, stream, block;
};

/// A block of rows of a matrix of which every element is kept or dropped.
template <class T>
struct DropoutBlock {
  std::uint64_t seed, stream;
  std::uint64_t first_group;  ///< of the block's upper left element
  std::uint64_t row_groups;   ///< from one row to the next, in groups
  std::int64_t rows, columns;
  std::int64_t stride;  ///< from one row to the next, in elements
  std::uint32_t drop_below;
  T scale;
  const T* in;
  T* out;  ///< may be `in`
};

/// Plain pointers; one table per instruction set, defined in random.isa.cpp. `n` counts
/// elements, from the source's first word on.
struct RandomKernels {
  void (*words32)(const RandomSource&, std::int64_t n, std::uint32_t* out);
  void (*words64)(const RandomSource&, std::int64_t n, std::uint64_t* out);
  void (*uniform_f32)(const RandomSource&, std::int64_t n, const numerics::UniformRange<float>&, float* out);
  void (*uniform_f64)(const RandomSource&, std::int64_t n, const numerics::UniformRange<double>&,
                      double* out);
  void (*normal_f32)(const RandomSource&, std::int64_t n, float mean, float stddev, float* out);
  void (*normal_f64)(const RandomSource&, std::int64_t n, double mean, double stddev, double* out);
  void (*truncated_normal_f32)(const RandomSource&, std::int64_t n, float mean, float stddev, float* out);
  void (*truncated_normal_f64)(const RandomSource&, std::int64_t n, double mean, double stddev, double* out);
  /// out = kept ? in * scale : +0.
  void (*dropout_f32)(const DropoutBlock<float>&);
  void (*dropout_f64)(const DropoutBlock<double>&);
};

}  // namespace lamina::cpu
