#include "nn/optimizer.h"

#include "core/error.h"
#include "numerics/elementary.h"
#include "numerics/scalar.h"

namespace lamina::nn {

namespace {

void check_range(const char* name, double value, bool ok, const char* range) {
  if (!ok) throw ValueError(text("[optimizer] ", name, " must be ", range, ". Received: ", name, "=", value));
}

constexpr double kLargest = 1.7976931348623157e308;

}  // namespace

Optimizer::Optimizer(const OptimizerSettings& settings, const Network& network) : settings_(settings) {
  check_range("momentum", settings.momentum, settings.momentum >= 0.0 && settings.momentum <= 1.0,
              "between 0 and 1");
  check_range("beta_1", settings.beta_1, settings.beta_1 >= 0.0 && settings.beta_1 < 1.0,
              "at least 0 and less than 1");
  check_range("beta_2", settings.beta_2, settings.beta_2 >= 0.0 && settings.beta_2 < 1.0,
              "at least 0 and less than 1");
  check_range("epsilon", settings.epsilon, settings.epsilon >= 0.0 && settings.epsilon <= kLargest,
              "a finite number of at least 0");
  set_learning_rate(settings.learning_rate);
  for (int i = 0; i < slot_count(settings.kind); ++i) {
    slots_.push_back(network.device().make(network.flat_bytes()));
    network.device().fill_zero(slots_.back().get(), network.flat_bytes());
  }
}

void Optimizer::set_learning_rate(double rate) {
  check_range("learning_rate", rate, rate >= 0.0 && rate <= kLargest, "a finite number of at least 0");
  settings_.learning_rate = rate;
}

void Optimizer::set_iterations(std::int64_t n) {
  if (n < 0) throw ValueError(text("[optimizer] iterations cannot be negative. Received: ", n));
  iterations_ = n;
}

std::vector<std::string_view> Optimizer::slot_names() const {
  switch (settings_.kind) {
    case OptimizerKind::sgd:
      return {};
    case OptimizerKind::momentum:
    case OptimizerKind::nesterov:
      return {"momentum"};
    case OptimizerKind::adam:
      return {"momentum", "velocity"};
  }
  return {};
}

double Optimizer::corrected_rate(std::int64_t t) const {
  if (settings_.kind != OptimizerKind::adam) return settings_.learning_rate;
  using Number = numerics::Lane<double>;
  const Number one = Number::splat(1.0);
  const Number step = Number::splat(static_cast<double>(t));
  const Number first = one - numerics::pow(Number::splat(settings_.beta_1), step);
  const Number second = one - numerics::pow(Number::splat(settings_.beta_2), step);
  return (Number::splat(settings_.learning_rate) * sqrt(second) / first).value;
}

void Optimizer::step(const Network& network) {
  UpdateArguments u;
  u.dtype = network.dtype();
  u.kind = settings_.kind;
  u.rate = corrected_rate(iterations_ + 1);
  u.momentum = settings_.momentum;
  u.beta_1 = settings_.beta_1;
  u.beta_2 = settings_.beta_2;
  u.epsilon = settings_.epsilon;
  const auto at = [&](void* flat, std::int64_t offset) {
    return static_cast<char*>(flat) + static_cast<std::size_t>(offset) * size_of(network.dtype());
  };
  for (const ParameterRange& range : network.trained_ranges()) {
    u.n = range.count;
    u.parameters = at(network.values(), range.offset);
    u.gradients = at(network.gradients(), range.offset);
    for (std::size_t i = 0; i < slots_.size(); ++i) u.slots[i] = at(slots_[i].get(), range.offset);
    network.device().update(u);
  }
  ++iterations_;
}

}  // namespace lamina::nn
