#include "nn/parameters/penalties.h"

#include <algorithm>

#include "core/error.h"

namespace lamina::nn {

namespace {

std::size_t checked(const ParameterStore& store, std::int64_t parameter) {
  if (parameter < 0 || static_cast<std::size_t>(parameter) >= store.size()) {
    throw ValueError(text("[Network] there are ", store.size(), " parameters. Received: index ", parameter));
  }
  return static_cast<std::size_t>(parameter);
}

bool is_trained(const PlacedParameter& parameter) { return parameter.trained && !parameter.frozen; }

}  // namespace

void Penalties::add(const ParameterStore& store, std::int64_t i, const ParameterPenalty& penalty) {
  penalties_.push_back({checked(store, i), penalty});
}

void Penalties::add_orthogonal(const ParameterStore& store, std::int64_t i, double factor, bool rows) {
  const std::size_t parameter = checked(store, i);
  const Shape& shape = store.layout().parameters()[parameter].shape;
  orthogonal_.push_back(
      {parameter, std::make_unique<OrthogonalPenalty>(store.device(), store.dtype(), shape, factor, rows)});
}

void Penalties::add(const ParameterStore& store, std::int64_t i, const ParameterConstraint& constraint) {
  const std::size_t parameter = checked(store, i);
  if (constraint.outer * constraint.reduced * constraint.inner !=
      store.layout().parameters()[parameter].count) {
    throw ValueError("[constraint] the extents must be those of the parameter");
  }
  constraints_.push_back({parameter, constraint});
}

bool Penalties::on(std::size_t parameter) const {
  const auto is_on = [parameter](const auto& each) { return each.parameter == parameter; };
  return std::any_of(penalties_.begin(), penalties_.end(), is_on) ||
         std::any_of(orthogonal_.begin(), orthogonal_.end(), is_on);
}

double Penalties::apply(const ParameterStore& store, const GradientView* gradients, double scale) const {
  if (!any()) return 0.0;
  const DType dtype = store.dtype();
  const void* const values = store.current();
  double total = 0.0;
  for (const auto& [index, penalty] : penalties_) {
    const PlacedParameter& parameter = store.layout().parameters()[index];
    if (!is_trained(parameter)) continue;
    PenaltyArguments p;
    p.dtype = dtype;
    p.n = parameter.count;
    p.l1 = penalty.l1;
    p.l2 = penalty.l2;
    p.scale = scale;
    p.values = at(values, parameter.offset, dtype);
    if (gradients != nullptr) p.gradient_in = p.gradient = gradients->at(parameter.offset);
    total += store.device().penalty(p) / scale;
  }
  for (const auto& [index, penalty] : orthogonal_) {
    const PlacedParameter& parameter = store.layout().parameters()[index];
    if (!is_trained(parameter)) continue;
    total += penalty->apply(at(values, parameter.offset, dtype),
                            gradients != nullptr ? gradients->at(parameter.offset) : nullptr, scale);
  }
  return total;
}

void Penalties::constrain(const ParameterStore& store) const {
  if (constraints_.empty()) return;
  void* const values = store.values();
  for (const auto& [index, constraint] : constraints_) {
    const PlacedParameter& parameter = store.layout().parameters()[index];
    if (!is_trained(parameter)) continue;
    ConstraintArguments c;
    c.dtype = store.dtype();
    c.kind = constraint.kind;
    c.outer = constraint.outer;
    c.reduced = constraint.reduced;
    c.inner = constraint.inner;
    c.low = constraint.low;
    c.high = constraint.high;
    c.rate = constraint.rate;
    c.epsilon = constraint.epsilon;
    c.values = at(values, parameter.offset, c.dtype);
    store.device().constrain(c);
  }
}

}  // namespace lamina::nn
