#include "cpu/normalization/normalization.h"

#include <algorithm>
#include <cmath>

#include "core/buffer.h"
#include "core/threads.h"
#include "cpu/dispatch.h"
#include "cpu/reduce/reduce.h"
#include "numerics/order.h"
#include "numerics/renormalization.h"

namespace lamina::cpu {

namespace {

using numerics::kRowChunk;

// How the work is cut into tasks; no bit depends on it.
constexpr std::int64_t kTaskElements = 16384;
constexpr double kNanosecondsPerElement = 0.4;

/// Grow-only memory of this thread.
template <class T>
T* scratch(std::int64_t n) {
  static thread_local Buffer buffer;
  const std::size_t bytes = static_cast<std::size_t>(n) * sizeof(T);
  if (buffer.bytes() < bytes) buffer = Buffer(bytes);
  return buffer.as<T>();
}

template <class T>
const NormalizationKernelsOf<T>& kernels_for() {
  if constexpr (sizeof(T) == 4) {
    return kernels().normalization->f32;
  } else {
    return kernels().normalization->f64;
  }
}

/// sums[j] = the chunk tree over `partials` of [chunks, columns].
template <class T>
void join(std::int64_t chunks, std::int64_t columns, const T* partials, T* sums) {
  if constexpr (sizeof(T) == 4) {
    kernels().reduce->column_sums_f32(chunks, columns, 1, partials, columns, sums);
  } else {
    kernels().reduce->column_sums_f64(chunks, columns, 1, partials, columns, sums);
  }
}

/// Calls body(first row, rows, task) for blocks of whole rows.
template <class Body>
void over_rows(std::int64_t rows, std::int64_t columns, std::int64_t block, double work, const Body& body) {
  const std::int64_t tasks = (rows + block - 1) / block;
  const double cost =
      work * kNanosecondsPerElement * static_cast<double>(rows) * static_cast<double>(columns);
  threads::parallel_for(
      tasks,
      [&](std::int64_t task) {
        const std::int64_t first = task * block;
        body(first, std::min(block, rows - first), task);
      },
      threads::worthwhile(cost, tasks));
}

std::int64_t rows_a_task(std::int64_t columns) {
  return std::max<std::int64_t>(1, kTaskElements / std::max<std::int64_t>(1, columns));
}

template <class T>
T inverse_of(T variance, T epsilon) {
  return T(1) / std::sqrt(variance + epsilon);
}

/// The rows of arrays that each column needs: mean, inverse, scale, and as many more as asked for.
template <class T>
struct ColumnFactors {
  T *mean, *inverse, *scale, *others;

