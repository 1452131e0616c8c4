// A step of an optimizer with gradients from a tape.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "autograd/variable.h"
#include "nn/optimizers/optimized_parameters.h"

namespace lamina::autograd {

/// One step of the optimizer. gradients[i] is that of parameter places[i]: of its shape
/// (ValueError otherwise), and converted to its type. Gradients that lie as the parameters do, as those
/// of a call of all layers, are read where they lie. With `penalties`, what the penalties on parameters add
/// is added; their value is returned. `variables` hold the values where that is not the store's own memory:
/// they are copied in and out.
double apply_gradients(nn::OptimizedParameters& model, std::span<const std::size_t> places,
                       std::span<Tensor> gradients, bool penalties,
                       std::span<const std::shared_ptr<Variable>> variables);

}  // namespace lamina::autograd
