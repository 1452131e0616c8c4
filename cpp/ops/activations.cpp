#include "ops/activations.h"

#include "device/device.h"
#include "ops/broadcast.h"
#include "ops/elementwise.h"
#include "ops/promotion.h"

namespace lamina::ops {

namespace {

struct Matrix {
  std::int64_t rows, columns;
};
Matrix matrix_of(const Activation& f, const Tensor& x) {
  if (is_elementwise(f)) return {1, x.size()};
  if (x.rank() == 0)
    throw ValueError("[activate] softmax needs an axis to normalise over. Received: shape ()");
  const std::int64_t columns = x.extent(x.rank() - 1);
  return {columns == 0 ? 0 : x.size() / columns, columns};
}
DType computing(ElementType type) { return type == ElementType::float32 ? DType::float32 : DType::float64; }

}  // namespace

Tensor activate(const Activation& f, const Tensor& x) {
  if (!is_floating(x.type())) return activate(f, cast(x, default_float()));
  const Tensor dense = contiguous(x);
  const Matrix m = matrix_of(f, x);
  Tensor out = empty(x.type(), x.shape());
  current_device().activate(computing(x.type()), f, m.rows, m.columns, dense.raw(), out.raw());
  return out;
}

Tensor activate_backward(const Activation& f, const Tensor& saved, const Tensor& dy) {
  if (saved.shape() != dy.shape() || saved.type() != dy.type() || !is_floating(dy.type())) {
    throw ValueError(
        text("[activate_backward] both must be floating-point of one dtype and shape. Received: shapes ",
             to_string(saved.shape()), " and ", to_string(dy.shape())));
  }
  const Tensor dense = contiguous(saved), gradient = contiguous(dy);
  const Matrix m = matrix_of(f, saved);
  Tensor out = empty(dy.type(), dy.shape());
  current_device().activate_backward(computing(dy.type()), f, m.rows, m.columns, dense.raw(), gradient.raw(),
                                     out.raw());
  return out;
}

}  // namespace lamina::ops
