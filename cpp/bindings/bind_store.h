// What a network and a store of parameters have in common for Python.
#pragma once

#include <memory>

#include "bindings/bind_layers.h"
#include "bindings/module.h"
#include "core/error.h"
#include "nn/optimizers/optimized_parameters.h"
#include "nn/training/trainer.h"

namespace lamina::bindings {

using StoreClass = py::class_<nn::OptimizedParameters, std::shared_ptr<nn::OptimizedParameters>>;

inline nn::OptimizedParameters& parameters_of(nn::Trainer& model) { return model.parameters; }
inline nn::OptimizedParameters& parameters_of(nn::OptimizedParameters& parameters) { return parameters; }

/// The parameters of an object, laid out.
inline nn::OptimizedParameters& built(nn::Trainer& model) {
  model.network.build();
  return model.parameters;
}
inline nn::OptimizedParameters& built(nn::OptimizedParameters& parameters) { return parameters; }

/// The same, which keep their object alive.
inline std::shared_ptr<nn::OptimizedParameters> share(const std::shared_ptr<nn::Trainer>& model) {
  return {model, &built(*model)};
}
inline std::shared_ptr<nn::OptimizedParameters> share(
    const std::shared_ptr<nn::OptimizedParameters>& parameters) {
  return parameters;
}

/// Python's index of a parameter, slot or number, checked.
inline std::size_t checked(std::int64_t i, std::size_t count, const char* what) {
  if (i < 0 || static_cast<std::size_t>(i) >= count) {
    throw ValueError(text("[Network] there are ", count, " ", what, ". Received: index ", i));
  }
  return static_cast<std::size_t>(i);
}

}  // namespace lamina::bindings
