// The optimizer rules that look at a whole parameter at once: a norm, means of rows and columns, or
// products. Each is a sequence of calls whose orders docs/numerics.md states: flat arithmetic, dot(),
// row and column sums, matrix products. n is the parameter's count of elements, t the step from 1;
// numbers are computed in double and rounded once by the call that takes them.
//
//   lamb       s: the step of the element-wise rule. w = sqrt(dot(p, p)), u = sqrt(dot(s, s))
//              p = fma(-(ratio * rate), s, p); ratio = w / u, or 1 where one of them is 0
//
//   adafactor  rho = min(rate, 1 / sqrt(t)); alpha = max(epsilon_2, sqrt(dot(p, p) / n)) * rho;
//              d = t^beta_2_decay (so beta_2 = 1 - d)
//              q = fma(g, g, epsilon_1)
//              matrices [R, C] (of more axes: the last two, for each index of the others):
//                r = fma(1 - d, r, (d / C) * row sums of q), c = fma(1 - d, c, (d / R) * column sums of q)
//                v = (r / (row sum of r / R)) c^T
//              else v = fma(1 - d, v, d * q)
//              u = g / sqrt(v); p = fma(-(alpha / max(1, sqrt(dot(u, u) / n) / clip_threshold)), u, p)
//
//   muon       m = fma(momentum, m, g); x = nesterov ? fma(momentum, m, g) : m
//              x = x / (sqrt(dot(x, x)) + 1e-7); `iterations` times, with A = x x^T (wide) or x^T x (tall):
//                B = fma(b, A, c * (A A)); x = fma(a, x, B x) or fma(a, x, x B)
//              p = fma(-(rate * sqrt(max(R, C)) * rms_rate), x, p), or fma(-rate, x, p) without rms_rate
#include <algorithm>

#include "nn/optimizers/optimizer.h"
#include "numerics/elementary.h"
#include "numerics/scalar.h"

namespace lamina::nn {

namespace {

using Number = numerics::Lane<double>;

double root(double x) { return sqrt(Number::splat(x)).value; }
double power(double base, double exponent) {
  return numerics::pow(Number::splat(base), Number::splat(exponent)).value;
}

/// Calls on one store's flat buffers.
struct Flat {
  Device& device;
  DType dtype;

