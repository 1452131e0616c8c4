// The activation kernels: the same bits from every instruction set, thread count, position
// and length; values against <cmath> in double; derivatives against central differences.
// With an argument: prints the largest errors.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "check.h"
#include "core/error.h"
#include "core/threads.h"
#include "cpu/activation/activation.h"
#include "cpu/dispatch.h"
#include "device/names.h"
#include "numbers.h"
#include "numerics/order.h"

using namespace lamina;
using test::same_bits;

namespace {

bool verbose = false;
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

const std::vector<Activation>& elementwise() {
  using K = ActivationKind;
  static const std::vector<Activation> all = {
      {K::linear},
      {K::relu},
      {K::relu, 0.0, 6.0, 0.0},
      {K::relu, 0.25, kInf, 0.0},
      {K::relu, 0.1, 2.0, 0.0},
      {K::relu, 0.0, kInf, 1.0},
      {K::relu, 0.3, 4.0, 1.5},
      {K::relu, 0.3, 4.0, -0.5},
      {K::relu, -0.2, kInf, 0.0},
      {K::relu6},
      {K::leaky_relu, 0.2},
      {K::leaky_relu, 0.0},
      {K::leaky_relu, -0.5},
      {K::elu, 1.0},
      {K::elu, 0.3},
      {K::elu, -0.7},
      {K::selu},
      {K::celu, 1.0},
      {K::celu, 2.5},
      {K::celu, -1.5},
      {K::sigmoid},
      {K::hard_sigmoid},
      {K::tanh},
      {K::softplus},
      {K::softsign},
      {K::silu},
      {K::gelu},
      {K::gelu_tanh},
      {K::mish},
      {K::threshold, 0.5, -1.5},
      {K::threshold, -0.25, 3.0},
      {K::sparse_plus},
      {K::sparse_sigmoid},
      {K::squareplus, 4.0},
      {K::squareplus, 0.5},
      {K::hard_tanh},
      {K::hard_silu},
      {K::hard_shrink, 0.5},
      {K::soft_shrink, 0.75},
      {K::tanh_shrink},
      {K::log_sigmoid},
      {K::exponential},
  };
  return all;
}

/// The formulas, in double by <cmath>.
double reference(const Activation& f, double x) {
  using K = ActivationKind;
  switch (f.kind) {
    case K::linear:
      return x;
    case K::relu: {
      double above = x > f.c ? x : 0.0;
      if (f.b < kInf) above = std::min(std::max(above, 0.0), f.b);
      return x < f.c && f.a != 0.0 ? above - f.a * (f.c - x) : above;
    }
    case K::relu6:
      return std::min(std::max(x, 0.0), 6.0);
    case K::leaky_relu:
      return x > 0.0 ? x : (f.a == 0.0 ? 0.0 : f.a * x);
    case K::elu:
      return x > 0.0 ? x : f.a * std::expm1(x);
    case K::selu:
      return 1.0507009873554804934 * (x > 0.0 ? x : 1.6732632423543772848 * std::expm1(x));
    case K::celu:
      return std::max(x, 0.0) + (x > 0.0 ? 0.0 : f.a * std::expm1(x / f.a));
    case K::sigmoid:
      return x < 0.0 ? std::exp(x) / (1.0 + std::exp(x)) : 1.0 / (1.0 + std::exp(-x));
    case K::hard_sigmoid:
      return std::min(std::max(x + 3.0, 0.0), 6.0) / 6.0;
    case K::tanh:
      return std::tanh(x);
    case K::softplus:
      return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x)));
    case K::softsign:
      return x / (1.0 + std::fabs(x));
    case K::silu:
      return x * reference({K::sigmoid}, x);
    case K::gelu:
      return x * 0.5 * std::erfc(-x * 0.70710678118654752440);
    case K::gelu_tanh: {
      const double u = 0.79788456080286535588 * (x + 0.044715 * x * x * x);
      return x * reference({K::sigmoid}, 2.0 * u);
    }
    case K::mish:
      return x * std::tanh(reference({K::softplus}, x));
    case K::exponential:
      return std::exp(x);
    case K::threshold:
      return x > f.a ? x : f.b;
    case K::sparse_plus:
      return x <= -1.0 ? 0.0 : x >= 1.0 ? x : 0.25 * (x + 1.0) * (x + 1.0);
    case K::sparse_sigmoid:
      return 0.5 * std::min(std::max(x + 1.0, 0.0), 2.0);
    case K::squareplus:
      return x < 0.0 ? 0.5 * f.a / (std::hypot(x, std::sqrt(f.a)) - x)
                     : 0.5 * (x + std::hypot(x, std::sqrt(f.a)));
    case K::hard_tanh:
      return std::min(std::max(x, -1.0), 1.0);
    case K::hard_silu:
      return x >= 3.0 ? x : x * (std::max(x + 3.0, 0.0) / 6.0);
    case K::hard_shrink:
      return std::fabs(x) > f.a ? x : 0.0;
    case K::soft_shrink:
      return std::fabs(x) > f.a ? std::copysign(std::fabs(x) - f.a, x) : 0.0;
    case K::tanh_shrink:
      return x - std::tanh(x);
    case K::log_sigmoid:
      return std::min(x, 0.0) - std::log1p(std::exp(-std::fabs(x)));
    default:
      return kNan;
  }
}

