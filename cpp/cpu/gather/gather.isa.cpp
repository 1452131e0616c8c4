#include "cpu/gather/kernels.h"
#include "cpu/vec/vec.h"
#include "device/kinds.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

/// NumPy's bool: a byte, true unless zero.
struct Boolean {
  std::uint8_t byte;
  explicit LAMINA_INLINE operator float() const { return byte != 0 ? 1.0f : 0.0f; }
  explicit LAMINA_INLINE operator double() const { return byte != 0 ? 1.0 : 0.0; }
  explicit LAMINA_INLINE operator std::int32_t() const { return byte != 0 ? 1 : 0; }
  explicit LAMINA_INLINE operator std::uint64_t() const { return byte != 0 ? 1u : 0u; }
};

template <class S>
LAMINA_INLINE S read(const unsigned char* from) {
  S s;
  __builtin_memcpy(&s, from, sizeof s);
  return s;
}

template <class S>
struct IsFloat {
  static constexpr bool value = false;
};
template <>
struct IsFloat<float> {
  static constexpr bool value = true;
};
template <>
struct IsFloat<double> {
  static constexpr bool value = true;
};

/// As C++ converts; a NaN that becomes a class index is one that is missing.
template <class T, class S>
LAMINA_INLINE T converted(S s) {
  if constexpr (IsFloat<S>::value && !IsFloat<T>::value) {
    return s == s ? static_cast<T>(s) : kMissingLabel;
  } else {
    return static_cast<T>(s);
  }
}

// Conversions are C++'s own: exact, or rounded to nearest even. The dense case has a constant stride, so
// the compiler uses this instruction set's conversions; they round the same.
template <class S, class T>
void convert(const unsigned char* from, std::int64_t stride, std::int64_t n, void* to) {
  T* const out = static_cast<T*>(to);
  if (stride == static_cast<std::int64_t>(sizeof(S))) {
    for (std::int64_t i = 0; i < n; ++i) {
      out[i] = converted<T>(read<S>(from + i * static_cast<std::int64_t>(sizeof(S))));
    }
  } else {
    for (std::int64_t i = 0; i < n; ++i) out[i] = converted<T>(read<S>(from + i * stride));
  }
}

// No conversion: whole vectors.
template <class T>
LAMINA_INLINE void copy(const unsigned char* from, std::int64_t stride, std::int64_t n, void* to) {
  using V = Vec<T>;
  T* const out = static_cast<T*>(to);
  if (stride != static_cast<std::int64_t>(sizeof(T)) ||
      reinterpret_cast<std::uintptr_t>(from) % sizeof(T) != 0) {
    for (std::int64_t i = 0; i < n; ++i) out[i] = read<T>(from + i * stride);
    return;
  }
  const T* const in = reinterpret_cast<const T*>(from);
  std::int64_t i = 0;
  for (; i + V::lanes <= n; i += V::lanes) V::load(in + i).store(out + i);
  const std::size_t rest = static_cast<std::size_t>(n - i);
  if (rest != 0) V::load_partial(in + i, rest).store_partial(out + i, rest);
}
template <>
void convert<float, float>(const unsigned char* from, std::int64_t stride, std::int64_t n, void* to) {
  copy<float>(from, stride, n, to);
}
template <>
void convert<double, double>(const unsigned char* from, std::int64_t stride, std::int64_t n, void* to) {
  copy<double>(from, stride, n, to);
}

template <class S>
LAMINA_INLINE bool is_bad_label(S s, std::int64_t classes) {
  if constexpr (IsFloat<S>::value) {
    // float widens exactly. Below 2^31 a double that equals its truncation is whole.
    const double label = static_cast<double>(s);
    if (!(label >= 0.0 && label < static_cast<double>(classes))) return true;
    return static_cast<double>(static_cast<std::int64_t>(label)) != label;
  } else {
    // A negative number becomes larger than any count of classes.
    return static_cast<std::uint64_t>(s) >= static_cast<std::uint64_t>(classes);
  }
}

template <class S>
std::int64_t find_bad_label(const unsigned char* from, std::int64_t stride, std::int64_t n,
                            std::int64_t classes) {
  for (std::int64_t i = 0; i < n; ++i) {
    if (is_bad_label(read<S>(from + i * stride), classes)) return i;
  }
  return -1;
}

template <class T>
bool has_nan(const unsigned char* from, std::int64_t stride, std::int64_t n) {
  std::int64_t i = 0;
  if (stride == static_cast<std::int64_t>(sizeof(T)) &&
      reinterpret_cast<std::uintptr_t>(from) % sizeof(T) == 0) {
    using V = Vec<T>;
    const T* const in = reinterpret_cast<const T*>(from);
    for (; i + 4 * V::lanes <= n; i += 4 * V::lanes) {
      const V a = V::load(in + i), b = V::load(in + i + V::lanes);
      const V c = V::load(in + i + 2 * V::lanes), d = V::load(in + i + 3 * V::lanes);
      if (any((a != a) | (b != b) | (c != c) | (d != d))) return true;
    }
  }
  for (; i < n; ++i) {
    const T x = read<T>(from + i * stride);
    if (x != x) return true;
  }
  return false;
}

}  // namespace

#define LAMINA_CONVERT(S) {convert<S, float>, convert<S, double>, convert<S, std::int32_t>}

extern const GatherKernels gather_kernels;
const GatherKernels gather_kernels = {
    {LAMINA_CONVERT(Boolean), LAMINA_CONVERT(std::int8_t), LAMINA_CONVERT(std::uint8_t),
     LAMINA_CONVERT(std::int16_t), LAMINA_CONVERT(std::uint16_t), LAMINA_CONVERT(std::int32_t),
     LAMINA_CONVERT(std::uint32_t), LAMINA_CONVERT(std::int64_t), LAMINA_CONVERT(std::uint64_t),
     LAMINA_CONVERT(float), LAMINA_CONVERT(double)},
    {find_bad_label<Boolean>, find_bad_label<std::int8_t>, find_bad_label<std::uint8_t>,
     find_bad_label<std::int16_t>, find_bad_label<std::uint16_t>, find_bad_label<std::int32_t>,
     find_bad_label<std::uint32_t>, find_bad_label<std::int64_t>, find_bad_label<std::uint64_t>,
     find_bad_label<float>, find_bad_label<double>},
    {nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, has_nan<float>,
     has_nan<double>},
};

}  // namespace lamina::cpu::LAMINA_ISA
