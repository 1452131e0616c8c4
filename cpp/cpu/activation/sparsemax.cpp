#include "cpu/activation/sparsemax.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

namespace lamina::cpu {

namespace {

template <class T>
void forward(std::int64_t rows, std::int64_t columns, const T* x, T* y) {
  static thread_local std::vector<T> sorted;
  for (std::int64_t r = 0; r < rows; ++r, x += columns, y += columns) {
    sorted.assign(x, x + columns);
    if (std::any_of(sorted.begin(), sorted.end(),
                    [](T v) { return std::isnan(v) || v == std::numeric_limits<T>::infinity(); })) {
      std::fill_n(y, columns, std::numeric_limits<T>::quiet_NaN());
      continue;
    }
    std::sort(sorted.begin(), sorted.end(), std::greater<T>());
    T sum = T(0), threshold = std::numeric_limits<T>::quiet_NaN();
    for (std::int64_t k = 1; k <= columns; ++k) {
      const T z = sorted[static_cast<std::size_t>(k - 1)];
      sum = sum + z;
      const T candidate = (sum - T(1)) / static_cast<T>(k);
      if (!(z - candidate > T(0))) break;
      threshold = candidate;
    }
    for (std::int64_t j = 0; j < columns; ++j) {
      const T above = x[j] - threshold;
      y[j] = above <= T(0) ? T(0) : above;
    }
  }
}

template <class T>
void backward(std::int64_t rows, std::int64_t columns, const T* y, const T* dy, T* dx) {
  for (std::int64_t r = 0; r < rows; ++r, y += columns, dy += columns, dx += columns) {
    T sum = T(0);
    std::int64_t support = 0;
    for (std::int64_t j = 0; j < columns; ++j) {
      if (y[j] <= T(0)) continue;
      sum = sum + dy[j];
      ++support;
    }
    const T mean = sum / static_cast<T>(support);
    for (std::int64_t j = 0; j < columns; ++j) dx[j] = y[j] <= T(0) ? T(0) : dy[j] - mean;
  }
}

}  // namespace

void sparsemax(std::int64_t rows, std::int64_t columns, const float* x, float* y) {
  forward(rows, columns, x, y);
}
void sparsemax(std::int64_t rows, std::int64_t columns, const double* x, double* y) {
  forward(rows, columns, x, y);
}
void sparsemax_backward(std::int64_t rows, std::int64_t columns, const float* y, const float* dy, float* dx) {
  backward(rows, columns, y, dy, dx);
}
void sparsemax_backward(std::int64_t rows, std::int64_t columns, const double* y, const double* dy,
                        double* dx) {
  backward(rows, columns, y, dy, dx);
}

}  // namespace lamina::cpu