std::string label(const Activation& f) {
  return std::string(name_of(f.kind)) + "(" + std::to_string(f.a) + "," + std::to_string(f.b) + "," +
         std::to_string(f.c) + ")";
}

struct Numbers : test::Numbers {
  explicit Numbers(std::uint64_t seed = 1) : test::Numbers(seed) {}
  double next() { return static_cast<double>(bits() >> 11) * 0x1p-53; }  // [0, 1)
  double normal_ish() { return 2.0 * (next() + next() + next() + next() - 2.0); }
};

template <class T>
std::vector<T> inputs() {
  std::vector<T> x;
  using L = std::numeric_limits<T>;
  for (double v : {0.0,  1e-30, 1e-7, 0.5,  1.0,  1.5,  2.0,   3.0,   4.0,   5.999, 6.0,    6.001, 9.0, 17.0,
                   20.0, 33.0,  39.0, 65.0, 88.0, 89.0, 104.0, 710.0, 746.0, 999.0, 1001.0, 1e10,  1e30}) {
    x.push_back(static_cast<T>(v));
    x.push_back(static_cast<T>(-v));
  }
  for (T v : {L::denorm_min(), L::min(), L::max(), L::infinity(), L::quiet_NaN()}) {
    x.push_back(v);
    x.push_back(-v);
  }
  Numbers numbers;
  for (int i = 0; i < 400; ++i) x.push_back(static_cast<T>(numbers.normal_ish() * (i % 4 == 0 ? 10.0 : 1.0)));
  return x;
}

template <class T>
const cpu::ActivationKernelsOf<T>& kernels_of(const std::string& isa) {
  if constexpr (sizeof(T) == 4) {
    return cpu::kernels_of(isa).activation->f32;
  } else {
    return cpu::kernels_of(isa).activation->f64;
  }
}

template <class T>
std::vector<T> forward(const std::string& isa, const Activation& f, const std::vector<T>& x) {
  std::vector<T> y(x.size());
  kernels_of<T>(isa).forward(f, x.size(), x.data(), y.data());
  return y;
}
template <class T>
std::vector<T> backward(const std::string& isa, const Activation& f, const std::vector<T>& x,
                        const std::vector<T>& dy) {
  const std::vector<T> saved = derivative_from(f) == DerivativeFrom::output ? forward("scalar", f, x) : x;
  std::vector<T> dx(x.size());
  kernels_of<T>(isa).backward(f, x.size(), saved.data(), dy.data(), dx.data());
  return dx;
}

// ---- Bits.

