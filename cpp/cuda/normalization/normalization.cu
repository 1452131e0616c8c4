#include "cpu/normalization/formulas.isa.h"
#include "cuda/memory.h"
#include "cuda/normalization/normalization.h"
#include "cuda/reduce/tree.h"
#include "numerics/renormalization.h"

namespace lamina::cuda {
namespace {

using cpu::NormalizedRows;

/// What normalises a column: given or worked out before.
template <class T>
struct Factors {
  const T *mean, *variance, *gamma;
  T epsilon;
  const T *factor, *offset;  ///< of renormalization, or null
  LAMINA_KERNEL T centre(std::int64_t j) const { return mean != nullptr ? mean[j] : T(0); }
  LAMINA_KERNEL T inverse(std::int64_t j) const {
    return variance != nullptr ? T(1) / numerics::builtin::root(variance[j] + epsilon) : T(1);
  }
  LAMINA_KERNEL T scale(std::int64_t j) const {
    if (factor != nullptr) return (gamma != nullptr ? gamma[j] * factor[j] : factor[j]) * inverse(j);
    return gamma != nullptr ? gamma[j] * inverse(j) : inverse(j);
  }
  LAMINA_KERNEL T shift(T beta, std::int64_t j) const {
    if (offset == nullptr) return beta;
    return gamma != nullptr ? numerics::builtin::fused(offset[j], gamma[j], beta) : offset[j] + beta;
  }
};

/// Leads the statistics of a batch towards moving ones.
template <class T>
struct Renormalize {
  static constexpr const char* kName = "renormalize";
  numerics::RenormalizationBounds<T> bounds;
  const T *mean, *variance, *moving_mean, *moving_deviation;
  T *deviation, *factor, *offset;
  LAMINA_KERNEL void operator()(std::int64_t j) const {
    const auto found =
        numerics::renormalized(mean[j], variance[j], moving_mean[j], moving_deviation[j], bounds);
    deviation[j] = found.deviation;
    factor[j] = found.factor;
    offset[j] = found.offset;
  }
};

template <class T>
struct Mean {
  std::int64_t columns;
  const T* x;
  T n;
  T* out;
  LAMINA_KERNEL T term(T sum, std::int64_t r, std::int64_t j) const { return sum + x[r * columns + j]; }
  LAMINA_KERNEL void finish(std::int64_t j, T total) const { out[j] = total / n; }
};

template <class T>
struct Variance {
  std::int64_t columns;
  const T *x, *mean;
  T n;
  T* out;
  LAMINA_KERNEL T term(T sum, std::int64_t r, std::int64_t j) const {
    const T d = x[r * columns + j] - mean[j];
    return numerics::builtin::fused(d, d, sum);
  }
  LAMINA_KERNEL void finish(std::int64_t j, T total) const { out[j] = total / n; }
};

template <class T>
struct ColumnsForward {
  static constexpr const char* kName = "normalize columns";
  std::int64_t columns;
  Factors<T> factors;
  const T *x, *beta;
  T* y;
  LAMINA_KERNEL void operator()(std::int64_t i) const {
    const std::int64_t j = i % columns;
    const T shift = factors.shift(beta != nullptr ? beta[j] : T(0), j);
    y[i] = numerics::builtin::fused(x[i] - factors.centre(j), factors.scale(j), shift);
  }
};

/// Column j of `columns` is the sum of dy, column columns + j that of dy times the normalised x.
template <class T>
struct ColumnGradients {
  std::int64_t columns;
  Factors<T> factors;
  const T *x, *dy;
  T *sums, *beta_gradient, *gamma_gradient;
  LAMINA_KERNEL T term(T sum, std::int64_t r, std::int64_t e) const {
    const std::int64_t j = e % columns, at = r * columns + j;
    if (e < columns) return sum + dy[at];
    return numerics::builtin::fused(dy[at], (x[at] - factors.centre(j)) * factors.inverse(j), sum);
  }
  LAMINA_KERNEL void finish(std::int64_t e, T total) const {
    sums[e] = total;
    T* const gradient = e < columns ? beta_gradient : gamma_gradient;
    if (gradient != nullptr) gradient[e % columns] = total;
  }
};

/// The gradient of gamma from those of the effective gamma and beta.
template <class T>
struct RenormalizedGradient {
  static constexpr const char* kName = "gradient of renormalized factors";
  std::int64_t columns;
  const T *sums, *factor, *offset;
  T* gamma_gradient;
  LAMINA_KERNEL void operator()(std::int64_t j) const {
    gamma_gradient[j] = numerics::builtin::fused(offset[j], sums[j], factor[j] * sums[columns + j]);
  }
};

template <class T>
struct ColumnsBackward {
  static constexpr const char* kName = "normalize columns (backward)";
  std::int64_t columns;
  Factors<T> factors;
  const T *x, *dy;
  const T* sums;  ///< null without batch statistics
  T n;
  T* dx;
  LAMINA_KERNEL void operator()(std::int64_t i) const {
    const std::int64_t j = i % columns;
    const T a = sums != nullptr ? sums[j] / n : T(0), b = sums != nullptr ? sums[columns + j] / n : T(0);
    const Lane<T> h{(x[i] - factors.centre(j)) * factors.inverse(j)};
    dx[i] = factors.scale(j) * fma(-h, Lane<T>{b}, Lane<T>{dy[i] - a}).value;
  }
};

template <class T>
Factors<T> factors_of(const ColumnNormalization& c) {
  const Renormalization* r = c.renormalization;
  return {in<T>(c.mean),
          in<T>(c.variance),
          in<T>(c.gamma),
          static_cast<T>(c.epsilon),
          r != nullptr ? in<T>(r->factor) : nullptr,
          r != nullptr ? in<T>(r->offset) : nullptr};
}

template <class T>
void forward_columns(const ColumnNormalization& c) {
  const T* x = in<T>(c.x);
  if (c.batch_statistics) {
    const T n = static_cast<T>(c.rows);
    down_columns<T>(c.rows, c.columns, Mean<T>{c.columns, x, n, out<T>(c.mean)});
    down_columns<T>(c.rows, c.columns, Variance<T>{c.columns, x, in<T>(c.mean), n, out<T>(c.variance)});
    if (const Renormalization* r = c.renormalization; r != nullptr) {
      for_each_item(c.columns, Renormalize<T>{{static_cast<T>(c.epsilon), static_cast<T>(r->r_min),
                                               static_cast<T>(r->r_max), static_cast<T>(r->d_max)},
                                              in<T>(c.mean),
                                              in<T>(c.variance),
                                              in<T>(r->moving_mean),
                                              in<T>(r->moving_deviation),
                                              out<T>(r->deviation),
                                              out<T>(r->factor),
                                              out<T>(r->offset)});
    }
  }
  for_each_item(c.rows * c.columns,
                ColumnsForward<T>{c.columns, factors_of<T>(c), x, in<T>(c.beta), out<T>(c.y)});
}

template <class T>
void backward_columns(const ColumnNormalization& c) {
  const bool sums_needed = c.gamma_gradient != nullptr || c.beta_gradient != nullptr || c.batch_statistics;
  const Scratch sums(static_cast<std::size_t>(2 * c.columns) * sizeof(T));
  const Factors<T> factors = factors_of<T>(c);
  const T *x = in<T>(c.x), *dy = in<T>(c.dy);
  if (sums_needed) {
    down_columns<T>(c.rows, 2 * c.columns,
                    ColumnGradients<T>{c.columns, factors, x, dy, sums.as<T>(), out<T>(c.beta_gradient),
                                       out<T>(c.gamma_gradient)});
    if (c.renormalization != nullptr && c.gamma_gradient != nullptr) {
      for_each_item(c.columns, RenormalizedGradient<T>{c.columns, sums.as<T>(), factors.factor,
                                                       factors.offset, out<T>(c.gamma_gradient)});
    }
  }
  if (c.dx == nullptr) return;
  for_each_item(c.rows * c.columns,
                ColumnsBackward<T>{c.columns, factors, x, dy, c.batch_statistics ? sums.as<T>() : nullptr,
                                   static_cast<T>(c.rows), out<T>(c.dx)});
}

/// A row by a group of threads.
template <class T>
struct OneRow {
  static constexpr const char* kName = "normalize rows";
  NormalizedRows<T> all;
  bool back;
  LAMINA_KERNEL void operator()(std::int64_t r) const {
    NormalizedRows<T> b = all;
    const std::int64_t at = r * all.columns;
    b.rows = 1;
    b.first_row = r;
    b.x += at;
    b.centre += r;
    b.inverse += r;
    if (back) {
      b.dy += at;
      b.dx += at;
      formulas::rows_backward<Vec<T>>(b);
    } else {
      b.y += at;
      formulas::rows_forward<Vec<T>>(b);
    }
  }
};

/// Sums over samples of `period` rows; the two halves as ColumnGradients.
template <class T>
struct RowGradients {
  NormalizedRows<T> b;
  std::int64_t width;  ///< period * columns
  T *beta_gradient, *gamma_gradient;
  LAMINA_KERNEL T term(T sum, std::int64_t sample, std::int64_t e) const {
    const std::int64_t at = sample * width + e % width, row = at / b.columns;
    if (e < width) return sum + b.dy[at];
    const T subtracted = b.kind == RowNormalizationKind::standard ? b.centre[row] : T(0);
    return numerics::builtin::fused(b.dy[at], (b.x[at] - subtracted) * b.inverse[row], sum);
  }
  LAMINA_KERNEL void finish(std::int64_t e, T total) const {
    T* const gradient = e < width ? beta_gradient : gamma_gradient;
    if (gradient != nullptr) gradient[e % width] = total;
  }
};

template <class T>
NormalizedRows<T> all_rows(const RowNormalization& r, T* statistics) {
  NormalizedRows<T> all{};
  all.kind = r.kind;
  all.rows = r.rows;
  all.columns = r.columns;
  all.period = r.period;
  all.epsilon = static_cast<T>(r.epsilon);
  all.x = in<T>(r.x);
  all.gamma = in<T>(r.gamma);
  all.beta = in<T>(r.beta);
  all.centre = statistics;
  all.inverse = statistics + r.rows;
  all.y = out<T>(r.y);
  all.dy = in<T>(r.dy);
  all.dx = out<T>(r.dx);
  return all;
}

template <class T>
void forward_rows(const RowNormalization& r) {
  const Scratch own(r.statistics != nullptr ? 0 : static_cast<std::size_t>(2 * r.rows) * sizeof(T));
  T* statistics = r.statistics != nullptr ? out<T>(r.statistics) : own.as<T>();
  for_each_group<T>(r.rows, OneRow<T>{all_rows(r, statistics), false});
}

template <class T>
void backward_rows(const RowNormalization& r) {
  const NormalizedRows<T> all = all_rows(r, out<T>(r.statistics));
  if (r.gamma_gradient != nullptr || r.beta_gradient != nullptr) {
    const std::int64_t width = r.period * r.columns;
    down_columns<T>(r.rows / r.period, 2 * width,
                    RowGradients<T>{all, width, out<T>(r.beta_gradient), out<T>(r.gamma_gradient)});
  }
  if (r.dx != nullptr) for_each_group<T>(r.rows, OneRow<T>{all, true});
}

template <class T>
struct BlendMoving {
  static constexpr const char* kName = "moving averages";
  T keep, take;
  const T* current;
  T* moving;
  LAMINA_KERNEL void operator()(std::int64_t i) const { moving[i] = moving[i] * keep + current[i] * take; }
};

template <class T>
void blend(std::int64_t n, double momentum, const void* current, void* moving) {
  for_each_item(n, BlendMoving<T>{static_cast<T>(momentum), static_cast<T>(1.0 - momentum), in<T>(current),
                                  out<T>(moving)});
}

template <class T>
struct VarianceOfDeviation {
  static constexpr const char* kName = "variances of deviations";
  T epsilon;
  const T* deviation;
  T* variance;
  LAMINA_KERNEL void operator()(std::int64_t i) const {
    variance[i] = numerics::variance_of_deviation(deviation[i], epsilon);
  }
};

template <class T>
void square_deviations(std::int64_t n, double epsilon, const void* deviation, void* variance) {
  for_each_item(n, VarianceOfDeviation<T>{static_cast<T>(epsilon), in<T>(deviation), out<T>(variance)});
}

}  // namespace

void normalize_columns(const ColumnNormalization& c) {
  c.dtype == DType::float32 ? forward_columns<float>(c) : forward_columns<double>(c);
}
void normalize_columns_backward(const ColumnNormalization& c) {
  c.dtype == DType::float32 ? backward_columns<float>(c) : backward_columns<double>(c);
}
void normalize_rows(const RowNormalization& r) {
  r.dtype == DType::float32 ? forward_rows<float>(r) : forward_rows<double>(r);
}
void normalize_rows_backward(const RowNormalization& r) {
  r.dtype == DType::float32 ? backward_rows<float>(r) : backward_rows<double>(r);
}
void update_moving_average(DType dtype, std::int64_t n, double momentum, const void* current, void* moving) {
  dtype == DType::float32 ? blend<float>(n, momentum, current, moving)
                          : blend<double>(n, momentum, current, moving);
}
void variance_of_deviation(DType dtype, std::int64_t n, double epsilon, const void* deviation,
                           void* variance) {
  dtype == DType::float32 ? square_deviations<float>(n, epsilon, deviation, variance)
                          : square_deviations<double>(n, epsilon, deviation, variance);
}

}  // namespace lamina::cuda
