#include "cpu/vector_ops/vector_ops.h"

#include <algorithm>
#include <type_traits>
#include <vector>

#include "core/threads.h"
#include "cpu/dispatch.h"
#include "numerics/chunk_tree.h"
#include "numerics/order.h"

namespace lamina::cpu {
namespace {

using numerics::kSumChunk;

static_assert(static_cast<int>(VectorKind::lift) + 1 == kVectorKinds);

// How the work is cut into tasks; none of these decides about bits.
constexpr std::int64_t kPiece = 8192;
constexpr std::int64_t kChunksPerTask = 8;
constexpr double kNanosecondsPerByte = 0.04;

template <class T>
const VectorKernels::Table<T>& table() {
  if constexpr (std::is_same_v<T, float>) {
    return kernels().vector->f32;
  } else {
    return kernels().vector->f64;
  }
}

template <class T>
void flat_as(const VectorArguments& f) {
  const auto kernel = table<T>().elementwise[static_cast<int>(f.kind)];
  const T a = static_cast<T>(f.a), b = static_cast<T>(f.b);
  const T* const x = static_cast<const T*>(f.x);
  const T* const y = static_cast<const T*>(f.y);
  T* const out = static_cast<T*>(f.out);
  const std::int64_t pieces = (f.n + kPiece - 1) / kPiece;
  const int threads = threads::worthwhile(kNanosecondsPerByte * sizeof(T) * static_cast<double>(f.n), pieces);
  if (threads <= 1) {
    kernel(f.n, a, b, x, y, out);
    return;
  }
  threads::parallel_for(
      pieces,
      [&](std::int64_t piece) {
        const std::int64_t first = piece * kPiece;
        kernel(std::min(kPiece, f.n - first), a, b, x + first, y == nullptr ? nullptr : y + first,
               out + first);
      },
      threads);
}

template <class T>
double dot_as(std::int64_t n, const T* x, const T* y) {
  const auto kernel = table<T>().lane_dots;
  const std::int64_t chunks = (n + kSumChunk - 1) / kSumChunk, whole = n / kSumChunk;
  const std::int64_t tasks = (chunks + kChunksPerTask - 1) / kChunksPerTask;
  const auto sum_task = [&](std::int64_t task, T* out) {
    const std::int64_t first = task * kChunksPerTask, last = std::min(chunks, first + kChunksPerTask);
    const std::int64_t full = std::min(last, whole) - first, at = first * kSumChunk;
    kernel(full, kSumChunk, x + at, y + at, kSumChunk, out);
    if (first + full < last) {
      const std::int64_t rest = whole * kSumChunk;
      kernel(1, n - rest, x + rest, y + rest, 0, out + full);
    }
    return last - first;
  };
  numerics::BinaryCounter<T> tree;
  const int threads =
      threads::worthwhile(2 * kNanosecondsPerByte * sizeof(T) * static_cast<double>(n), tasks);
  if (threads <= 1) {
    T sums[kChunksPerTask];
    for (std::int64_t task = 0; task < tasks; ++task) {
      const std::int64_t count = sum_task(task, sums);
      for (std::int64_t i = 0; i < count; ++i) tree.push(sums[i]);
    }
    return static_cast<double>(tree.total(T(0)));
  }
  std::vector<T> sums(static_cast<std::size_t>(chunks));
  threads::parallel_for(
      tasks, [&](std::int64_t task) { sum_task(task, sums.data() + task * kChunksPerTask); }, threads);
  for (const T sum : sums) tree.push(sum);
  return static_cast<double>(tree.total(T(0)));
}

}  // namespace

void vector_op(const VectorArguments& arguments) {
  if (arguments.dtype == DType::float32) {
    flat_as<float>(arguments);
  } else {
    flat_as<double>(arguments);
  }
}

double dot(DType dtype, std::int64_t n, const void* x, const void* y) {
  if (dtype == DType::float32) return dot_as(n, static_cast<const float*>(x), static_cast<const float*>(y));
  return dot_as(n, static_cast<const double*>(x), static_cast<const double*>(y));
}

double abs_max(DType dtype, std::int64_t n, const void* x) {
  if (dtype == DType::float32) {
    return static_cast<double>(table<float>().abs_max(n, static_cast<const float*>(x)));
  }
  return table<double>().abs_max(n, static_cast<const double*>(x));
}

bool all_finite(DType dtype, std::int64_t n, const void* x) {
  if (dtype == DType::float32) return table<float>().all_finite(n, static_cast<const float*>(x));
  return table<double>().all_finite(n, static_cast<const double*>(x));
}

}  // namespace lamina::cpu