template <class T>
void test_same_bits() {
  const std::vector<T> x = inputs<T>();
  std::vector<T> dy;
  Numbers numbers;
  for (std::size_t i = 0; i < x.size(); ++i) dy.push_back(static_cast<T>(numbers.normal_ish()));
  for (const Activation& f : elementwise()) {
    const std::vector<T> y = forward("scalar", f, x), dx = backward("scalar", f, x, dy);
    const std::vector<T> saved = derivative_from(f) == DerivativeFrom::output ? y : x;
    for (const std::string& isa : cpu::available_isas()) {
      CHECK(same_bits(forward(isa, f, x), y));
      CHECK(same_bits(backward(isa, f, x, dy), dx));
      // Every length and alignment; nothing is written behind the end.
      for (std::size_t n = 0; n <= 70; ++n) {
        const std::size_t at = (n * 7) % 300 + n % 5;
        std::vector<T> out(n + 40, T(77));
        kernels_of<T>(isa).forward(f, n, x.data() + at, out.data() + n % 3);
        bool ok = true;
        for (std::size_t i = 0; i < n; ++i) ok = ok && same_bits(out[i + n % 3], y[at + i]);
        for (std::size_t i = n + n % 3; i < out.size(); ++i) ok = ok && out[i] == T(77);
        CHECK(ok);
        std::fill(out.begin(), out.end(), T(77));
        kernels_of<T>(isa).backward(f, n, saved.data() + at, dy.data() + at, out.data() + n % 3);
        for (std::size_t i = 0; i < n; ++i) ok = ok && same_bits(out[i + n % 3], dx[at + i]);
        for (std::size_t i = n + n % 3; i < out.size(); ++i) ok = ok && out[i] == T(77);
        CHECK(ok);
      }
      // In place.
      std::vector<T> in_place = x;
      kernels_of<T>(isa).forward(f, x.size(), in_place.data(), in_place.data());
      CHECK(same_bits(in_place, y));
      in_place = dy;
      kernels_of<T>(isa).backward(f, x.size(), saved.data(), in_place.data(), in_place.data());
      CHECK(same_bits(in_place, dx));
    }
  }
}

template <class T>
void test_threads() {
  constexpr DType dtype = sizeof(T) == 4 ? DType::float32 : DType::float64;
  const std::int64_t rows = 700, columns = 331;
  std::vector<T> x, dy;
  Numbers numbers;
  for (std::int64_t i = 0; i < rows * columns; ++i) {
    x.push_back(static_cast<T>(numbers.normal_ish()));
    dy.push_back(static_cast<T>(numbers.normal_ish()));
  }
  for (ActivationKind kind : {ActivationKind::gelu, ActivationKind::softmax, ActivationKind::log_softmax}) {
    const Activation f{kind};
    std::vector<T> first_y, first_dx;
    for (int threads : {1, 2, 3, 5}) {
      threads::set_count(threads);
      std::vector<T> y(x.size()), dx(x.size());
      cpu::activate(dtype, f, rows, columns, x.data(), y.data());
      const T* saved = derivative_from(f) == DerivativeFrom::output ? y.data() : x.data();
      cpu::activate_backward(dtype, f, rows, columns, saved, dy.data(), dx.data());
      if (threads == 1) {
        first_y = y;
        first_dx = dx;
      }
      CHECK(same_bits(y, first_y));
      CHECK(same_bits(dx, first_dx));
    }
    cpu::activate(dtype, f, 0, columns, nullptr, nullptr);
    cpu::activate(dtype, f, rows, 0, nullptr, nullptr);
    cpu::activate_backward(dtype, f, rows, 0, nullptr, nullptr, nullptr);
  }
  threads::set_count(threads::default_count());
}

// ---- Values.

