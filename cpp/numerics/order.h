// Every constant that decides in which order numbers are added. They are part
// of the numerics contract (docs/numerics.md): they never depend on the
// machine, the number of threads, the instruction set or tuning, and changing
// one changes `kVersion`.
#pragma once

#include <cstdint>

namespace lamina::numerics {

/// The version of the contract: raised whenever a release changes any bit.
constexpr int kVersion = 1;

/// Lanes of a reduction along a row: sixteen floats or eight doubles, one
/// 64-byte vector. Lane l sums the elements whose index is l modulo the lanes.
constexpr int kVectorBytes = 64;
template <class T>
constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));

/// A matrix product over features (forward, input gradient, matmul) sums this
/// many terms in one chain of fused multiply-adds; chains are joined by the
/// binary tree below.
constexpr std::int64_t kDepthChunk = 512;

/// A sum over the rows of a batch (weight and bias gradients, batch losses)
/// takes this many rows in one chain; chains are joined by the binary tree.
/// It is small so that threads, GPUs and processes can share a batch.
constexpr std::int64_t kRowChunk = 128;

/// A sum over a long vector takes this many elements at a time (lanes, then the
/// lane tree); the partial sums are joined by the binary tree.
constexpr std::int64_t kSumChunk = 4096;

// The binary tree over chunks 0..c-1: while more than one partial is left,
// partial 2i and 2i+1 are added into partial i; an odd last one is carried up
// unchanged. BinaryCounter gives the same result from left to right: after
// chunk i it joins as many partials as i+1 has trailing zero bits, and at the
// end joins what is left from right to left.

}  // namespace lamina::numerics
