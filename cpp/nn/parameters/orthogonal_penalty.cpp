#include "nn/parameters/orthogonal_penalty.h"

#include <vector>

#include "core/error.h"

namespace lamina::nn {

namespace {

template <class T>
void fill_mask(Device& device, std::int64_t n, void* to) {
  std::vector<T> mask(static_cast<std::size_t>(n * n), T(1));
  for (std::int64_t i = 0; i < n; ++i) mask[static_cast<std::size_t>(i * n + i)] = T(0);
  device.copy_from_host(to, mask.data(), mask.size() * sizeof(T));
}

}  // namespace

OrthogonalPenalty::OrthogonalPenalty(Device& device, DType dtype, const Shape& shape, double factor,
                                     bool rows)
    : device_(device), dtype_(dtype), factor_(factor), rows_(rows) {
  if (shape.size() != 2) {
    throw ValueError(
        text("[OrthogonalRegularizer] a matrix is needed. Received: an array of shape ", to_string(shape)));
  }
  vectors_ = rows ? shape[0] : shape[1];
  length_ = rows ? shape[1] : shape[0];
  element_count({vectors_, vectors_});
  const auto memory = [&](std::int64_t elements) {
    return device.make(static_cast<std::size_t>(elements) * size_of(dtype));
  };
  const std::int64_t square = vectors_ * vectors_, all = vectors_ * length_;
  turned_ = memory(rows ? 0 : all);
  unit_ = memory(all), unit_gradient_ = memory(all), gradient_ = memory(all);
  statistics_ = memory(2 * vectors_);
  products_ = memory(square), signs_ = memory(square), mask_ = memory(square);
  if (dtype == DType::float32) {
    fill_mask<float>(device, vectors_, mask_.get());
  } else {
    fill_mask<double>(device, vectors_, mask_.get());
  }
}

void OrthogonalPenalty::transpose(std::int64_t rows, std::int64_t columns, const void* from, void* to) const {
  TransposeArguments r;
  r.dtype = dtype_;
  r.extents = {columns, rows};
  r.strides = {1, columns};
  r.in = from;
  r.out = to;
  device_.transpose(r);
}

double OrthogonalPenalty::apply(const void* values, void* gradient, double scale) const {
  if (vectors_ < 2 || length_ < 1) return 0.0;
  const void* vectors = values;
  if (!rows_) {
    transpose(length_, vectors_, values, turned_.get());
    vectors = turned_.get();
  }
  RowNormalization unit;
  unit.dtype = dtype_;
  unit.kind = RowNormalizationKind::unit;
  unit.rows = vectors_;
  unit.columns = length_;
  unit.x = vectors;
  unit.statistics = statistics_.get();
  unit.y = unit_.get();
  device_.normalize_rows(unit);

  GemmArguments g;
  g.dtype = dtype_;
  g.m = g.n = vectors_;
  g.k = length_;
  g.a = g.b = unit_.get();
  g.a_row = g.b_column = length_;
  g.b_row = 1;
  g.c = products_.get();
  g.c_row = vectors_;
  device_.gemm(g);
  ElementwiseArguments off_diagonal;
  off_diagonal.dtype = dtype_;
  off_diagonal.kind = ElementwiseKind::multiply;
  off_diagonal.n = vectors_ * vectors_;
  off_diagonal.a = products_.get();
  off_diagonal.b = mask_.get();
  off_diagonal.out = products_.get();
  device_.elementwise(off_diagonal);

  const auto n = static_cast<double>(vectors_);
  PenaltyArguments magnitudes;
  magnitudes.dtype = dtype_;
  magnitudes.n = off_diagonal.n;
  magnitudes.l1 = 2.0 * factor_ / (n * (n - 1.0));
  magnitudes.scale = scale;
  magnitudes.values = products_.get();
  if (gradient != nullptr) {
    device_.fill_zero(signs_.get(), static_cast<std::size_t>(magnitudes.n) * size_of(dtype_));
    magnitudes.gradient_in = magnitudes.gradient = signs_.get();
  }
  const double total = 0.5 * device_.penalty(magnitudes) / scale;
  if (gradient == nullptr) return total;

  g.n = length_;
  g.k = vectors_;
  g.a = signs_.get();
  g.a_row = vectors_;
  g.b_row = length_;
  g.b_column = 1;
  g.c = unit_gradient_.get();
  g.c_row = length_;
  device_.gemm(g);
  unit.dy = unit_gradient_.get();
  unit.dx = gradient_.get();
  device_.normalize_rows_backward(unit);
  const void* change = gradient_.get();
  if (!rows_) {
    transpose(vectors_, length_, gradient_.get(), unit_gradient_.get());
    change = unit_gradient_.get();
  }
  ElementwiseArguments sum;
  sum.dtype = dtype_;
  sum.n = vectors_ * length_;
  sum.a = gradient;
  sum.b = change;
  sum.out = gradient;
  device_.elementwise(sum);
  return total;
}

}  // namespace lamina::nn
