// Limited-memory BFGS on a whole set of samples (Nocedal and Wright, Numerical Optimization, 2nd
// edition: algorithms 7.4, 3.5 and 3.6), over flat buffers.
//
// One iteration: the direction d = -H g by the two-loop recursion over the newest pairs (step s, change
// of gradient y), started from s.y / y.y; then a point along d that satisfies the strong Wolfe
// conditions, found by bracketing and by cubic interpolation that stays a tenth of the interval away from
// its ends. The first trial is learning_rate, and learning_rate * min(1, 1 / |g|) without pairs. A pair
// is kept if s.y > 1e-10 y.y. Without a descent the pairs are forgotten and the steepest descent is tried
// once more; if that fails too, the iteration ends where it began, converged.
//
// Dot products are those of cpu/vector_ops/vector_ops.h in the type of the parameters; everything made of
// them is computed in double. So the path is a function of the parameters and samples alone.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "nn/optimizers/optimizer_settings.h"
#include "nn/parameters/store.h"

namespace lamina::nn {

class Lbfgs {
 public:
  /// The buffers for `store`. `slots`: the memory of the pairs, step and change of each in turn.
  Lbfgs(const LbfgsSettings& settings, const ParameterStore& store, std::vector<void*> slots);

  /// The loss at the store's values; its gradient is in the store's gradients afterwards.
  using Evaluate = std::function<double()>;
  /// Runs a function that changes the store's values.
  using Locked = std::function<void(const std::function<void()>&)>;
  struct Calls {
    const Evaluate& evaluate;
    const Locked& locked;
    std::function<double()> learning_rate;  ///< of the coming iteration
    std::function<void()> iterated;         ///< one iteration more was done
  };
  /// At most iterations_per_epoch iterations from the store's values, fewer if one converges. An
  /// exception of `evaluate` leaves the values as after the last whole iteration. `trainable` as for
  /// Optimizer::step.
  void descend(const ParameterStore& store, const Calls& calls,
               const std::vector<FlatRange>* trainable = nullptr);

  /// Whether the last iteration found nothing left to do: the largest element of the gradient is at
  /// most tolerance_gradient, the loss fell by at most tolerance_change times itself (or 1), or no
  /// descent was found.
  bool converged() const { return converged_; }

  double pairs = 0.0;   ///< how many there are
  double newest = 0.0;  ///< the place of the newest

 private:
  /// The loss along the direction.
  struct Point {
    double length = 0.0, loss = 0.0, slope = 0.0;
  };
  /// What one call of descend() works on.
  struct Work;

  std::size_t pair(std::int64_t age) const;
  void choose_direction(const Work& work);
  Point evaluate_at(const Work& work, double length);
  bool search(const Work& work, double first, Point start, Point& best);
  bool zoom(const Work& work, Point start, Point low, Point high, std::int64_t evaluations, Point& best);

  LbfgsSettings settings_;
  std::vector<void*> slots_;
  Device::Memory start_, gradient_, start_gradient_, direction_, difference_;
  bool converged_ = false;
};

}  // namespace lamina::nn
