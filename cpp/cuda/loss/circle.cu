#include "cpu/loss/circle.isa.h"
#include "cuda/gemm/gemm.h"
#include "cuda/loss/circle.h"
#include "cuda/memory.h"
#include "cuda/reduce/tree.h"

namespace lamina::cuda {
namespace {

using cpu::CircleRow;

/// A row of the batch against all rows: its loss, and its similarities become their slopes.
template <class T>
struct Row {
  static constexpr const char* kName = "circle loss";
  CircleRow<T> all;
  const T* weights;
  double scale;
  bool slopes;  ///< whether they are wanted
  T* losses;
  LAMINA_KERNEL void operator()(std::int64_t r) const {
    using V = Vec<T>;
    CircleRow<T> a = all;
    a.row = static_cast<std::size_t>(r);
    a.similarity = all.similarity + a.row * a.rows;
    const T loss = formulas::circle_row<V>(a);
    losses[r] = weights != nullptr ? weights[r] * loss : loss;
    if (!slopes) return;
    const V factor =
        V::splat(static_cast<T>(scale * (weights != nullptr ? static_cast<double>(weights[r]) : 1.0)));
    numerics::for_each_vector<V>(a.rows, [&](std::size_t i, std::size_t count) {
      const V slope = numerics::load_some<V>(a.similarity + i, count);
      numerics::store_some(slope * factor, a.similarity + i, count);
    });
  }
};

/// Each pair's slope reaches both of its rows.
template <class T>
struct BothWays {
  static constexpr const char* kName = "circle loss (pairs)";
  std::int64_t rows;
  T* slopes;
  LAMINA_KERNEL void operator()(std::int64_t e) const {
    const std::int64_t i = e / rows, j = e % rows;
    if (j < i) return;
    const T sum = slopes[i * rows + j] + slopes[j * rows + i];
    slopes[i * rows + j] = slopes[j * rows + i] = sum;
  }
};

/// The weight of a row that has a partner of its label and one of another, else +0.
template <class T>
struct Counted {
  static constexpr const char* kName = "circle loss (count)";
  std::int64_t rows;
  const std::int32_t* labels;
  bool remove_diagonal;
  const T* weights;  ///< null: ones
  double* to;
  LAMINA_KERNEL void operator()(std::int64_t r) const {
    bool near = false, far = false;
    for (std::int64_t j = 0; j < rows && !(near && far) && labels[r] >= 0; ++j) {
      if (labels[j] < 0) continue;
      const bool same = labels[j] == labels[r];
      near = near || (same && !(remove_diagonal && j == r));
      far = far || !same;
    }
    const double weight = weights != nullptr ? static_cast<double>(weights[r]) : 1.0;
    to[r] = near && far ? weight : 0.0;
  }
};

template <class T>
double total(const LossArguments& a, double* to, bool adds) {
  const std::int64_t n = a.rows;
  const std::size_t size = static_cast<std::size_t>(n) * sizeof(T);
  const Scratch own(sizeof(double)), pairs(static_cast<std::size_t>(n) * size), losses(size);
  double* const result = to != nullptr ? to : own.as<double>();
  if (n > 0)
    gemm(dense_product(a.dtype, n, n, a.columns, a.prediction, false, a.prediction, true, pairs.as<T>()));
  CircleRow<T> all{};
  all.gamma = a.loss.gamma;
  all.margin = a.loss.margin;
  all.remove_diagonal = a.loss.remove_diagonal;
  all.rows = static_cast<std::size_t>(n);
  all.labels = in<std::int32_t>(a.target);
  all.similarity = pairs.as<T>();
  T* const row_losses = a.row_losses != nullptr ? out<T>(a.row_losses) : losses.as<T>();
  for_each_group<T>(n, Row<T>{all, in<T>(a.weights), a.scale, a.gradient != nullptr, row_losses});
  tree_of(pieces_of(n, numerics::kRowChunk), ChunkOfRows<T, T>{n, row_losses, nullptr}, result, adds);
  if (a.gradient != nullptr && n > 0) {
    for_each_item(n * n, BothWays<T>{n, pairs.as<T>()});
    // The gradient may lie where the prediction does.
    const std::size_t bytes = static_cast<std::size_t>(a.columns) * size;
    const Scratch kept(bytes);
    runtime::copy(kept.as<T>(), a.prediction, bytes);
    gemm(dense_product(a.dtype, n, a.columns, n, pairs.as<T>(), false, kept.as<T>(), false, a.gradient));
  }
  return to != nullptr ? 0.0 : read(result);
}

template <class T>
double counted(const LossArguments& a, bool weighted) {
  const Scratch memory(static_cast<std::size_t>(a.rows + 1) * sizeof(double));
  double *const each = memory.as<double>(), *const sum = each + a.rows;
  for_each_item(a.rows, Counted<T>{a.rows, in<std::int32_t>(a.target), a.loss.remove_diagonal,
                                   weighted ? in<T>(a.weights) : nullptr, each});
  sum_of_rows<T, double>(a.rows, each, nullptr, sum);
  return read(sum);
}

}  // namespace

double circle_loss(const LossArguments& a, double* to, bool adds) {
  return a.dtype == DType::float32 ? total<float>(a, to, adds) : total<double>(a, to, adds);
}

double circle_count(const LossArguments& a, bool weighted) {
  return a.dtype == DType::float32 ? counted<float>(a, weighted) : counted<double>(a, weighted);
}

}  // namespace lamina::cuda
