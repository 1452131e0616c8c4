#include "autograd/apply.h"

#include "core/error.h"
#include "device/device.h"
#include "ops/ops.h"

namespace lamina::autograd {

namespace {

/// Whether all gradients lie in one memory, at the distances of the parameters.
bool is_flat_layout(const nn::ParameterStore& store, std::span<const std::size_t> places,
                    std::span<const Tensor> gradients) {
  const auto& parameters = store.layout().parameters();
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    if (&gradients[i].storage() != &gradients[0].storage()) return false;
    if (gradients[i].offset() - gradients[0].offset() !=
        parameters[places[i]].offset - parameters[places[0]].offset) {
      return false;
    }
  }
  return true;
}

}  // namespace

double apply_gradients(nn::OptimizedParameters& model, std::span<const std::size_t> places,
                       std::span<Tensor> gradients, bool penalties,
                       std::span<const std::shared_ptr<Variable>> variables) {
  const nn::ParameterStore& store = model.store();
  const auto& parameters = store.layout().parameters();
  const ElementType type = element_type(store.dtype());
  std::vector<nn::OptimizedParameters::Gradient> list;
  list.reserve(gradients.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (places[i] >= parameters.size()) throw ValueError("[apply_gradients] there is no such parameter");
    const nn::PlacedParameter& p = parameters[places[i]];
    Tensor& gradient = gradients[i];
    const bool fits =
        std::equal(gradient.shape().begin(), gradient.shape().end(), p.shape.begin(), p.shape.end());
    if (!fits) {
      throw ValueError(text("[apply_gradients] the gradient must have the shape of its variable, ",
                            to_string(p.shape), ". Received: gradient.shape=", to_string(gradient.shape())));
    }
    if (gradient.type() != type) gradient = ops::cast(gradient, type);
    if (!gradient.contiguous()) gradient = ops::contiguous(gradient);
    list.push_back({places[i], gradient.raw()});
  }
  if (list.empty()) return 0.0;
  const std::size_t item = size_of(store.dtype());
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const Tensor value = ops::contiguous(variables[i]->current());
    store.device().copy(store.view(places[i]).raw(), value.raw(),
                        static_cast<std::size_t>(value.size()) * item);
  }
  const double penalty = model.apply_gradients(list, is_flat_layout(store, places, gradients), penalties);
  for (std::size_t i = 0; i < variables.size(); ++i) {
    variables[i]->assign(ops::copy(store.view(places[i])));
  }
  return penalty;
}

}  // namespace lamina::autograd
