#include "numerics/orthogonal.h"

#include <algorithm>
#include <cmath>

#include "numerics/chunk_tree.h"
#include "numerics/order.h"

namespace lamina::numerics {

namespace {

double dot(std::int64_t n, const double* a, const double* b) {
  constexpr std::int64_t lanes = kLanes<double>;
  BinaryCounter<double> tree;
  for (std::int64_t begin = 0; begin < n; begin += kSumChunk) {
    const std::int64_t end = std::min(n, begin + kSumChunk);
    double lane[lanes] = {};
    std::int64_t i = begin;
    for (; i + lanes <= end; i += lanes) {
      for (std::int64_t l = 0; l < lanes; ++l) lane[l] += a[i + l] * b[i + l];
    }
    for (std::int64_t l = 0; i < end; ++i, ++l) lane[l] += a[i] * b[i];
    for (std::int64_t half = lanes / 2; half > 0; half /= 2) {
      for (std::int64_t l = 0; l < half; ++l) lane[l] += lane[l + half];
    }
    tree.push(lane[0]);
  }
  return tree.total(0.0);
}

}  // namespace

void orthonormalize(std::int64_t count, std::int64_t length, double* a) {
  for (std::int64_t j = 0; j < count; ++j) {
    double* row = a + j * length;
    for (int pass = 0; pass < 2; ++pass) {
      for (std::int64_t i = 0; i < j; ++i) {
        const double* q = a + i * length;
        const double share = dot(length, q, row);
        for (std::int64_t l = 0; l < length; ++l) row[l] -= share * q[l];
      }
    }
    const double size = std::sqrt(dot(length, row, row));
    for (std::int64_t l = 0; l < length; ++l) row[l] /= size;
  }
}

}  // namespace lamina::numerics