  ColumnFactors(const ColumnNormalization& c, std::int64_t more) {
    T* memory = scratch<T>((3 + more) * c.columns);
    mean = memory, inverse = memory + c.columns, scale = memory + 2 * c.columns;
    others = memory + 3 * c.columns;
  }
  void fill(const ColumnNormalization& c) {
    const auto* given_mean = static_cast<const T*>(c.mean);
    const auto* variance = static_cast<const T*>(c.variance);
    const auto* gamma = static_cast<const T*>(c.gamma);
    const T epsilon = static_cast<T>(c.epsilon);
    for (std::int64_t j = 0; j < c.columns; ++j) {
      mean[j] = given_mean != nullptr ? given_mean[j] : T(0);
      inverse[j] = variance != nullptr ? inverse_of(variance[j], epsilon) : T(1);
      scale[j] = gamma != nullptr ? gamma[j] * inverse[j] : inverse[j];
    }
    if (c.renormalization == nullptr) return;
    const auto* factor = static_cast<const T*>(c.renormalization->factor);
    for (std::int64_t j = 0; j < c.columns; ++j) {
      scale[j] = (gamma != nullptr ? gamma[j] * factor[j] : factor[j]) * inverse[j];
    }
  }
};

/// Leads the statistics of a batch towards moving ones.
template <class T>
void correct(const ColumnNormalization& c, const Renormalization& r) {
  const numerics::RenormalizationBounds<T> bounds{static_cast<T>(c.epsilon), static_cast<T>(r.r_min),
                                                  static_cast<T>(r.r_max), static_cast<T>(r.d_max)};
  const auto *mean = static_cast<const T*>(c.mean), *variance = static_cast<const T*>(c.variance);
  const auto* moving_mean = static_cast<const T*>(r.moving_mean);
  const auto* moving_deviation = static_cast<const T*>(r.moving_deviation);
  for (std::int64_t j = 0; j < c.columns; ++j) {
    const auto found =
        numerics::renormalized(mean[j], variance[j], moving_mean[j], moving_deviation[j], bounds);
    static_cast<T*>(r.deviation)[j] = found.deviation;
    static_cast<T*>(r.factor)[j] = found.factor;
    static_cast<T*>(r.offset)[j] = found.offset;
  }
}

/// What is added behind the scale.
template <class T>
void fill_shift(const ColumnNormalization& c, T* shift) {
  const auto *gamma = static_cast<const T*>(c.gamma), *beta = static_cast<const T*>(c.beta);
  for (std::int64_t j = 0; j < c.columns; ++j) shift[j] = beta != nullptr ? beta[j] : T(0);
  if (c.renormalization == nullptr) return;
  const auto* offset = static_cast<const T*>(c.renormalization->offset);
  for (std::int64_t j = 0; j < c.columns; ++j) {
    shift[j] =
        gamma != nullptr ? numerics::builtin::fused(offset[j], gamma[j], shift[j]) : offset[j] + shift[j];
  }
}

/// The gradient of gamma from those of the effective gamma and beta.
template <class T>
void fill_gamma_gradient(const ColumnNormalization& c, const T* sums, const T* products) {
  auto* out = static_cast<T*>(c.gamma_gradient);
  if (c.renormalization == nullptr) {
    std::copy_n(products, c.columns, out);
    return;
  }
  const auto* factor = static_cast<const T*>(c.renormalization->factor);
  const auto* offset = static_cast<const T*>(c.renormalization->offset);
  for (std::int64_t j = 0; j < c.columns; ++j) {
    out[j] = numerics::builtin::fused(offset[j], sums[j], factor[j] * products[j]);
  }
}

template <class T>
void forward_columns(const ColumnNormalization& c) {
  const auto& kernel = kernels_for<T>();
  const auto* x = static_cast<const T*>(c.x);
  const std::int64_t chunks = (c.rows + kRowChunk - 1) / kRowChunk;
  ColumnFactors<T> factors(c, 1 + (c.batch_statistics ? chunks : 0));
  T *shift = factors.others, *partials = factors.others + c.columns;
  if (c.batch_statistics) {
    auto *mean = static_cast<T*>(c.mean), *variance = static_cast<T*>(c.variance);
    const T n = static_cast<T>(c.rows);
    column_sums(c.dtype, c.rows, c.columns, x, mean);
    for (std::int64_t j = 0; j < c.columns; ++j) mean[j] = mean[j] / n;
    over_rows(
        c.rows, c.columns, kRowChunk, 0.5, [&](std::int64_t first, std::int64_t rows, std::int64_t chunk) {
          kernel.centred_squares(rows, c.columns, x + first * c.columns, mean, partials + chunk * c.columns);
        });
    join(chunks, c.columns, partials, variance);
    for (std::int64_t j = 0; j < c.columns; ++j) variance[j] = variance[j] / n;
    if (c.renormalization != nullptr) correct<T>(c, *c.renormalization);
  }
  factors.fill(c);
  fill_shift(c, shift);
  over_rows(c.rows, c.columns, rows_a_task(c.columns), 0.5,
            [&](std::int64_t first, std::int64_t rows, std::int64_t) {
              kernel.columns_forward(rows, c.columns, x + first * c.columns, factors.mean, factors.scale,
                                     shift, static_cast<T*>(c.y) + first * c.columns);
            });
}

template <class T>
void backward_columns(const ColumnNormalization& c) {
  const auto& kernel = kernels_for<T>();
  const auto *x = static_cast<const T*>(c.x), *dy = static_cast<const T*>(c.dy);
  const std::int64_t chunks = (c.rows + kRowChunk - 1) / kRowChunk;
  const bool sums_needed = c.gamma_gradient != nullptr || c.beta_gradient != nullptr || c.batch_statistics;
  ColumnFactors<T> factors(c, 2 + 2 * chunks);
  factors.fill(c);
  T *sums = factors.others, *products = factors.others + c.columns;
  if (sums_needed) {
    T *sum_parts = products + c.columns, *product_parts = sum_parts + chunks * c.columns;
    over_rows(c.rows, c.columns, kRowChunk, 1.0,
              [&](std::int64_t first, std::int64_t rows, std::int64_t chunk) {
                kernel.column_gradients(rows, c.columns, x + first * c.columns, dy + first * c.columns,
                                        factors.mean, factors.inverse, sum_parts + chunk * c.columns,
                                        product_parts + chunk * c.columns);
              });
    join(chunks, c.columns, sum_parts, sums);
    join(chunks, c.columns, product_parts, products);
    if (c.beta_gradient != nullptr) std::copy_n(sums, c.columns, static_cast<T*>(c.beta_gradient));
    if (c.gamma_gradient != nullptr) fill_gamma_gradient(c, sums, products);
  }
  if (c.dx == nullptr) return;
  const T n = static_cast<T>(c.rows);
  for (std::int64_t j = 0; j < c.columns; ++j) {
    sums[j] = c.batch_statistics ? sums[j] / n : T(0);
    products[j] = c.batch_statistics ? products[j] / n : T(0);
  }
  over_rows(c.rows, c.columns, rows_a_task(c.columns), 1.0,
            [&](std::int64_t first, std::int64_t rows, std::int64_t) {
              const std::int64_t at = first * c.columns;
              kernel.columns_backward(rows, c.columns, x + at, dy + at, factors.mean, factors.inverse,
                                      factors.scale, sums, products, static_cast<T*>(c.dx) + at);
            });
}

template <class T>
NormalizedRows<T> block_of(const RowNormalization& r, T* statistics, std::int64_t first, std::int64_t rows) {
  NormalizedRows<T> block{};
  block.kind = r.kind;
  block.rows = rows;
  block.columns = r.columns;
  block.first_row = first;
  block.period = r.period;
  block.epsilon = static_cast<T>(r.epsilon);
  block.x = static_cast<const T*>(r.x) + first * r.columns;
  block.gamma = static_cast<const T*>(r.gamma);
  block.beta = static_cast<const T*>(r.beta);
  block.centre = statistics + first;
  block.inverse = statistics + r.rows + first;
  if (r.y != nullptr) block.y = static_cast<T*>(r.y) + first * r.columns;
  if (r.dy != nullptr) block.dy = static_cast<const T*>(r.dy) + first * r.columns;
  if (r.dx != nullptr) block.dx = static_cast<T*>(r.dx) + first * r.columns;
  return block;
}

template <class T>
void forward_rows(const RowNormalization& r) {
  const auto& kernel = kernels_for<T>();
  T* statistics = r.statistics != nullptr ? static_cast<T*>(r.statistics) : scratch<T>(2 * r.rows);
  over_rows(r.rows, r.columns, rows_a_task(r.columns), 1.0,
            [&](std::int64_t first, std::int64_t rows, std::int64_t) {
              kernel.rows_forward(block_of(r, statistics, first, rows));
            });
}

template <class T>
void backward_rows(const RowNormalization& r) {
  const auto& kernel = kernels_for<T>();
  auto* statistics = static_cast<T*>(r.statistics);
  if (r.gamma_gradient != nullptr || r.beta_gradient != nullptr) {
    const std::int64_t columns = r.period * r.columns, samples = r.rows / r.period;
    const std::int64_t chunks = (samples + kRowChunk - 1) / kRowChunk;
    T* sum_parts = scratch<T>((2 * chunks + 1) * columns);
    T *product_parts = sum_parts + chunks * columns, *joined = product_parts + chunks * columns;
    std::fill_n(sum_parts, 2 * chunks * columns, T(0));
    over_rows(samples, columns, kRowChunk, 1.0,
              [&](std::int64_t first, std::int64_t count, std::int64_t chunk) {
                kernel.row_gradients(block_of(r, statistics, first * r.period, count * r.period),
                                     sum_parts + chunk * columns, product_parts + chunk * columns);
              });
    join(chunks, columns, sum_parts, joined);
    if (r.beta_gradient != nullptr) std::copy_n(joined, columns, static_cast<T*>(r.beta_gradient));
    join(chunks, columns, product_parts, joined);
    if (r.gamma_gradient != nullptr) std::copy_n(joined, columns, static_cast<T*>(r.gamma_gradient));
  }
  if (r.dx == nullptr) return;
  over_rows(r.rows, r.columns, rows_a_task(r.columns), 1.0,
            [&](std::int64_t first, std::int64_t rows, std::int64_t) {
              kernel.rows_backward(block_of(r, statistics, first, rows));
            });
}

template <class T>
void blend(std::int64_t n, double momentum, const T* current, T* moving) {
  const T keep = static_cast<T>(momentum), take = static_cast<T>(1.0 - momentum);
  for (std::int64_t i = 0; i < n; ++i) moving[i] = moving[i] * keep + current[i] * take;
}

template <class T>
void square_deviations(std::int64_t n, double epsilon, const T* deviation, T* variance) {
  for (std::int64_t i = 0; i < n; ++i) {
    variance[i] = numerics::variance_of_deviation(deviation[i], static_cast<T>(epsilon));
  }
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
  if (dtype == DType::float32) {
    blend(n, momentum, static_cast<const float*>(current), static_cast<float*>(moving));
  } else {
    blend(n, momentum, static_cast<const double*>(current), static_cast<double*>(moving));
  }
}
void variance_of_deviation(DType dtype, std::int64_t n, double epsilon, const void* deviation,
                           void* variance) {
  if (dtype == DType::float32) {
    square_deviations(n, epsilon, static_cast<const float*>(deviation), static_cast<float*>(variance));
  } else {
    square_deviations(n, epsilon, static_cast<const double*>(deviation), static_cast<double*>(variance));
  }
}

}  // namespace lamina::cpu
