// Flat arithmetic against the formulas written for one number, and dot products against the contract's
// order written in plain loops, bit for bit.
#include <cmath>
#include <limits>
#include <vector>

#include "cpu/vector_ops/vector_ops.h"
#include "each_isa.h"
#include "numbers.h"
#include "numerics/order.h"

namespace {

using namespace lamina;
using test::Numbers;
using test::same_bits;

template <class T>
constexpr DType kType = sizeof(T) == 4 ? DType::float32 : DType::float64;

template <class T>
T formula(VectorKind kind, T a, T b, T x, T y) {
  switch (kind) {
    case VectorKind::scale:
      return a * x;
    case VectorKind::divide:
      return x / a;
    case VectorKind::add_scaled:
      return std::fma(a, x, y);
    case VectorKind::add_divide: {
      const T sum = x + y;
      return sum / a;
    }
    case VectorKind::blend: {
      const T other = b * y;
      return std::fma(a, x, other);
    }
    case VectorKind::square_add:
      return std::fma(x, x, a);
    case VectorKind::over_root: {
      const T root = std::sqrt(y);
      return x / root;
    }
    case VectorKind::scale_divide: {
      const T product = a * x;
      return product / b;
    }
    case VectorKind::clamp:
      return x < -a ? -a : x > a ? a : x;
    case VectorKind::decay: {
      const T once = x * a, twice = once * b;
      return x - twice;
    }
    case VectorKind::flush:
      return std::abs(x) < a ? T(0) : x;
    case VectorKind::lift:
      return x > 0 && x < a ? a : x;
  }
  return T(0);
}

/// n elements and three behind them, which must stay as they are; out apart, over x and over y.
template <class T>
void check_kind(VectorKind kind, std::int64_t n, Numbers& random) {
  const auto size = static_cast<std::size_t>(n);
  const std::vector<T> x = random.numbers<T>(n + 3);
  std::vector<T> y = random.numbers<T>(n + 3);
  if (kind == VectorKind::over_root) {
    for (T& v : y) v = v * v;
  }
  const double a = 0.3, b = 1.7;
  for (int where = 0; where < 3; ++where) {
    std::vector<T> mx = x, my = y, apart(size + 3, T(7));
    std::vector<T>& out = where == 0 ? apart : where == 1 ? mx : my;
    std::vector<T> wanted = out;
    for (std::size_t i = 0; i < size; ++i) {
      wanted[i] = formula(kind, static_cast<T>(a), static_cast<T>(b), x[i], y[i]);
    }
    cpu::vector_op({kType<T>, kind, n, mx.data(), my.data(), out.data(), a, b});
    CHECK(same_bits(out, wanted));
  }
}

/// Numbers at the threshold of flush_denormal_state and lift, and what is no number, at every place of a
/// vector.
template <class T>
void check_thresholds() {
  const T a = T(0.3), less = std::nextafter(a, T(0)), infinity = std::numeric_limits<T>::infinity(),
          nan = std::numeric_limits<T>::quiet_NaN(), least = std::numeric_limits<T>::denorm_min();
  const struct {
    T x, faded, lifted;
  } cases[] = {{a, a, a},
               {less, 0, a},
               {-a, -a, -a},
               {-less, 0, -less},
               {T(0), 0, 0},
               {-T(0), 0, -T(0)},
               {least, 0, a},
               {-least, 0, -least},
               {1, 1, 1},
               {-1, -1, -1},
               {infinity, infinity, infinity},
               {-infinity, -infinity, -infinity},
               {nan, nan, nan}};
  for (const auto& one : cases) {
    const std::vector<T> x(19, one.x), faded(19, one.faded), lifted(19, one.lifted);
    std::vector<T> out(19);
    cpu::vector_op(
        {kType<T>, VectorKind::flush, 19, x.data(), nullptr, out.data(), static_cast<double>(a), 0.0});
    CHECK(same_bits(out, faded));
    cpu::vector_op(
        {kType<T>, VectorKind::lift, 19, x.data(), nullptr, out.data(), static_cast<double>(a), 0.0});
    CHECK(same_bits(out, lifted));
  }
}

/// The order of flat.h: lanes, lane tree, chunk tree.
template <class T>
T dot_reference(const std::vector<T>& x, const std::vector<T>& y, std::size_t n) {
  constexpr std::size_t lanes = numerics::kLanes<T>, chunk = numerics::kSumChunk;
  std::vector<T> partials;
  for (std::size_t begin = 0; begin < n; begin += chunk) {
    std::vector<T> lane(lanes, T(0));
    for (std::size_t i = begin; i < std::min(n, begin + chunk); ++i) {
      T& sum = lane[(i - begin) % lanes];
      sum = std::fma(x[i], y[i], sum);
    }
    for (std::size_t half = lanes / 2; half > 0; half /= 2) {
      for (std::size_t i = 0; i < half; ++i) lane[i] = lane[i] + lane[i + half];
    }
    partials.push_back(lane[0]);
  }
  while (partials.size() > 1) {
    std::vector<T> next;
    for (std::size_t i = 0; i + 1 < partials.size(); i += 2) next.push_back(partials[i] + partials[i + 1]);
    if (partials.size() % 2 == 1) next.push_back(partials.back());
    partials = next;
  }
  return partials.empty() ? T(0) : partials[0];
}

template <class T>
void check_dot(std::int64_t n, Numbers& random) {
  const std::vector<T> x = random.numbers<T>(n), y = random.numbers<T>(n);
  const T wanted = dot_reference(x, y, static_cast<std::size_t>(n));
  test::for_thread_counts([&] {
    const double got = cpu::dot(kType<T>, n, x.data(), y.data());
    CHECK(same_bits(std::vector<double>{got}, std::vector<double>{static_cast<double>(wanted)}));
  });
}

template <class T>
void check_scans(Numbers& random) {
  for (const std::int64_t n : {0, 1, 7, 16, 17, 100, 5000}) {
    std::vector<T> x = random.numbers<T>(n);
    T largest = 0;
    for (const T v : x) largest = std::max(largest, std::abs(v));
    CHECK(cpu::abs_max(kType<T>, n, x.data()) == static_cast<double>(largest));
    CHECK(cpu::all_finite(kType<T>, n, x.data()));
    for (const std::int64_t at : {std::int64_t{0}, n / 2, n - 1}) {
      if (at < 0 || at >= n) continue;
      for (const T bad : {std::numeric_limits<T>::infinity(), -std::numeric_limits<T>::infinity(),
                          std::numeric_limits<T>::quiet_NaN()}) {
        std::vector<T> spoiled = x;
        spoiled[static_cast<std::size_t>(at)] = bad;
        CHECK(!cpu::all_finite(kType<T>, n, spoiled.data()));
      }
    }
  }
}

template <class T>
void check_all() {
  Numbers random(23);
  check_thresholds<T>();
  for (int kind = 0; kind <= static_cast<int>(VectorKind::lift); ++kind) {
    for (std::int64_t n = 0; n <= 40; ++n) check_kind<T>(static_cast<VectorKind>(kind), n, random);
    test::for_thread_counts([&] { check_kind<T>(static_cast<VectorKind>(kind), 200003, random); });
  }
  for (std::int64_t n = 0; n <= 70; ++n) check_dot<T>(n, random);
  for (const std::int64_t n : {4095, 4096, 4097, 8192, 12289, 32768, 40961, 1000003}) check_dot<T>(n, random);
  check_scans<T>(random);
}

}  // namespace

int main() {
  return lamina::test::for_each_isa([] {
    check_all<float>();
    check_all<double>();
  });
}