/// |value - exact| in units of the last place of T at `exact`.
template <class T>
double ulps(T value, double exact) {
  const T rounded = static_cast<T>(exact);
  if (rounded != rounded) return value != value ? 0.0 : kInf;
  if (std::isinf(rounded)) return value == rounded ? 0.0 : 1.0;
  const double size =
      std::max(std::fabs(static_cast<double>(rounded)), static_cast<double>(std::numeric_limits<T>::min()));
  const double unit = std::ldexp(std::numeric_limits<T>::epsilon(), std::ilogb(size));
  return std::fabs(static_cast<double>(value) - exact) / unit;
}

/// The largest error allowed, in units of the last place of float32.
double bound(const Activation& f, double x) {
  switch (f.kind) {
    case ActivationKind::mish:
      return 5.0;
    case ActivationKind::celu:  // its exponent x / alpha is rounded
      return 3.0 + (x < 0.0 && f.a < 0.0 ? std::fabs(x / f.a) : 0.0);
    case ActivationKind::gelu_tanh: {  // so is the gate's, and for negative x that is all there is
      const double exponent = 1.6 * std::fabs(x) * (1.0 + 0.0447 * x * x);
      return 3.0 + (x < 0.0 ? 3.0 * exponent : 0.0);
    }
    case ActivationKind::gelu:  // the gate is denormal before the product is
      return x < -12.8 ? 16.0 : 2.0;
    case ActivationKind::squareplus:  // a root, a difference and a quotient
      return 3.0;
    case ActivationKind::tanh_shrink:  // a difference
      return 3.0 + 8.0 / (x * x);
    default:
      return 2.0;
  }
}

void test_values() {
  for (const Activation& f : elementwise()) {
    double worst32 = 0.0, worst64 = 0.0, at32 = 0.0;
    // The parameters as float sees them.
    const Activation g = {f.kind, static_cast<float>(f.a), static_cast<float>(f.b), static_cast<float>(f.c)};
    std::vector<float> x;
    for (int i = -200000; i <= 200000; ++i) x.push_back(static_cast<float>(i) * 1.03e-4f);
    for (double v = 1e-37; v < 1e30; v *= 1.37) {
      x.push_back(static_cast<float>(v));
      x.push_back(static_cast<float>(-v));
    }
    const std::vector<float> y = forward("scalar", g, x);
    bool ok = true;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double exact = reference(g, x[i]);
      if (std::fabs(exact) < std::numeric_limits<float>::min() || std::isnan(exact)) continue;
      const double error = ulps(y[i], exact);
      if (error > worst32) {
        worst32 = error;
        at32 = x[i];
      }
      ok = ok && error <= bound(g, x[i]);
    }
    CHECK(ok);
    const std::vector<double> wide(x.begin(), x.end());
    const std::vector<double> wide_y = forward("scalar", f, wide);
    ok = true;
    for (std::size_t i = 0; i < wide.size(); ++i) {
      const double exact = reference(f, wide[i]);
      if (std::fabs(exact) < std::numeric_limits<double>::min() || std::isnan(exact)) continue;
      const double error = ulps(wide_y[i], exact);
      worst64 = std::max(worst64, error);
      // The reference's own rounding is a few units, more where it forms an exponent.
      const double cancelled = f.kind == ActivationKind::tanh_shrink ? 8.0 / (wide[i] * wide[i]) : 0.0;
      ok = ok && error <= cancelled + 16.0 + 8.0 * std::min(wide[i] * wide[i] * std::fabs(wide[i]), 1e4);
    }
    CHECK(ok);
    if (verbose || !ok) {
      std::printf("%-40s float32 %8.2f ulp at %-12g float64 against <cmath> %g\n", label(f).c_str(), worst32,
                  at32, worst64);
    }
  }
}

