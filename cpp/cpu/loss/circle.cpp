#include "cpu/loss/circle.h"

#include <vector>

#include "cpu/dispatch.h"
#include "cpu/gemm/gemm.h"
#include "cpu/loss/row_chunks.h"

namespace lamina::cpu {
namespace {

using numerics::kRowChunk;

template <class T>
const LossKernelsOf<T>& circle_kernels() {
  if constexpr (sizeof(T) == 4) {
    return kernels().loss->f32;
  } else {
    return kernels().loss->f64;
  }
}

template <class T>
double circle(const LossArguments& a) {
  const std::int64_t n = a.rows;
  if (n == 0) return 0.0;
  const auto* const x = static_cast<const T*>(a.prediction);
  const auto* const weights = static_cast<const T*>(a.weights);
  const auto* const labels = static_cast<const std::int32_t*>(a.target);
  std::vector<T> pairs(static_cast<std::size_t>(n * n));
  gemm(dense_product(a.dtype, n, n, a.columns, x, false, x, true, pairs.data()));
  const double total =
      sum_over_chunks(n, 20.0 * static_cast<double>(n), [&](std::int64_t first, std::int64_t rows) {
        double sum = 0.0;
        for (std::int64_t r = first; r < first + rows; ++r) {
          T* const row = pairs.data() + r * n;
          const CircleRow<T> one{a.loss.gamma,
                                 a.loss.margin,
                                 a.loss.remove_diagonal,
                                 static_cast<std::size_t>(n),
                                 static_cast<std::size_t>(r),
                                 labels,
                                 row};
          const T loss = circle_kernels<T>().circle_row(one);
          const T own = weights != nullptr ? weights[r] * loss : loss;
          if (a.row_losses != nullptr) static_cast<T*>(a.row_losses)[r] = own;
          sum += static_cast<double>(own);
          if (a.gradient == nullptr) continue;
          const T factor =
              static_cast<T>(a.scale * (weights != nullptr ? static_cast<double>(weights[r]) : 1.0));
          for (std::int64_t j = 0; j < n; ++j) row[j] *= factor;
        }
        return sum;
      });
  if (a.gradient == nullptr) return total;
  // Each pair's slope reaches both of its rows.
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = i; j < n; ++j) {
      const T sum = pairs[static_cast<std::size_t>(i * n + j)] + pairs[static_cast<std::size_t>(j * n + i)];
      pairs[static_cast<std::size_t>(i * n + j)] = pairs[static_cast<std::size_t>(j * n + i)] = sum;
    }
  }
  const std::vector<T> kept(x, x + n * a.columns);  // the gradient may lie where the prediction does
  gemm(dense_product(a.dtype, n, a.columns, n, pairs.data(), false, kept.data(), false, a.gradient));
  return total;
}

template <class T>
double counted(const LossArguments& a, bool weighted) {
  const auto* const labels = static_cast<const std::int32_t*>(a.target);
  const auto* const weights = static_cast<const T*>(a.weights);
  return sum_over_chunks(a.rows, static_cast<double>(a.rows), [&](std::int64_t first, std::int64_t rows) {
    double sum = 0.0;
    for (std::int64_t r = first; r < first + rows; ++r) {
      bool near = false, far = false;
      for (std::int64_t j = 0; j < a.rows && !(near && far) && labels[r] >= 0; ++j) {
        if (labels[j] < 0) continue;
        const bool same = labels[j] == labels[r];
        near |= same && !(a.loss.remove_diagonal && j == r);
        far |= !same;
      }
      if (near && far) sum += weighted && weights != nullptr ? static_cast<double>(weights[r]) : 1.0;
    }
    return sum;
  });
}

}  // namespace

double circle_loss(const LossArguments& arguments) {
  return arguments.dtype == DType::float32 ? circle<float>(arguments) : circle<double>(arguments);
}

double circle_count(const LossArguments& arguments, bool weighted) {
  return arguments.dtype == DType::float32 ? counted<float>(arguments, weighted)
                                           : counted<double>(arguments, weighted);
}

}  // namespace lamina::cpu