  void* at(void* flat, std::int64_t first) const {
    return static_cast<char*>(flat) + static_cast<std::size_t>(first) * size_of(dtype);
  }
  const void* at(const void* flat, std::int64_t first) const {
    return static_cast<const char*>(flat) + static_cast<std::size_t>(first) * size_of(dtype);
  }
  void operator()(VectorKind kind, std::int64_t n, double a, double b, const void* x, const void* y,
                  void* out) const {
    device.vector_op({dtype, kind, n, x, y, out, a, b});
  }
  double norm(std::int64_t n, const void* x) const { return root(device.dot(dtype, n, x, x)); }
  double root_mean_square(std::int64_t n, const void* x) const {
    return n == 0 ? 0.0 : root(device.dot(dtype, n, x, x) / static_cast<double>(n));
  }
  /// c[m,n] = a b with a[m,k], b[k,n] dense, or a transposed: a[k,m].
  void product(std::int64_t m, std::int64_t n, std::int64_t k, const void* a, bool transposed, const void* b,
               bool b_transposed, void* c) const {
    device.gemm(dense_product(dtype, m, n, k, a, transposed, b, b_transposed, c));
  }
  double read(const void* one) const {
    if (dtype == DType::float32) {
      float value = 0;
      device.copy_to_host(&value, one, sizeof value);
      return static_cast<double>(value);
    }
    double value = 0;
    device.copy_to_host(&value, one, sizeof value);
    return value;
  }
};

}  // namespace

void Optimizer::lamb(const ParameterStore& store, const Piece& piece) {
  const Flat flat{store.device(), store.dtype()};
  void* const p = flat.at(store.values(), piece.first);
  const void* const step = flat.at(scratch(store, 1), piece.first);
  const double weight = flat.norm(piece.count, p), update = flat.norm(piece.count, step);
  const double ratio = weight > 0.0 && update > 0.0 ? weight / update : 1.0;
  flat(VectorKind::add_scaled, piece.count, -(ratio * rate_), 0.0, step, p, p);
}

void Optimizer::adafactor(const ParameterStore& store, const Piece& piece, const void* gradients) {
  const Flat flat{store.device(), store.dtype()};
  const AdafactorSettings& s = settings_.adafactor;
  const Shape& shape = store.layout().parameters()[piece.parameter].shape;
  const double t = static_cast<double>(updates() + 1);
  const double rho = std::min(rate_, 1.0 / root(t)), fresh = power(t, s.beta_2_decay);
  const std::int64_t n = piece.count;
  void* const p = flat.at(store.values(), piece.first);
  void* const v = flat.at(slots_[slot_index("velocity")].get(), piece.first);
  void* const squares = flat.at(scratch(store, 2), piece.first);
  void* const sums = flat.at(scratch(store, 3), piece.first);

  const double alpha = std::max(s.epsilon_2, flat.root_mean_square(n, p)) * rho;
  flat(VectorKind::square_add, n, s.epsilon_1, 0.0, gradients, nullptr, squares);
  if (shape.size() >= 2) {
    const std::int64_t rows = shape[shape.size() - 2], columns = shape.back();
    void* const row = flat.at(slots_[slot_index("row")].get(), piece.first);
    void* const column = flat.at(slots_[slot_index("column")].get(), piece.first);
    for (std::int64_t first = 0, i = 0; first < n; first += rows * columns, ++i) {
      void* const r = flat.at(row, i * rows);
      void* const c = flat.at(column, i * columns);
      const void* const q = flat.at(squares, first);
      flat.device.row_sums(flat.dtype, rows, columns, q, sums);
      flat(VectorKind::blend, rows, 1.0 - fresh, fresh / static_cast<double>(columns), r, sums, r);
      flat.device.column_sums(flat.dtype, rows, columns, q, sums);
      flat(VectorKind::blend, columns, 1.0 - fresh, fresh / static_cast<double>(rows), c, sums, c);
      flat.device.row_sums(flat.dtype, 1, rows, r, sums);
      const double mean = flat.read(sums) / static_cast<double>(rows);
      flat(VectorKind::divide, rows, mean, 0.0, r, nullptr, sums);
      flat.product(rows, columns, 1, sums, false, c, false, flat.at(v, first));
    }
  } else {
    flat(VectorKind::blend, n, 1.0 - fresh, fresh, v, squares, v);
  }
  void* const u = squares;
  flat(VectorKind::over_root, n, 0.0, 0.0, gradients, v, u);
  const double excess = std::max(1.0, flat.root_mean_square(n, u) / s.clip_threshold);
  flat(VectorKind::add_scaled, n, -(alpha / excess), 0.0, u, p, p);
}

void Optimizer::muon(const ParameterStore& store, const Piece& piece, const void* gradients) {
  const Flat flat{store.device(), store.dtype()};
  const MuonSettings& s = settings_.muon;
  const Shape& shape = store.layout().parameters()[piece.parameter].shape;
  const std::int64_t rows = shape[0], columns = shape[1], n = piece.count;
  const std::int64_t side = std::min(rows, columns);
  const bool tall = rows > columns;
  void* const p = flat.at(store.values(), piece.first);
  void* const m = flat.at(slots_[slot_index("momentum")].get(), piece.first);
  void* x = flat.at(scratch(store, 2), piece.first);
  void* next = flat.at(scratch(store, 3), piece.first);
  void* const square = flat.at(scratch(store, 4), piece.first);
  void* const fourth = flat.at(scratch(store, 5), piece.first);

  flat(VectorKind::add_scaled, n, settings_.momentum, 0.0, m, gradients, m);
  const void* from = m;
  if (s.nesterov) {
    flat(VectorKind::add_scaled, n, settings_.momentum, 0.0, m, gradients, next);
    from = next;
  }
  flat(VectorKind::divide, n, flat.norm(n, from) + 1e-7, 0.0, from, nullptr, x);
  for (std::int64_t i = 0; i < s.iterations; ++i) {
    flat.product(side, side, tall ? rows : columns, x, tall, x, !tall, square);
    flat.product(side, side, side, square, false, square, false, fourth);
    flat(VectorKind::blend, side * side, s.b, s.c, square, fourth, square);
    if (tall) {
      flat.product(rows, columns, columns, x, false, square, false, next);
    } else {
      flat.product(rows, columns, rows, square, false, x, false, next);
    }
    flat(VectorKind::add_scaled, n, s.a, 0.0, x, next, x);
  }
  const double scale = s.rms_rate ? root(static_cast<double>(std::max(rows, columns))) * *s.rms_rate : 1.0;
  flat(VectorKind::add_scaled, n, -(rate_ * scale), 0.0, x, p, p);
}

}  // namespace lamina::nn
