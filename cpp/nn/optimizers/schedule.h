// Learning rates as functions of the step, in double with lamina's own elementary functions.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace lamina::nn {

/// step is s; x rounded down is [x]. Numbers in the order of Schedule::numbers; flags are 0 or 1.
enum class ScheduleKind : std::uint8_t {
  none,
  /// initial, decay_steps, decay_rate, staircase:
  /// initial * decay_rate^p with p = s / decay_steps, [p] in a staircase
  exponential_decay,
  /// boundaries b[0..n-1], then values v[0..n]: v[i] for the first i with s <= b[i], else v[n]
  piecewise_constant_decay,
  /// initial, decay_steps, end, power, cycle: (initial - end) * (1 - s / d)^power + end, where d is
  /// decay_steps and s at most that; in a cycle d is the first multiple of decay_steps not below s
  polynomial_decay,
  /// initial, decay_steps, decay_rate, staircase: initial / (1 + decay_rate * p), p as above
  inverse_time_decay,
  /// initial, decay_steps, alpha, warm, warmup_target, warmup_steps: for `warmup_steps` steps a line from
  /// initial to the target (if warm), then from there, else from initial, times
  /// (1 - alpha) * (1 + cos(pi * s / decay_steps)) / 2 + alpha
  cosine_decay,
  /// initial, first_decay_steps, t_mul, m_mul, alpha: the same with alpha, over periods that each are
  /// t_mul times as long and start m_mul times as high
  cosine_decay_restarts,
  /// maximum, total_steps, share of the first phase, linear, initial, last, three_phase: up from initial
  /// to maximum, (in three phases down to initial again in the same number of steps,) down to last, each
  /// along half a cosine or a line
  one_cycle,
};

struct Schedule {
  ScheduleKind kind = ScheduleKind::none;
  std::vector<double> numbers;

  /// The learning rate of a step; the first is 0.
  double at(std::int64_t step) const;
};

/// The schedule of that name; ValueError for an unknown one, or the wrong count of numbers.
Schedule make_schedule(std::string_view name, std::vector<double> numbers);

}  // namespace lamina::nn
