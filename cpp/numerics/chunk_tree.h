// The binary tree of order.h over the partial sums of chunks, from left to right.
//
// The tree: while more than one partial is left, partials 2i and 2i+1 are added (left operand first)
// into partial i; an odd last one is carried up unchanged. Whoever computes the chunks one after the
// other needs only a stack of at most tree_depth(chunks) partials:
//
//   after chunk i (counted from 0): push its partial, then joins_after(i) times replace the two
//   topmost entries by their sum (lower entry + upper entry);
//   after the last of c chunks: popcount(c) entries are left; while more than one is, replace the
//   two topmost entries by their sum.
//
// The entries may be numbers (BinaryCounter), or whole tiles and rows of them, added element by
// element. Chunks 2^j * g ... 2^j * (g+1) - 1 are a subtree: their sum may be computed anywhere, and
// the tree over such sums is the tree over all chunks. That is how threads share one sum.
#pragma once

#include <cstdint>

#include "numerics/policy.h"

namespace lamina::numerics {

/// How many sums follow the push of chunk `chunk`: the trailing zero bits of chunk + 1.
LAMINA_INLINE constexpr int joins_after(std::int64_t chunk) {
  int joins = 0;
  for (std::uint64_t n = static_cast<std::uint64_t>(chunk) + 1; (n & 1) == 0; n >>= 1) ++joins;
  return joins;
}

/// The largest number of stack entries while `chunks` chunks are pushed and joined, the newest one
/// included: the bits of `chunks`.
LAMINA_INLINE constexpr int tree_depth(std::int64_t chunks) {
  int bits = 0;
  for (std::uint64_t n = static_cast<std::uint64_t>(chunks); n != 0; n >>= 1) ++bits;
  return bits;
}

/// The tree over numbers. T is float, double or an arithmetic policy.
template <class T>
class BinaryCounter {
 public:
  /// Adds the next chunk's partial sum.
  LAMINA_INLINE void push(T partial) {
    for (std::uint64_t n = count_; (n & 1) != 0; n >>= 1) partial = stack_[--depth_] + partial;
    stack_[depth_++] = partial;
    ++count_;
  }
  /// The sum of all chunks; `zero` (+0) if there were none. Call once, at the end.
  LAMINA_INLINE T total(T zero) {
    if (depth_ == 0) return zero;
    T sum = stack_[--depth_];
    while (depth_ > 0) sum = stack_[--depth_] + sum;
    return sum;
  }

 private:
  T stack_[64];
  std::uint64_t count_ = 0;
  int depth_ = 0;
};

}  // namespace lamina::numerics
