#include "cuda/strided/strided.h"
#include "core/error.h"
#include "cuda/launch.h"
#include "numerics/chunk_tree.h"
#include "numerics/order.h"
#include "device/strided_functions.h"

namespace lamina::cuda {
namespace {

using std::int64_t;

template <StridedKind kind, class T>
struct Strided {
  static constexpr const char* kName = "strided";
  int axes;
  StridedArguments::Axis axis[StridedArguments::kMostAxes];
  const T *a, *b, *c;
  T* out;
  T number;
  bool number_first;
  LAMINA_KERNEL void operator()(int64_t i) const {
    int64_t of_a = 0, of_b = 0, of_c = 0, of_out = 0;
    for (int k = axes; k-- > 0;) {
      const int64_t at = i % axis[k].extent;
      i /= axis[k].extent;
      of_a += at * axis[k].a;
      of_b += at * axis[k].b;
      of_c += at * axis[k].c;
      of_out += at * axis[k].out;
    }
    T x = number_first ? number : a[of_a];
    T y = number_first ? a[of_b] : b == nullptr ? number : b[of_b];
    const T z = c == nullptr ? number : c[of_c];
    out[of_out] = strided_function<kind, T>(x, y, z);
  }
};

template <StridedKind kind, class T>
void run(const StridedArguments& s) {
  Strided<kind, T> kernel{};
  kernel.axes = s.axes;
  int64_t n = 1;
  for (int k = 0; k < s.axes; ++k) {
    kernel.axis[k] = s.axis[k];
    n *= s.axis[k].extent;
  }
  kernel.a = in<T>(s.a);
  kernel.b = s.b == nullptr ? nullptr : in<T>(s.b);
  kernel.c = s.c == nullptr ? nullptr : in<T>(s.c);
  kernel.out = out<T>(s.out);
  kernel.number = static_cast<T>(s.number);
  kernel.number_first = s.number_first;
  for_each_item(n, kernel);
}

template <ReduceKind kind, class T>
LAMINA_KERNEL T joined(T a, T b) {
  if constexpr (kind == ReduceKind::sum) return a + b;
  if constexpr (kind == ReduceKind::max) return a != a ? a : a > b ? a : b;
  if constexpr (kind == ReduceKind::min) return a != a ? a : a < b ? a : b;
}
template <ReduceKind kind, class T>
LAMINA_KERNEL T start_of() {
  if constexpr (kind == ReduceKind::sum) return T(0);
  return static_cast<T>(kind == ReduceKind::max ? -__builtin_huge_val() : __builtin_huge_val());
}

/// The chunk tree (numerics/chunk_tree.h) with any of the operations.
template <ReduceKind kind, class T>
struct Tree {
  T stack[64];
  unsigned long long count = 0;
  int depth = 0;
  LAMINA_KERNEL void push(T partial) {
    for (unsigned long long n = count; (n & 1) != 0; n >>= 1) partial = joined<kind, T>(stack[--depth], partial);
    stack[depth++] = partial;
    ++count;
  }
  LAMINA_KERNEL T total() {
    T result = stack[--depth];
    while (depth > 0) result = joined<kind, T>(stack[--depth], result);
    return result;
  }
};

/// One result each: chains in chunks of rows, or lanes in chunks of a row.
template <ReduceKind kind, class T>
struct Reduce {
  static constexpr const char* kName = "reduce";
  static constexpr int kLanes = sizeof(T) == 4 ? 16 : 8;
  int64_t reduced, inner;
  bool row;
  const T* x;
  T* out;
  LAMINA_KERNEL void operator()(int64_t i) const {
    Tree<kind, T> tree;
    const T* const from = x + i / inner * reduced * inner + i % inner;
    const int64_t chunk = row ? numerics::kSumChunk : numerics::kRowChunk;
    for (int64_t first = 0; first < reduced || first == 0; first += chunk) {
      const int64_t end = first + chunk < reduced ? first + chunk : reduced;
      tree.push(row ? lanes(from + first, end - first) : chain(from, first, end));
    }
    out[i] = tree.total();
  }
  LAMINA_KERNEL T chain(const T* from, int64_t first, int64_t end) const {
    T folded = start_of<kind, T>();
    for (int64_t r = first; r < end; ++r) folded = joined<kind, T>(folded, from[r * inner]);
    return folded;
  }
  LAMINA_KERNEL T lanes(const T* from, int64_t n) const {
    T lane[kLanes];
    for (int l = 0; l < kLanes; ++l) lane[l] = start_of<kind, T>();
    const int64_t whole = (n + kLanes - 1) / kLanes * kLanes;
    for (int64_t j = 0; j < whole; ++j) {  // lanes beyond the end join the start once more
      lane[j % kLanes] = joined<kind, T>(lane[j % kLanes], j < n ? from[j] : start_of<kind, T>());
    }
    for (int half = kLanes / 2; half > 0; half /= 2) {
      for (int l = 0; l < half; ++l) lane[l] = joined<kind, T>(lane[l], lane[l + half]);
    }
    return lane[0];
  }
};

template <ReduceKind kind>
void reduce_as(const ReduceArguments& f) {
  if (f.type == ElementType::float32) {
    for_each_item(f.outer * f.inner,
                  Reduce<kind, float>{f.reduced, f.inner, f.row, in<float>(f.x), out<float>(f.out)});
  } else {
    for_each_item(f.outer * f.inner,
                  Reduce<kind, double>{f.reduced, f.inner, f.row, in<double>(f.x), out<double>(f.out)});
  }
}

}  // namespace

void strided(const StridedArguments& s) {
  visit_strided(s.kind, [&s]<StridedKind kind>() {
    s.dtype == DType::float32 ? run<kind, float>(s) : run<kind, double>(s);
  });
}

void reduce(const ReduceArguments& f) {
  const bool floating = f.type == ElementType::float32 || f.type == ElementType::float64;
  if (floating && f.kind == ReduceKind::sum) return reduce_as<ReduceKind::sum>(f);
  if (floating && f.kind == ReduceKind::max) return reduce_as<ReduceKind::max>(f);
  if (floating && f.kind == ReduceKind::min) return reduce_as<ReduceKind::min>(f);
  throw StateError("[reduce] this device has sums, largest and smallest of float32 and float64 only");
}

}  // namespace lamina::cuda
