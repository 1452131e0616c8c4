// The hash of a sequence of floats or doubles by which results are compared.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace lamina::test {

/// FNV-1a with 64 bits of state, over one whole element (not one byte) at a time; every NaN
/// counts as the same one.
class ElementaryHash {
 public:
  void add(std::uint64_t word) { state_ = (state_ ^ word) * 0x00000100000001b3u; }
  void add(float x) { add(std::uint64_t{x != x ? 0x7fc00000u : std::bit_cast<std::uint32_t>(x)}); }
  void add(double x) { add(x != x ? std::uint64_t{0x7ff8000000000000u} : std::bit_cast<std::uint64_t>(x)); }
  template <class T>
  void add(const T* x, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) add(x[i]);
  }
  std::uint64_t value() const { return state_; }

 private:
  std::uint64_t state_ = 0xcbf29ce484222325u;
};

}  // namespace lamina::test
