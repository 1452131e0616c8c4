// A hash of results, for golden bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "numerics/scalar.h"

namespace lamina::test {

/// FNV-1a over the bytes of some results: the same on every machine and compiler.
class Fingerprint {
 public:
  template <class T>
  void add(const std::vector<T>& values) {
    for (const T v : values) {
      std::uint64_t bits = 0;
      if constexpr (std::is_integral_v<T>) {
        bits = static_cast<std::uint64_t>(v);
      } else {
        bits = numerics::builtin::bits<typename numerics::builtin::IntegerOf<T>::Unsigned>(v);
      }
      for (std::size_t i = 0; i < sizeof v; ++i) {
        hash_ = (hash_ ^ ((bits >> (8 * i)) & 0xff)) * 0x100000001b3;
      }
    }
  }
  std::uint64_t hash() const { return hash_; }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325;
};

}  // namespace lamina::test
