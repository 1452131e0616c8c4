// Running sums and products: one chain from the first element, in the result's type.
#include "core/threads.h"
#include "cpu/array/array.h"

namespace lamina::cpu {

namespace {

template <class T>
T joined(CumulativeKind kind, T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    const auto x = static_cast<std::uint64_t>(a), y = static_cast<std::uint64_t>(b);
    return static_cast<T>(kind == CumulativeKind::sum ? x + y : x * y);
  } else {
    return kind == CumulativeKind::sum ? a + b : a * b;
  }
}

template <class T>
void scan_as(const CumulativeArguments& a) {
  const T* const x = static_cast<const T*>(a.x);
  T* const out = static_cast<T*>(a.out);
  const std::int64_t part = a.length * a.inner;
  threads::parallel_for(
      a.outer,
      [&](std::int64_t o) {
        const T* const from = x + o * part;
        T* const to = out + o * part;
        for (std::int64_t i = 0; i < part; ++i) {
          to[i] = i < a.inner ? from[i] : joined(a.kind, to[i - a.inner], from[i]);
        }
      },
      threads::worthwhile(static_cast<double>(a.outer) * static_cast<double>(part), a.outer));
}

}  // namespace

void array_cumulative(const CumulativeArguments& a) {
  if (a.outer == 0 || a.length == 0 || a.inner == 0) return;
  switch (a.type) {
    case ElementType::int64:
      return scan_as<std::int64_t>(a);
    case ElementType::float32:
      return scan_as<float>(a);
    default:
      return scan_as<double>(a);
  }
}

}  // namespace lamina::cpu
