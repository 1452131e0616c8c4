// The projection of a row onto the probability simplex: y = max(x - t, 0), t such that the sum is 1.
//
// With the row sorted in descending order z and its sums c[k] = ((z[0] + z[1]) + ...) one chain, k is the
// largest count with z[k-1] - (c[k] - 1) / k > 0, and t = (c[k] - 1) / k. Backward: with s = {j: y[j] > 0},
// dx[j] = dy[j] - (the sum of dy over s, one chain from +0) / |s| in s and +0 elsewhere. A row with NaN or
// +infinity gives NaN.
#pragma once

#include <cstdint>

namespace lamina::cpu {

// y may be x; dx may be dy or y.
void sparsemax(std::int64_t rows, std::int64_t columns, const float* x, float* y);
void sparsemax(std::int64_t rows, std::int64_t columns, const double* x, double* y);
void sparsemax_backward(std::int64_t rows, std::int64_t columns, const float* y, const float* dy, float* dx);
void sparsemax_backward(std::int64_t rows, std::int64_t columns, const double* y, const double* dy,
                        double* dx);

}  // namespace lamina::cpu
