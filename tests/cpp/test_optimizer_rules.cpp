// The rules after Adam and the treatment of gradients and parameters against optimizer.h's formulas
// written for one number, bit for bit; and steps over parts of a store's parameters.
#include <cmath>
#include <vector>

#include "cpu/optimizer/optimizer.h"
#include "each_isa.h"
#include "nn/optimizers/optimizer.h"
#include "numbers.h"
#include "numerics/elementary.h"
#include "numerics/scalar.h"

namespace {

using namespace lamina;
using test::Numbers;
using test::same_bits;

template <class T>
constexpr DType kType = sizeof(T) == 4 ? DType::float32 : DType::float64;

template <class T>
T biggest(T a, T b) {
  return a > b ? a : b;
}
template <class T>
T clamped(T x, T limit) {
  return x < -limit ? -limit : x > limit ? limit : x;
}
template <class T>
T power(T x, T y) {
  return numerics::pow(numerics::Lane<T>{x}, numerics::Lane<T>{y}).value;
}

/// The rules as cpu/optimizer/optimizer.h words them, without any contraction the text does not have.
template <class T>
void rule_reference(OptimizerKind kind, const T* c, T g, T& p, T (&s)[3]) {
  const auto toward = [](T m, T x, T share) {
    const T difference = x - m;
    return std::fma(difference, share, m);
  };
  const auto toward_square = [](T v, T x, T share) {
    const T excess = std::fma(x, x, -v);
    return std::fma(excess, share, v);
  };
  switch (kind) {
    case OptimizerKind::amsgrad: {
      s[0] = toward(s[0], g, c[1]);
      s[1] = toward_square(s[1], g, c[2]);
      s[2] = biggest(s[2], s[1]);
      const T top = c[0] * s[0], bottom = std::sqrt(s[2]) + c[3], quotient = top / bottom;
      p = p - quotient;
      return;
    }
    case OptimizerKind::rmsprop:
    case OptimizerKind::rmsprop_momentum:
    case OptimizerKind::rmsprop_centered:
    case OptimizerKind::rmsprop_centered_momentum: {
      const bool with =
          kind == OptimizerKind::rmsprop_momentum || kind == OptimizerKind::rmsprop_centered_momentum;
      const bool centered =
          kind == OptimizerKind::rmsprop_centered || kind == OptimizerKind::rmsprop_centered_momentum;
      s[0] = toward_square(s[0], g, c[1]);
      T spread = s[0];
      if (centered) {
        T& average = s[with ? 2 : 1];
        average = toward(average, g, c[1]);
        spread = biggest(T(0), std::fma(-average, average, spread));
      }
      const T top = c[0] * g, bottom = std::sqrt(spread + c[2]), increment = top / bottom;
      if (with) s[1] = std::fma(c[3], s[1], increment);
      p = p - (with ? s[1] : increment);
      return;
    }
    case OptimizerKind::adadelta: {
      s[0] = toward_square(s[0], g, c[1]);
      const T top = std::sqrt(s[1] + c[2]) * g, bottom = std::sqrt(s[0] + c[2]), step = -(top / bottom);
      s[1] = toward_square(s[1], step, c[1]);
      p = std::fma(c[0], step, p);
      return;
    }
    case OptimizerKind::adagrad: {
      s[0] = std::fma(g, g, s[0]);
      const T top = c[0] * g, bottom = std::sqrt(s[0] + c[1]), quotient = top / bottom;
      p = p - quotient;
      return;
    }
    case OptimizerKind::adamax: {
      s[0] = toward(s[0], g, c[1]);
      s[1] = biggest(c[2] * s[1], std::abs(g));
      const T top = c[0] * s[0], bottom = s[1] + c[3], quotient = top / bottom;
      p = p - quotient;
      return;
    }
    case OptimizerKind::nadam: {
      s[0] = toward(s[0], g, c[2]);
      s[1] = toward_square(s[1], g, c[3]);
      const T part = c[1] * g, top = std::fma(c[0], s[0], part);
      const T bottom = std::sqrt(s[1] * c[4]) + c[5], quotient = top / bottom;
      p = p - quotient;
      return;
    }
    case OptimizerKind::schedule_free: {
      T average = std::fma(-c[5], s[0], p) / c[4];
      s[1] = toward_square(s[1], g, c[1]);
      const T top = c[0] * g, bottom = std::sqrt(s[1] * c[2]) + c[3], quotient = top / bottom;
      s[0] = s[0] - quotient;
      average = std::fma(s[0] - average, c[6], average);
      const T part = c[4] * average;
      p = std::fma(c[5], s[0], part);
      return;
    }
    case OptimizerKind::ftrl:
    case OptimizerKind::ftrl_power: {
      const auto raised = [&](T x) { return kind == OptimizerKind::ftrl ? std::sqrt(x) : power(x, c[4]); };
      const T shrunk = std::fma(c[3], p, g), sum = std::fma(g, g, s[0]);
      const T change = raised(sum) - raised(s[0]), sigma = change / c[0];
      const T step = std::fma(-sigma, p, shrunk);
      s[1] = s[1] + step;
      s[0] = sum;
      const T top = clamped(s[1], c[1]) - s[1], quotient = raised(sum) / c[0], bottom = quotient + c[2];
      p = top / bottom;
      return;
    }
    case OptimizerKind::lion: {
      const T part = c[2] * g, x = std::fma(c[1], s[0], part);
      const T sign = x > 0 ? T(1) : x < 0 ? T(-1) : x;
      p = std::fma(-c[0], sign, p);
      const T other = c[4] * g;
      s[0] = std::fma(c[3], s[0], other);
      return;
    }
    case OptimizerKind::lamb: {
      s[0] = toward(s[0], g, c[0]);
      s[1] = toward_square(s[1], g, c[1]);
      const T top = s[0] * c[2], bottom = std::sqrt(s[1] * c[3]) + c[4];
      s[2] = top / bottom;
      return;
    }
    default:
      CHECK(false);
  }
}

template <class T>
struct State {
  std::vector<T> p, s[3], average;
};

/// The numbers of the 1000th step of a usual optimizer of that kind.
void set_numbers(OptimizerKind kind, UpdateArguments& u) {
  nn::OptimizerSettings settings;
  settings.kind = kind;
  settings.learning_rate = 0.0123;
  settings.momentum = 0.9;
  settings.epsilon = 1e-5;
  settings.ftrl = {kind == OptimizerKind::ftrl ? -0.5 : -0.4, 0.2, 0.01, 0.02, 0.3};
  nn::fill_numbers(settings, settings.learning_rate, 1000, 0.001, u.numbers);
}

template <class T>
void check_size(OptimizerKind kind, std::int64_t n, Numbers& random, const UpdateTreatment* treatment) {
  constexpr std::int64_t kBehind = 3;
  const auto size = static_cast<std::size_t>(n);
  const std::vector<T> g = random.numbers<T>(n + kBehind);
  State<T> start;
  start.p = random.numbers<T>(n + kBehind);
  start.average = random.numbers<T>(n + kBehind);
  for (auto& slot : start.s) {
    slot = random.numbers<T>(n + kBehind);
    for (T& v : slot) v = v * v;  // second moments and sums of squares are not negative
  }
  UpdateArguments u;
  u.dtype = kType<T>;
  u.kind = kind;
  u.n = n;
  u.gradients = g.data();
  set_numbers(kind, u);
  T c[8];
  for (int i = 0; i < 8; ++i) c[i] = static_cast<T>(u.numbers[i]);

  State<T> wanted = start;
  for (std::size_t i = 0; i < size; ++i) {
    T s[3] = {wanted.s[0][i], wanted.s[1][i], wanted.s[2][i]}, gradient = g[i];
    T& p = wanted.p[i];
    if (treatment != nullptr) {
      if (treatment->clip_divisor != 0.0) {
        const T product = static_cast<T>(treatment->clip_scale) * gradient;
        gradient = product / static_cast<T>(treatment->clip_divisor);
      }
      if (treatment->clip_value != 0.0) gradient = clamped(gradient, static_cast<T>(treatment->clip_value));
      if (treatment->decay != 0.0) {
        const T once = p * static_cast<T>(treatment->decay),
                twice = once * static_cast<T>(treatment->decay_rate);
        p = p - twice;
      }
    }
    rule_reference(kind, c, gradient, p, s);
    for (int k = 0; k < 3; ++k) wanted.s[k][i] = s[k];
    if (treatment != nullptr && treatment->average != nullptr) {
      const T part = static_cast<T>(1.0 - treatment->average_momentum) * p;
      wanted.average[i] = std::fma(static_cast<T>(treatment->average_momentum), wanted.average[i], part);
      if (treatment->overwrite) p = wanted.average[i];
    }
  }
  State<T> state = start;
  u.parameters = state.p.data();
  for (int k = 0; k < 3; ++k) u.slots[k] = state.s[k].data();
  UpdateTreatment mine;
  if (treatment != nullptr) {
    mine = *treatment;
    if (mine.average != nullptr) mine.average = state.average.data();
    u.treatment = &mine;
  }
  cpu::update(u);
  CHECK(same_bits(state.p, wanted.p));
  CHECK(same_bits(state.average, wanted.average));
  for (int k = 0; k < 3; ++k) CHECK(same_bits(state.s[k], wanted.s[k]));
}

template <class T>
void check_all() {
  Numbers random(31);
  int place = 0;
  UpdateTreatment everything{0.5, 1.5, 0.3, 0.1, 0.0123, &place, 0.9, false};
  UpdateTreatment overwriting = everything;
  overwriting.overwrite = true;
  overwriting.clip_divisor = 0.0;
  overwriting.decay = 0.0;
  for (int kind = static_cast<int>(OptimizerKind::amsgrad); kind <= static_cast<int>(OptimizerKind::lamb);
       ++kind) {
    const auto rule = static_cast<OptimizerKind>(kind);
    for (std::int64_t n = 0; n <= 40; ++n) check_size<T>(rule, n, random, nullptr);
    for (const std::int64_t n : {17, 1023, 1024, 1025, 3000}) {
      check_size<T>(rule, n, random, &everything);
      check_size<T>(rule, n, random, &overwriting);
    }
    test::for_thread_counts([&] {
      check_size<T>(rule, 100003, random, nullptr);
      check_size<T>(rule, 100003, random, &everything);
    });
  }
}

/// Kernels and biases of three layers with values and gradients filled in.
void fill(nn::ParameterStore& store) {
  const std::int64_t widths[] = {5, 7, 9, 4};
  for (std::int64_t i = 0; i < 3; ++i) {
    store.add(i, nn::PlacedParameter::kNoOperation, {"kernel", {widths[i], widths[i + 1]}});
    store.add(i, nn::PlacedParameter::kNoOperation, {"bias", {widths[i + 1]}});
  }
  store.build_gradients();
  Numbers random(5);
  for (const nn::PlacedParameter& p : store.layout().parameters()) {
    for (void* flat : {store.values(), store.gradients().at(0)}) {
      const std::vector<float> numbers = random.numbers<float>(p.count);
      std::copy(numbers.begin(), numbers.end(), static_cast<float*>(flat) + p.offset);
    }
  }
}

/// Only the ranges change, and they change as if everything were updated.
void check_ranges(OptimizerKind kind, const nn::OptimizerSettings& options, bool same_as_whole) {
  nn::ParameterStore whole(DType::float32, device("cpu")), part(DType::float32, device("cpu"));
  fill(whole);
  fill(part);
  nn::OptimizerSettings settings = options;
  settings.kind = kind;
  nn::Optimizer all(settings, whole), some(settings, part);
  const auto& parameters = part.layout().parameters();
  const std::vector<float> before(static_cast<float*>(part.values()),
                                  static_cast<float*>(part.values()) + part.layout().elements());
  // The second layer is frozen.
  const std::int64_t end = part.layout().elements();
  const std::vector<nn::FlatRange> ranges{{0, parameters[2].offset},
                                          {parameters[4].offset, end - parameters[4].offset}};
  for (int step = 0; step < 3; ++step) {
    all.prepare();
    all.step(whole, whole.gradients());
    some.prepare();
    some.step(part, part.gradients(), &ranges);
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const bool frozen = i == 2 || i == 3;
    bool changed = false, equal = true;
    for (std::int64_t j = parameters[i].offset; j < parameters[i].offset + parameters[i].count; ++j) {
      const float now = static_cast<const float*>(part.values())[j];
      changed = changed || now != before[static_cast<std::size_t>(j)];
      equal = equal && now == static_cast<const float*>(whole.values())[j];
    }
    CHECK(changed != frozen);
    if (same_as_whole && !frozen) CHECK(equal);
  }
  CHECK(some.iterations() == 3);
  const std::vector<float> last(static_cast<float*>(part.values()), static_cast<float*>(part.values()) + end);
  const std::vector<nn::FlatRange> none;
  some.step(part, part.gradients(), &none);
  CHECK(same_bits(last, std::vector<float>(static_cast<float*>(part.values()),
                                           static_cast<float*>(part.values()) + end)));
}

void check_all_ranges() {
  for (int kind = 0; kind < static_cast<int>(OptimizerKind::lbfgs); ++kind) {
    nn::OptimizerSettings settings;
    check_ranges(static_cast<OptimizerKind>(kind), settings, true);
    settings.weight_decay = 0.1;
    settings.clipnorm = 0.5;
    settings.use_ema = true;
    settings.gradient_accumulation_steps = 2;
    settings.loss_scale_factor = 3.0;
    check_ranges(static_cast<OptimizerKind>(kind), settings, true);
    settings.clipnorm.reset();
    settings.global_clipnorm = 0.5;  // of the trained gradients only: another norm than of all
    check_ranges(static_cast<OptimizerKind>(kind), settings, false);
  }
}

}  // namespace

int main() {
  return lamina::test::for_each_isa([] {
    check_all<float>();
    check_all<double>();
    check_all_ranges();
  });
}
