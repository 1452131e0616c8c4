#include "nn/parameters/penalties.h"

#include "nn/graph/network.h"

namespace lamina::nn {

namespace {

char* at(void* flat, const PlacedParameter& parameter, DType dtype) {
  return static_cast<char*>(flat) + static_cast<std::size_t>(parameter.offset) * size_of(dtype);
}

}  // namespace

double Penalties::apply(const Network& network, bool gradients, double scale) const {
  double total = 0.0;
  for (const auto& [index, penalty] : penalties_) {
    const PlacedParameter& parameter = network.layout().parameters()[index];
    if (parameter.frozen || !parameter.trained) continue;
    PenaltyArguments p;
    p.dtype = network.dtype();
    p.n = parameter.count;
    p.l1 = penalty.l1;
    p.l2 = penalty.l2;
    p.scale = scale;
    p.values = at(network.values(), parameter, p.dtype);
    if (gradients) p.gradient_in = p.gradient = at(network.gradients(), parameter, p.dtype);
    total += network.device().penalty(p) / scale;
  }
  for (const auto& [index, penalty] : orthogonal_) {
    const PlacedParameter& parameter = network.layout().parameters()[index];
    if (parameter.frozen || !parameter.trained) continue;
    const DType dtype = network.dtype();
    void* const gradient = gradients ? at(network.gradients(), parameter, dtype) : nullptr;
    total += penalty->apply(at(network.values(), parameter, dtype), gradient, scale);
  }
  return total;
}

void Penalties::constrain(const Network& network) const {
  for (const auto& [index, constraint] : constraints_) {
    const PlacedParameter& parameter = network.layout().parameters()[index];
    if (parameter.frozen || !parameter.trained) continue;
    ConstraintArguments c;
    c.dtype = network.dtype();
    c.kind = constraint.kind;
    c.outer = constraint.outer;
    c.reduced = constraint.reduced;
    c.inner = constraint.inner;
    c.low = constraint.low;
    c.high = constraint.high;
    c.rate = constraint.rate;
    c.epsilon = constraint.epsilon;
    c.values = at(network.values(), parameter, c.dtype);
    network.device().constrain(c);
  }
}

}  // namespace lamina::nn
