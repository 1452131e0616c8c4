// Numbers for tests: reproducible, and unkind to a wrong order of additions.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

namespace lamina::test {

class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : state_(seed) {}

  std::uint64_t bits() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  std::int64_t below(std::int64_t n) {
    return static_cast<std::int64_t>(bits() % static_cast<std::uint64_t>(n));
  }
  /// Of either sign, magnitudes over ten powers of two, now and then a zero of either sign.
  template <class T>
  T number() {
    const std::uint64_t r = bits();
    const T magnitude = std::ldexp(static_cast<T>(1.0 + static_cast<double>(r >> 12) * 0x1p-52),
                                   static_cast<int>(r % 10) - 5);
    const T value = r % 31 == 0 ? T(0) : magnitude;
    return (r >> 8) % 2 == 0 ? value : -value;
  }
  template <class T>
  std::vector<T> numbers(std::int64_t n) {
    std::vector<T> values(static_cast<std::size_t>(n));
    for (T& value : values) value = number<T>();
    return values;
  }

 private:
  std::uint64_t state_;
};

/// The same bits; of NaN only that both are.
template <class T>
bool same_bits(T a, T b) {
  return std::memcmp(&a, &b, sizeof a) == 0 || (a != a && b != b);
}
template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!same_bits(a[i], b[i])) return false;
  }
  return true;
}

}  // namespace lamina::test
