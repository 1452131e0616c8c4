#include "nn/optimizers/optimized_parameters.h"

#include <mutex>

#include "core/error.h"
#include "core/float_environment.h"

namespace lamina::nn {

void OptimizedParameters::set_optimizer(const OptimizerSettings& settings) {
  store_->build_gradients();
  auto optimizer = std::make_unique<Optimizer>(settings, *store_);
  const std::unique_lock lock(store_->lock());
  optimizer_ = std::move(optimizer);
}

Optimizer& OptimizedParameters::optimizer() const {
  if (!optimizer_) throw StateError("[Network] call compile() first");
  return *optimizer_;
}

double OptimizedParameters::apply_gradients(const std::vector<Gradient>& gradients, bool together,
                                            bool with_penalties) {
  const Exclusive exclusive = exclude();
  const FloatEnvironment environment;
  Optimizer& optimizer = this->optimizer();
  if (optimizer.is_lbfgs()) {
    throw StateError(
        "[apply_gradients] L-BFGS takes no gradients from elsewhere: it evaluates the loss itself");
  }
  store_->build_gradients();
  store_->shared().fetch(true);
  Device& device = store_->device();
  const bool in_place = together && device.is_host();
  GradientView view = store_->gradients();
  given_ranges_.clear();
  for (const Gradient& gradient : gradients) {
    const PlacedParameter& p = store_->layout().parameters().at(gradient.parameter);
    if (!p.trained || p.frozen) continue;
    if (!in_place) {
      device.copy_from_host(view.at(p.offset), gradient.data,
                            static_cast<std::size_t>(p.count) * size_of(store_->dtype()));
    } else if (given_ranges_.empty()) {
      view = GradientView(gradient.data, store_->dtype(), p.offset);
    }
    given_ranges_.push_back({p.offset, p.count});
  }
  store_->begin_gradients(!in_place || given_ranges_.empty());
  const double penalty = with_penalties ? penalties.apply(*store_, &view, optimizer.loss_scale()) : 0.0;
  optimizer.prepare();
  {
    const std::unique_lock lock(store_->lock());
    optimizer.step(*store_, view, &given_ranges_);
    optimizer.flush_denormal_state(*store_);
    penalties.constrain(*store_);
    store_->changed();
  }
  store_->shared().changed();
  return penalty;
}

void OptimizedParameters::swap_average() {
  const Exclusive exclusive = exclude();
  Optimizer& optimizer = this->optimizer();
  store_->shared().fetch(true);
  {
    const std::unique_lock lock(store_->lock());
    optimizer.swap_average(*store_);
    store_->changed();
  }
  store_->shared().changed();
}

void OptimizedParameters::adopt_average() {
  const Exclusive exclusive = exclude();
  Optimizer& optimizer = this->optimizer();
  if (!optimizer.settings().use_ema) return;
  store_->shared().fetch(true);
  {
    const std::unique_lock lock(store_->lock());
    optimizer.adopt_average(*store_);
    store_->changed();
  }
  store_->shared().changed();
}

void OptimizedParameters::constrain() {
  store_->shared().fetch(true);
  penalties.constrain(*store_);
  store_->changed();
  store_->shared().changed();
}

}  // namespace lamina::nn