void test_special_values() {
  using K = ActivationKind;
  const auto value = [](const Activation& f, double x) {
    return forward<double>("scalar", f, std::vector<double>{x})[0];
  };
  const auto single = [](const Activation& f, double x) {
    return static_cast<double>(forward<float>("scalar", f, std::vector<float>{static_cast<float>(x)})[0]);
  };
  for (const Activation& f : elementwise()) {
    CHECK(std::isnan(value(f, kNan)));
    CHECK(std::isnan(single(f, kNan)));
    for (double x : {kInf, -kInf, 1e300, -1e300, 0.0}) {
      CHECK(!std::isnan(value(f, x)));
      CHECK(!std::isnan(single(f, x)));
    }
  }
  for (K kind : {K::silu, K::gelu, K::gelu_tanh, K::mish}) {
    CHECK(same_bits(value({kind}, -kInf), -0.0) && same_bits(single({kind}, -kInf), -0.0));
    CHECK(value({kind}, kInf) == kInf && value({kind}, 0.0) == 0.0);
  }
  CHECK(same_bits(value({K::relu}, -0.0), 0.0) && value({K::relu}, kInf) == kInf);
  CHECK(same_bits(value({K::relu, 0.0, 6.0, 0.0}, -kInf), 0.0) && value({K::relu6}, kInf) == 6.0);
  CHECK(value({K::relu, 0.0, kInf, 5.0}, 5.0) == 0.0 && value({K::relu, 0.0, kInf, 5.0}, 10.0) == 10.0);
  CHECK(value({K::relu, 0.5, kInf, 5.0}, -10.0) == -7.5);
  CHECK(value({K::sigmoid}, -kInf) == 0.0 && value({K::sigmoid}, kInf) == 1.0 &&
        value({K::sigmoid}, 0.0) == 0.5);
  CHECK(value({K::softsign}, kInf) == 1.0 && value({K::softsign}, -kInf) == -1.0);
  CHECK(value({K::hard_sigmoid}, -3.0) == 0.0 && value({K::hard_sigmoid}, 3.0) == 1.0);
  CHECK(value({K::elu, 1.0}, -kInf) == -1.0 && value({K::celu, 2.0}, -kInf) == -2.0);
  CHECK(value({K::exponential}, -kInf) == 0.0 && value({K::softplus}, -kInf) == 0.0);
  CHECK(value({K::linear}, -0.0) == 0.0 && std::signbit(value({K::linear}, -0.0)));
}

// ---- Derivatives.

double slope(const Activation& f, double x) {
  return backward<double>("scalar", f, std::vector<double>{x}, std::vector<double>{1.0})[0];
}

void test_derivatives() {
  using K = ActivationKind;
  const double h = 0x1p-18;
  for (const Activation& f : elementwise()) {
    double worst = 0.0;
    for (double x = -12.0; x < 12.0; x += 0.0371) {
      // No difference across a kink.
      bool kink = false;
      for (double at : {0.0, -3.0, 3.0, -1.0, 1.0, f.a, -f.a, f.c, f.kind == K::relu6 ? 6.0 : f.b})
        kink = kink || std::fabs(x - at) <= 2 * h;
      if (kink) continue;
      const std::vector<double> around =
          forward<double>("scalar", f, std::vector<double>{x + h, x - h, x + 2 * h, x - 2 * h});
      const double difference = (8.0 * (around[0] - around[1]) - (around[2] - around[3])) / (12.0 * h);
      const double error = std::fabs(slope(f, x) - difference) / std::max(1.0, std::fabs(difference));
      worst = std::max(worst, error);
    }
    CHECK(worst < 1e-8);
    if (verbose) std::printf("%-40s derivative, against central differences: %g\n", label(f).c_str(), worst);
  }
  // The rules at ties.
  CHECK(slope({K::relu}, 0.0) == 0.0 && slope({K::relu6}, 6.0) == 0.0 && slope({K::relu6}, 0.0) == 0.0);
  CHECK(slope({K::leaky_relu, 0.2}, 0.0) == 0.2 && slope({K::leaky_relu, -0.5}, 0.0) == -0.5);
  CHECK(slope({K::relu, 0.25, 2.0, 0.0}, 0.0) == 0.25 && slope({K::relu, 0.25, 2.0, 0.0}, 2.0) == 0.0);
  CHECK(slope({K::elu, 0.3}, 0.0) == 0.3 && slope({K::celu, 2.5}, 0.0) == 1.0);
  CHECK(slope({K::hard_sigmoid}, -3.0) == 0.0 && slope({K::hard_sigmoid}, 3.0) == 0.0);
  // In the limits.
  for (K kind : {K::silu, K::gelu, K::gelu_tanh, K::mish, K::softplus, K::relu, K::linear}) {
    CHECK(slope({kind}, kInf) == 1.0 && slope({kind}, 1e300) == 1.0);
    if (kind != K::linear) CHECK(slope({kind}, -kInf) == 0.0 && slope({kind}, -1e300) == 0.0);
  }
  // From the output wherever both are equally right.
  CHECK(derivative_from({K::relu}) == DerivativeFrom::output);
  CHECK(derivative_from({K::relu, 0.1, 6.0, 0.0}) == DerivativeFrom::output);
  CHECK(derivative_from({K::relu, 0.0, kInf, 1.0}) == DerivativeFrom::input);
  CHECK(derivative_from({K::relu, -0.1, kInf, 0.0}) == DerivativeFrom::input);
  CHECK(derivative_from({K::elu, -1.0}) == DerivativeFrom::input);
  CHECK(derivative_from({K::gelu}) == DerivativeFrom::input);
  CHECK(derivative_from({K::softmax}) == DerivativeFrom::output);
}

