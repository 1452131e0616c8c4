#include "nn/optimizers/lbfgs.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/error.h"
#include "numerics/elementary.h"
#include "numerics/scalar.h"

namespace lamina::nn {

namespace {

double root(double x) { return sqrt(numerics::Lane<double>::splat(x)).value; }
bool finite(double x) { return x - x == 0.0; }

}  // namespace

struct Lbfgs::Work {
  const ParameterStore& store;
  const Calls& calls;
  const std::vector<FlatRange>* trainable;

  Device& device() const { return store.device(); }
  std::int64_t n() const { return store.layout().elements(); }
  double dot(const void* x, const void* y) const { return device().dot(store.dtype(), n(), x, y); }
  void flat(VectorKind kind, double a, const void* x, const void* y, void* out, double b = 0.0) const {
    device().vector_op({store.dtype(), kind, n(), x, y, out, a, b});
  }
  void copy(void* to, const void* from) const { device().copy(to, from, store.flat_bytes()); }
};

Lbfgs::Lbfgs(const LbfgsSettings& settings, const ParameterStore& store, std::vector<void*> slots)
    : settings_(settings), slots_(std::move(slots)) {
  for (Device::Memory* memory : {&start_, &gradient_, &start_gradient_, &direction_, &difference_}) {
    *memory = store.device().make(store.flat_bytes());
    store.device().fill_zero(memory->get(), store.flat_bytes());
  }
}

/// Where the pair of that age lies, 0 being the newest.
std::size_t Lbfgs::pair(std::int64_t age) const {
  const std::int64_t places = settings_.history;
  return static_cast<std::size_t>((static_cast<std::int64_t>(newest) - age + places) % places);
}

void Lbfgs::choose_direction(const Work& work) {
  const auto step = [this](std::int64_t age) { return slots_[2 * pair(age)]; };
  const auto change = [this](std::int64_t age) { return slots_[2 * pair(age) + 1]; };
  const auto count = static_cast<std::int64_t>(pairs);
  void* const d = direction_.get();
  work.flat(VectorKind::scale, -1.0, gradient_.get(), nullptr, d);
  if (count == 0) return;
  std::vector<double> weights(static_cast<std::size_t>(count)), inverse(static_cast<std::size_t>(count));
  for (std::int64_t age = 0; age < count; ++age) {
    const auto i = static_cast<std::size_t>(age);
    inverse[i] = 1.0 / work.dot(step(age), change(age));
    weights[i] = inverse[i] * work.dot(step(age), d);
    work.flat(VectorKind::add_scaled, -weights[i], change(age), d, d);
  }
  const double scale = work.dot(step(0), change(0)) / work.dot(change(0), change(0));
  work.flat(VectorKind::scale, scale, d, nullptr, d);
  for (std::int64_t age = count; age-- > 0;) {
    const auto i = static_cast<std::size_t>(age);
    const double other = inverse[i] * work.dot(change(age), d);
    work.flat(VectorKind::add_scaled, weights[i] - other, step(age), d, d);
  }
}

Lbfgs::Point Lbfgs::evaluate_at(const Work& work, double length) {
  work.calls.locked([&] {
    work.flat(VectorKind::add_scaled, length, direction_.get(), start_.get(), work.store.values());
  });
  Point point;
  point.length = length;
  point.loss = work.calls.evaluate();
  if (work.trainable == nullptr) {
    work.copy(gradient_.get(), work.store.gradients().at(0));
  } else {
    const DType dtype = work.store.dtype();
    for (const FlatRange& range : *work.trainable) {
      work.device().copy(at(gradient_.get(), range.first, dtype), work.store.gradients().at(range.first),
                         static_cast<std::size_t>(range.count) * size_of(dtype));
    }
  }
  point.slope = work.dot(gradient_.get(), direction_.get());
  return point;
}

namespace {

/// Where the cubic through two points with these slopes is lowest, kept inside the interval.
double interpolated(double a, double loss_a, double slope_a, double b, double loss_b, double slope_b) {
  const double width = b - a;
  const double d1 = slope_a + slope_b - 3.0 * (loss_b - loss_a) / width;
  const double square = d1 * d1 - slope_a * slope_b;
  double share = 0.5;
  if (square >= 0.0) {
    const double d2 = width >= 0.0 ? root(square) : -root(square);
    const double guess = 1.0 - (slope_b + d2 - d1) / (slope_b - slope_a + 2.0 * d2);
    if (finite(guess)) share = guess;
  }
  return a + std::clamp(share, 0.1, 0.9) * width;
}

}  // namespace

bool Lbfgs::zoom(const Work& work, Point start, Point low, Point high, std::int64_t evaluations,
                 Point& best) {
  const LbfgsSettings& s = settings_;
  for (; evaluations < s.max_evaluations; ++evaluations) {
    const double length =
        finite(high.loss) && finite(high.slope)
            ? interpolated(low.length, low.loss, low.slope, high.length, high.loss, high.slope)
            : low.length + 0.5 * (high.length - low.length);
    const Point point = evaluate_at(work, length);
    if (!finite(point.loss) || point.loss > start.loss + s.sufficient_decrease * length * start.slope ||
        point.loss >= low.loss) {
      high = point;
    } else {
      if (std::abs(point.slope) <= -s.curvature * start.slope) {
        best = point;
        return true;
      }
      if (point.slope * (high.length - low.length) >= 0.0) high = low;
      low = point;
    }
    if (high.length == low.length) break;
  }
  // Enough of a descent, if not the curvature.
  if (low.length == 0.0 || !(low.loss < start.loss)) return false;
  best = evaluate_at(work, low.length);
  return true;
}

bool Lbfgs::search(const Work& work, double first, Point start, Point& best) {
  const LbfgsSettings& s = settings_;
  Point before = start;
  double length = first;
  for (std::int64_t evaluations = 0; evaluations < s.max_evaluations; ++evaluations, length *= 2.0) {
    const Point point = evaluate_at(work, length);
    if (!finite(point.loss) || point.loss > start.loss + s.sufficient_decrease * length * start.slope ||
        (evaluations > 0 && point.loss >= before.loss)) {
      return zoom(work, start, before, point, evaluations + 1, best);
    }
    if (std::abs(point.slope) <= -s.curvature * start.slope) {
      best = point;
      return true;
    }
    if (point.slope >= 0.0) return zoom(work, start, point, before, evaluations + 1, best);
    before = point;
  }
  best = before;
  return true;  // still descending: far enough for one iteration
}

void Lbfgs::descend(const ParameterStore& store, const Calls& calls,
                    const std::vector<FlatRange>* trainable) {
  const Work work{store, calls, trainable};
  const LbfgsSettings& s = settings_;
  converged_ = false;
  work.copy(start_.get(), store.values());
  work.device().fill_zero(direction_.get(), store.flat_bytes());
  work.device().fill_zero(gradient_.get(), store.flat_bytes());
  try {
    Point start = evaluate_at(work, 0.0);
    if (!finite(start.loss)) {
      throw ValueError(text("[LBFGS] the loss is not finite. Received: loss=", start.loss));
    }
    for (std::int64_t i = 0; i < s.iterations_per_epoch && !converged_; ++i) {
      const auto flat_enough = [&] {
        return work.device().abs_max(store.dtype(), work.n(), gradient_.get()) <= s.tolerance_gradient;
      };
      if (flat_enough()) {
        converged_ = true;
        break;
      }
      const double rate = calls.learning_rate();
      work.copy(start_gradient_.get(), gradient_.get());
      Point best;
      bool found = false;
      while (!found) {
        choose_direction(work);
        start.slope = work.dot(gradient_.get(), direction_.get());
        double first = rate;
        if (pairs == 0.0) first *= std::min(1.0, 1.0 / root(work.dot(gradient_.get(), gradient_.get())));
        found = start.slope < 0.0 && finite(start.slope) && search(work, first, start, best);
        if (found || pairs == 0.0) break;
        pairs = 0.0;
        work.copy(gradient_.get(), start_gradient_.get());
      }
      if (!found) {
        calls.locked([&] { work.copy(store.values(), start_.get()); });
        converged_ = true;
        break;
      }
      const double fall = start.loss - best.loss;
      const double size = std::max({std::abs(start.loss), std::abs(best.loss), 1.0});
      // The new pair, made beside the old ones and kept if it curves upwards.
      const auto places = static_cast<double>(s.history);
      const double place = pairs == 0.0 ? 0.0 : std::fmod(newest + 1.0, places);
      void* const y = difference_.get();
      work.flat(VectorKind::add_scaled, -1.0, start_gradient_.get(), gradient_.get(), y);
      work.flat(VectorKind::scale, best.length, direction_.get(), nullptr, direction_.get());
      if (work.dot(direction_.get(), y) > 1e-10 * work.dot(y, y)) {
        work.copy(slots_[2 * static_cast<std::size_t>(place)], direction_.get());
        work.copy(slots_[2 * static_cast<std::size_t>(place) + 1], y);
        newest = place;
        pairs = std::min(pairs + 1.0, places);
      }
      work.copy(start_.get(), store.values());
      start = {0.0, best.loss, 0.0};
      calls.iterated();
      converged_ = fall <= s.tolerance_change * size || flat_enough();
    }
  } catch (...) {
    calls.locked([&] { work.copy(store.values(), start_.get()); });
    throw;
  }
}

}  // namespace lamina::nn
