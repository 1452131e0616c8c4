#include "nn/layers/batch_product.h"

#include "core/error.h"

namespace lamina::nn {

namespace {

char* at(void* memory, std::int64_t element, DType dtype) {
  return static_cast<char*>(memory) + element * static_cast<std::int64_t>(size_of(dtype));
}
const char* at(const void* memory, std::int64_t element, DType dtype) {
  return static_cast<const char*>(memory) + element * static_cast<std::int64_t>(size_of(dtype));
}

/// A factor of a product: element (i, j) at data[i * row + j * column].
struct Matrix {
  const void* data;
  std::int64_t row, column;
};

void multiply(const Pass& pass, std::int64_t m, std::int64_t n, std::int64_t k, const Matrix& a,
              const Matrix& b, void* c, std::int64_t c_row) {
  GemmArguments g;
  g.dtype = pass.dtype;
  g.of_layer = true;
  g.m = m, g.n = n, g.k = k;
  g.a = a.data, g.a_row = a.row, g.a_column = a.column;
  g.b = b.data, g.b_row = b.row, g.b_column = b.column;
  g.c = c, g.c_row = c_row;
  pass.device.gemm(g);
}

/// out[r, j] = a[r or (r, j)] * b[r, j].
void scale_rows(const Pass& pass, std::int64_t rows, std::int64_t columns, const void* a, bool one_a_row,
                const void* b, void* out) {
  StridedArguments s;
  s.dtype = pass.dtype;
  s.kind = StridedKind::multiply;
  s.a = a;
  s.b = b;
  s.out = out;
  s.add_axis({rows, one_a_row ? 1 : columns, columns, 0, columns});
  s.add_axis({columns, one_a_row ? 0 : 1, 1, 0, 1});
  pass.device.strided(s);
}

}  // namespace

BatchProduct::BatchProduct(Shape a, Shape b, Shape output, const BatchProductSettings& settings)
    : Layer({std::move(a), std::move(b)}, std::move(output)), s_(settings) {
  element_count(output_shape_);
  vectors_ = s_.rows == 1 && s_.columns == 1;
}

void BatchProduct::forward(const Pass& pass, const ForwardArguments& f, bool) const {
  const std::int64_t groups = pass.batch * s_.groups;
  if (vectors_) {
    scale_rows(pass, groups, s_.depth, f.x[0], false, f.x[1], f.workspace);
    pass.device.row_sums(pass.dtype, groups, s_.depth, f.workspace, f.y);
    return;
  }
  const std::int64_t of_a = s_.rows * s_.depth, of_b = s_.columns * s_.depth, of_y = s_.rows * s_.columns;
  for (std::int64_t g = 0; g < groups; ++g) {
    const Matrix a{at(f.x[0], g * of_a, pass.dtype), s_.depth, 1};
    const Matrix b{at(f.x[1], g * of_b, pass.dtype), s_.b_by_depth ? s_.columns : 1,
                   s_.b_by_depth ? 1 : s_.depth};
    multiply(pass, s_.rows, s_.columns, s_.depth, a, b, at(f.y, g * of_y, pass.dtype), s_.columns);
  }
}

void BatchProduct::backward(const Pass& pass, const BackwardArguments& b) const {
  const std::int64_t groups = pass.batch * s_.groups;
  const std::int64_t of_a = s_.rows * s_.depth, of_b = s_.columns * s_.depth, of_y = s_.rows * s_.columns;
  for (std::size_t i = 0; i < 2; ++i) {
    void* const to = b.input_gradients[i];
    if (to == nullptr) continue;
    if (vectors_) {
      scale_rows(pass, groups, s_.depth, b.gradient, true, b.x[1 - i], to);
      apply_producer_activation(pass, b, i);
      continue;
    }
    for (std::int64_t g = 0; g < groups; ++g) {
      const void* const dy = at(b.gradient, g * of_y, pass.dtype);
      if (i == 0) {  // [rows, columns] [columns, depth]
        const Matrix right{at(b.x[1], g * of_b, pass.dtype), s_.b_by_depth ? 1 : s_.depth,
                           s_.b_by_depth ? s_.columns : 1};
        multiply(pass, s_.rows, s_.depth, s_.columns, {dy, s_.columns, 1}, right,
                 at(to, g * of_a, pass.dtype), s_.depth);
        continue;
      }
      const void* const x = at(b.x[0], g * of_a, pass.dtype);
      void* const db = at(to, g * of_b, pass.dtype);
      if (s_.b_by_depth) {  // [depth, rows] [rows, columns]
        multiply(pass, s_.depth, s_.columns, s_.rows, {x, 1, s_.depth}, {dy, s_.columns, 1}, db, s_.columns);
      } else {  // [columns, rows] [rows, depth]
        multiply(pass, s_.columns, s_.depth, s_.rows, {dy, 1, s_.columns}, {x, s_.depth, 1}, db, s_.depth);
      }
    }
    apply_producer_activation(pass, b, i);
  }
}

}  // namespace lamina::nn