/// A piecewise linear function's derivative is the same from its output as from its input.
template <class T>
void test_sides_from_output() {
  const std::vector<T> x = inputs<T>();
  const std::vector<T> one(x.size(), T(1));
  for (const Activation& f : elementwise()) {
    if (f.kind != ActivationKind::relu || derivative_from(f) != DerivativeFrom::output) continue;
    std::vector<T> from_input(x.size());
    // The kernel decides by the sign of x alone, so the input serves in place of the output,
    // up to the maximum.
    kernels_of<T>("scalar").backward(f, x.size(), x.data(), one.data(), from_input.data());
    CHECK(same_bits(backward("scalar", f, x, one), from_input));
  }
}

// ---- softmax and log_softmax.

/// The written order of a row's sum, spelt out.
template <class T>
T ordered_sum(const std::vector<T>& terms) {
  constexpr std::size_t lanes = numerics::kLanes<T>;
  std::vector<T> partials;
  for (std::size_t begin = 0; begin < terms.size() || partials.empty(); begin += numerics::kSumChunk) {
    const std::size_t end = std::min<std::size_t>(terms.size(), begin + numerics::kSumChunk);
    T lane[lanes] = {};
    for (std::size_t i = begin; i < end; ++i)
      lane[(i - begin) % lanes] = lane[(i - begin) % lanes] + terms[i];
    for (std::size_t half = lanes / 2; half > 0; half /= 2) {
      for (std::size_t i = 0; i < half; ++i) lane[i] = lane[i] + lane[i + half];
    }
    partials.push_back(lane[0]);
  }
  while (partials.size() > 1) {
    std::vector<T> up;
    for (std::size_t i = 0; i + 1 < partials.size(); i += 2) up.push_back(partials[i] + partials[i + 1]);
    if (partials.size() % 2 == 1) up.push_back(partials.back());
    partials = up;
  }
  return partials[0];
}

