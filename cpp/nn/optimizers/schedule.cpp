#include "nn/optimizers/schedule.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "core/error.h"
#include "core/float_environment.h"
#include "numerics/elementary.h"
#include "numerics/scalar.h"

namespace lamina::nn {

namespace {

using Number = numerics::Lane<double>;

double power(double base, double exponent) {
  return numerics::pow(Number::splat(base), Number::splat(exponent)).value;
}
double cospi(double x) { return numerics::cospi(Number::splat(x)).value; }
double log(double x) { return numerics::log(Number::splat(x)).value; }

/// std::floor is exact: a function of the bits, the same everywhere.
double whole(double x) { return std::floor(x); }

double half_cosine(double share) { return 0.5 * (1.0 + cospi(share)); }

double piecewise(double step, const std::vector<double>& numbers) {
  const std::size_t boundaries = numbers.size() / 2;
  std::size_t i = 0;
  while (i < boundaries && step > numbers[i]) ++i;
  return numbers[boundaries + i];
}

double polynomial(double step, const std::vector<double>& n) {
  const double initial = n[0], end = n[2], exponent = n[3];
  double length = n[1];
  if (n[4] != 0.0) {
    length *= step == 0.0 ? 1.0 : std::ceil(step / length);
  } else {
    step = std::min(step, length);
  }
  return (initial - end) * power(1.0 - step / length, exponent) + end;
}

double cosine(double step, const std::vector<double>& n) {
  const double length = n[1], alpha = n[2], target = n[4], warm_steps = n[5];
  double from = n[0];
  if (n[3] != 0.0) {
    if (step < warm_steps) return (target - from) * (step / warm_steps) + from;
    from = target;
    step -= warm_steps;
  }
  step = std::min(step, length);
  return from * ((1.0 - alpha) * half_cosine(step / length) + alpha);
}

double restarts(double step, const std::vector<double>& n) {
  const double growth = n[2], alpha = n[4];
  double share = step / n[1], period = 0.0;
  if (growth == 1.0) {
    period = whole(share);
    share -= period;
  } else {
    const auto start = [growth](double i) { return (1.0 - power(growth, i)) / (1.0 - growth); };
    const double inside = 1.0 - share * (1.0 - growth);
    if (inside <= 0.0) return n[0] * alpha;  // behind the last of ever shorter periods
    period = std::max(0.0, whole(log(inside) / log(growth)));
    // The logarithms are rounded: a step at which a period starts belongs to it.
    if (start(period + 1.0) <= share) {
      period += 1.0;
    } else if (period > 0.0 && start(period) > share) {
      period -= 1.0;
    }
    share = (share - start(period)) / power(growth, period);
  }
  return n[0] * ((1.0 - alpha) * (power(n[3], period) * half_cosine(share)) + alpha);
}

double one_cycle(double step, const std::vector<double>& n) {
  const double maximum = n[0], total = n[1], initial = n[4], last = n[5];
  const double turn = n[2] * total - 1.0, back = 2.0 * n[2] * total - 2.0, end = total - 1.0;
  const auto between = [linear = n[3] != 0.0](double from, double to, double share) {
    if (linear) return (to - from) * share + from;
    return to + (from - to) * half_cosine(share);
  };
  const auto phase = [&](double from, double to, double first, double final) {
    return between(from, to, final > first ? std::min((step - first) / (final - first), 1.0) : 1.0);
  };
  if (step <= turn) return phase(initial, maximum, 0.0, turn);
  if (n[6] != 0.0) {
    if (step <= back) return phase(maximum, initial, turn, back);
    return phase(initial, last, back, end);
  }
  return phase(maximum, last, turn, end);
}

struct Entry {
  std::string_view name;
  std::size_t numbers;  // 0: any odd number
};
constexpr Entry kEntries[] = {
    {"none", 0},
    {"exponential_decay", 4},
    {"piecewise_constant_decay", 0},
    {"polynomial_decay", 5},
    {"inverse_time_decay", 4},
    {"cosine_decay", 6},
    {"cosine_decay_restarts", 5},
    {"one_cycle", 7},
};
static_assert(std::size(kEntries) == static_cast<int>(ScheduleKind::one_cycle) + 1);

}  // namespace

double Schedule::at(std::int64_t step) const {
  const FloatEnvironment environment;
  const double s = static_cast<double>(step);
  const std::vector<double>& n = numbers;
  switch (kind) {
    case ScheduleKind::none:
      return 0.0;
    case ScheduleKind::exponential_decay:
      return n[0] * power(n[2], n[3] != 0.0 ? whole(s / n[1]) : s / n[1]);
    case ScheduleKind::piecewise_constant_decay:
      return piecewise(s, n);
    case ScheduleKind::polynomial_decay:
      return polynomial(s, n);
    case ScheduleKind::inverse_time_decay:
      return n[0] / (1.0 + n[2] * (n[3] != 0.0 ? whole(s / n[1]) : s / n[1]));
    case ScheduleKind::cosine_decay:
      return cosine(s, n);
    case ScheduleKind::cosine_decay_restarts:
      return restarts(s, n);
    case ScheduleKind::one_cycle:
      return one_cycle(s, n);
  }
  return 0.0;
}

Schedule make_schedule(std::string_view name, std::vector<double> numbers) {
  const auto entry = std::find_if(std::next(std::begin(kEntries)), std::end(kEntries),
                                  [name](const Entry& e) { return e.name == name; });
  if (entry == std::end(kEntries)) {
    throw ValueError(text("[schedule] there is no schedule of this name. Received: '", name, "'"));
  }
  if (entry->numbers != 0 ? numbers.size() != entry->numbers : numbers.size() % 2 != 1) {
    throw ValueError(text("[schedule] '", name,
                          "' takes another count of numbers. Received: ", numbers.size(), " numbers"));
  }
  return {static_cast<ScheduleKind>(entry - std::begin(kEntries)), std::move(numbers)};
}

}  // namespace lamina::nn
