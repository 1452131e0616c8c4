// Optimizer steps against the rules written for one number, bit for bit, and against the textbook rules in
// long double, roughly.
#include <cmath>
#include <vector>

#include "cpu/optimizer/optimizer.h"
#include "each_isa.h"
#include "numbers.h"

namespace {

using namespace lamina;
using test::Numbers;
using test::same_bits;

constexpr OptimizerKind kKinds[] = {OptimizerKind::sgd, OptimizerKind::momentum, OptimizerKind::nesterov,
                                    OptimizerKind::adam};

template <class T>
struct State {
  std::vector<T> p, s, t;
};

/// The rules as cpu/optimizer/optimizer.h words them.
template <class T>
void step_reference(const UpdateArguments& u, T g, T& p, T& s, T& t) {
  const T rate = static_cast<T>(u.rate), momentum = static_cast<T>(u.momentum);
  switch (u.kind) {
    case OptimizerKind::sgd:
      p = std::fma(-rate, g, p);
      return;
    case OptimizerKind::momentum: {
      const T step = rate * g;
      s = std::fma(momentum, s, -step);
      p = p + s;
      return;
    }
    case OptimizerKind::nesterov: {
      const T step = rate * g;
      s = std::fma(momentum, s, -step);
      const T ahead = std::fma(momentum, s, -step);
      p = p + ahead;
      return;
    }
    case OptimizerKind::adam: {
      const T difference = g - s;
      s = std::fma(difference, static_cast<T>(1.0 - u.beta_1), s);
      const T excess = std::fma(g, g, -t);
      t = std::fma(excess, static_cast<T>(1.0 - u.beta_2), t);
      const T numerator = rate * s, denominator = std::sqrt(t) + static_cast<T>(u.epsilon);
      const T quotient = numerator / denominator;
      p = p - quotient;
      return;
    }
  }
}

/// Keras 3's rules as its documentation writes them.
void step_textbook(const UpdateArguments& u, long double g, long double& p, long double& s, long double& t) {
  switch (u.kind) {
    case OptimizerKind::sgd:
      p -= u.rate * g;
      return;
    case OptimizerKind::momentum:
      s = u.momentum * s - u.rate * g;
      p += s;
      return;
    case OptimizerKind::nesterov:
      s = u.momentum * s - u.rate * g;
      p += u.momentum * s - u.rate * g;
      return;
    case OptimizerKind::adam:
      s += (g - s) * (1 - u.beta_1);
      t += (g * g - t) * (1 - u.beta_2);
      p -= u.rate * s / (std::sqrt(t) + u.epsilon);
      return;
  }
}

template <class T>
UpdateArguments arguments(OptimizerKind kind, std::int64_t n, const std::vector<T>& g, State<T>& state) {
  UpdateArguments u;
  u.dtype = sizeof(T) == 4 ? DType::float32 : DType::float64;
  u.kind = kind;
  u.n = n;
  u.parameters = state.p.data();
  u.gradients = g.data();
  if (kind != OptimizerKind::sgd) u.slots[0] = state.s.data();
  if (kind == OptimizerKind::adam) u.slots[1] = state.t.data();
  u.rate = 0.0123;
  u.momentum = 0.9;
  u.beta_1 = 0.9;
  u.beta_2 = 0.999;
  u.epsilon = 1e-7;
  return u;
}

/// n elements and three behind them, which must stay as they are.
template <class T>
void check_size(OptimizerKind kind, std::int64_t n, Numbers& random, bool all_thread_counts) {
  constexpr std::int64_t kBehind = 3;
  const std::vector<T> g = random.numbers<T>(n + kBehind);
  State<T> start{random.numbers<T>(n + kBehind), random.numbers<T>(n + kBehind),
                 random.numbers<T>(n + kBehind)};
  for (T& v : start.t) v = v * v;

  State<T> wanted = start;
  const UpdateArguments u = arguments(kind, n, g, wanted);
  for (int step = 0; step < 2; ++step) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
      step_reference(u, g[i], wanted.p[i], wanted.s[i], wanted.t[i]);
    }
  }
  const auto check = [&] {
    State<T> state = start;
    const UpdateArguments mine = arguments(kind, n, g, state);
    cpu::update(mine);
    cpu::update(mine);
    CHECK(same_bits(state.p, wanted.p));
    CHECK(same_bits(state.s, wanted.s));
    CHECK(same_bits(state.t, wanted.t));
  };
  if (all_thread_counts) {
    test::for_thread_counts(check);
  } else {
    check();
  }
}

template <class T>
void check_meaning(OptimizerKind kind, Numbers& random) {
  const std::int64_t n = 1000;
  State<T> state{random.numbers<T>(n), std::vector<T>(n), std::vector<T>(n)};
  std::vector<long double> p(state.p.begin(), state.p.end()), s(n), t(n);
  for (int step = 0; step < 20; ++step) {
    const std::vector<T> g = random.numbers<T>(n);
    const UpdateArguments u = arguments(kind, n, g, state);
    cpu::update(u);
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) step_textbook(u, g[i], p[i], s[i], t[i]);
  }
  const long double tolerance = 2000 * static_cast<long double>(std::numeric_limits<T>::epsilon());
  for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
    CHECK(std::abs(state.p[i] - p[i]) <= tolerance * (1 + std::abs(p[i])));
    if (kind == OptimizerKind::adam) CHECK(std::abs(state.t[i] - t[i]) <= tolerance * (1 + t[i]));
  }
}

template <class T>
void check_all() {
  Numbers random(17);
  for (const OptimizerKind kind : kKinds) {
    for (std::int64_t n = 0; n <= 130; ++n) check_size<T>(kind, n, random, false);
    for (const std::int64_t n : {8191, 8192, 8193, 1000003}) check_size<T>(kind, n, random, true);
    check_meaning<T>(kind, random);
  }
  // Adam's second moment stays at or above zero, whatever comes, and so NaN only comes from NaN.
  const T tiny = std::numeric_limits<T>::denorm_min();
  for (const T first : {T(0), tiny, std::numeric_limits<T>::min(), T(1e-20), T(1), T(1e15)}) {
    for (const T next : {T(0), tiny, T(1e-20), T(-1e-10), T(1)}) {
      State<T> state{std::vector<T>(16), std::vector<T>(16), std::vector<T>(16, first)};
      const std::vector<T> g(16, next);
      for (int step = 0; step < 50; ++step) cpu::update(arguments(OptimizerKind::adam, 16, g, state));
      CHECK(state.t[3] >= T(0));
      CHECK(state.p[3] == state.p[3]);
    }
  }
}

}  // namespace

int main() {
  return test::for_each_isa([] {
    check_all<float>();
    check_all<double>();
  });
}