template <class T>
void test_rows() {
  const Activation softmax{ActivationKind::softmax}, log_softmax{ActivationKind::log_softmax};
  Numbers numbers;
  std::vector<std::size_t> lengths;
  for (std::size_t n = 0; n <= 70; ++n) lengths.push_back(n);
  for (std::size_t n : {4095u, 4096u, 4097u, 8192u, 13000u, 29000u}) lengths.push_back(n);
  double worst = 0.0, worst_log = 0.0;
  for (std::size_t n : lengths) {
    const std::size_t rows = 3;
    std::vector<T> x, dy;
    for (std::size_t i = 0; i < rows * n; ++i) {
      x.push_back(static_cast<T>(5.0 * numbers.normal_ish() + (i < n ? 0.0 : 90.0)));
      dy.push_back(static_cast<T>(numbers.normal_ish()));
    }
    std::vector<T> first[4];
    for (const std::string& isa : cpu::available_isas()) {
      const auto& k = kernels_of<T>(isa);
      std::vector<T> y(x.size() + 9, T(5)), z = y, dx = y, dz = y;
      k.forward_rows(softmax, rows, n, x.data(), y.data() + 1);
      k.forward_rows(log_softmax, rows, n, x.data(), z.data() + 1);
      k.backward_rows(softmax, rows, n, y.data() + 1, dy.data(), dx.data() + 1);
      k.backward_rows(log_softmax, rows, n, z.data() + 1, dy.data(), dz.data() + 1);
      if (isa == "scalar") {
        first[0] = y;
        first[1] = z;
        first[2] = dx;
        first[3] = dz;
      }
      CHECK(same_bits(y, first[0]) && same_bits(z, first[1]) && same_bits(dx, first[2]) &&
            same_bits(dz, first[3]));
      // In place, and a row does not depend on its neighbours.
      std::vector<T> alone(x.begin() + static_cast<std::ptrdiff_t>(n),
                           x.begin() + static_cast<std::ptrdiff_t>(2 * n));
      k.forward_rows(softmax, 1, n, alone.data(), alone.data());
      CHECK(std::equal(alone.begin(), alone.end(), y.begin() + 1 + static_cast<std::ptrdiff_t>(n)));
      alone.assign(dy.begin(), dy.begin() + static_cast<std::ptrdiff_t>(n));
      k.backward_rows(softmax, 1, n, y.data() + 1, alone.data(), alone.data());
      CHECK(std::equal(alone.begin(), alone.end(), dx.begin() + 1));
      alone.assign(dy.begin(), dy.begin() + static_cast<std::ptrdiff_t>(n));
      k.backward_rows(log_softmax, 1, n, z.data() + 1, alone.data(), alone.data());
      CHECK(std::equal(alone.begin(), alone.end(), dz.begin() + 1));
    }
    for (std::size_t r = 0; r < rows && n > 0; ++r) {
      const T* row = x.data() + r * n;
      const T* y = first[0].data() + 1 + r * n;
      const T* z = first[1].data() + 1 + r * n;
      const T m = *std::max_element(row, row + n);
      // The order, bit for bit.
      std::vector<T> shifted(n);
      for (std::size_t i = 0; i < n; ++i) shifted[i] = row[i] - m;
      const std::vector<T> e = forward("scalar", {ActivationKind::exponential}, shifted);
      const T sum = ordered_sum(e);
      bool ok = true;
      for (std::size_t i = 0; i < n; ++i) ok = ok && same_bits(y[i], e[i] / sum);
      CHECK(ok);
      // The value.
      long double long_sum = 0.0;
      for (std::size_t i = 0; i < n; ++i)
        long_sum += std::exp(static_cast<double>(row[i]) - static_cast<double>(m));
      const double exact_sum = static_cast<double>(long_sum);
      for (std::size_t i = 0; i < n; ++i) {
        const double below = static_cast<double>(row[i]) - static_cast<double>(m);
        const double exact = std::exp(below) / exact_sum, exact_log = below - std::log(exact_sum);
        worst = std::max(worst,
                         std::fabs(y[i] - exact) / exact / std::numeric_limits<T>::epsilon() / (1.0 - below));
        worst_log = std::max(worst_log, std::fabs(z[i] - exact_log) / std::max(1.0, std::fabs(exact_log)) /
                                            std::numeric_limits<T>::epsilon());
      }
    }
  }
  CHECK(worst < 16.0 && worst_log < 16.0);
  if (verbose) std::printf("softmax %g, log_softmax %g units of %zu bytes\n", worst, worst_log, sizeof(T));

  const auto row = [](const Activation& f, std::vector<T> x) {
    kernels_of<T>("scalar").forward_rows(f, 1, x.size(), x.data(), x.data());
    return x;
  };
  const T inf = std::numeric_limits<T>::infinity();
  CHECK(same_bits(row(softmax, {-inf, T(2), T(2)}), {T(0), T(0.5), T(0.5)}));
  CHECK(same_bits(row(softmax, {T(-3)}), {T(1)}) && same_bits(row(log_softmax, {T(-3)}), {T(0)}));
  CHECK(same_bits(row(log_softmax, {-inf, T(2)}), {-inf, T(0)}));
  for (const Activation& f : {softmax, log_softmax}) {
    for (const std::vector<T>& bad : std::vector<std::vector<T>>{
             {T(1), std::numeric_limits<T>::quiet_NaN(), T(2)}, {T(1), inf}, {-inf, -inf}}) {
      for (T v : row(f, bad)) CHECK(v != v);
    }
  }
}

void test_row_derivatives() {
  Numbers numbers;
  const double h = 0x1p-18;
  double worst = 0.0;
  for (ActivationKind kind : {ActivationKind::softmax, ActivationKind::log_softmax}) {
    const auto& k = kernels_of<double>("scalar");
    const std::size_t n = 11;
    std::vector<double> x(n), dy(n), y(n), dx(n);
    for (std::size_t i = 0; i < n; ++i) {
      x[i] = numbers.normal_ish();
      dy[i] = numbers.normal_ish();
    }
    k.forward_rows({kind}, 1, n, x.data(), y.data());
    k.backward_rows({kind}, 1, n, y.data(), dy.data(), dx.data());
    const auto objective = [&](std::size_t j, double step) {
      std::vector<double> moved = x;
      moved[j] += step;
      k.forward_rows({kind}, 1, n, moved.data(), moved.data());
      double sum = 0.0;
      for (std::size_t i = 0; i < n; ++i) sum += dy[i] * moved[i];
      return sum;
    };
    for (std::size_t j = 0; j < n; ++j) {
      const double difference =
          (8.0 * (objective(j, h) - objective(j, -h)) - (objective(j, 2 * h) - objective(j, -2 * h))) /
          (12.0 * h);
      worst = std::max(worst, std::fabs(difference - dx[j]));
    }
  }
  CHECK(worst < 1e-9);
}

void test_names() {
  for (const std::string& name : activation_names()) CHECK(name_of(activation_from_name(name)) == name);
  for (const std::string& name : loss_names()) CHECK(name_of(loss_from_name(name)) == name);
  for (const std::string& name : metric_names()) CHECK(name_of(metric_from_name(name)) == name);
  for (const std::string& name : optimizer_names()) CHECK(name_of(optimizer_from_name(name)) == name);
  CHECK(activation_names().size() == 30 && loss_names().size() == 22);
  CHECK(slot_count(OptimizerKind::sgd) == 0 && slot_count(OptimizerKind::adam) == 2);
  CHECK_THROWS(activation_from_name(""), ValueError);
  CHECK_THROWS(loss_from_name(std::string(100000, 'x')), ValueError);
  std::string message;
  try {
    activation_from_name("sigmiod");
  } catch (const ValueError& error) {
    message = error.what();
  }
  CHECK(message.find("Did you mean 'sigmoid'?") != std::string::npos);
  CHECK(message.find("'log_softmax'") != std::string::npos);
  CHECK(message.find("Received: 'sigmiod'") != std::string::npos);
}

}  // namespace

int main(int argc, char**) {
  verbose = argc > 1;
  test_same_bits<float>();
  test_same_bits<double>();
  test_threads<float>();
  test_threads<double>();
  test_values();
  test_special_values();
  test_derivatives();
  test_sides_from_output<float>();
  test_sides_from_output<double>();
  test_rows<float>();
  test_rows<double>();
  test_row_derivatives();
  test_names();
  return test::result();
}
