// One array that a layer trains or keeps.
#pragma once

#include <span>
#include <string>

#include "core/types.h"

namespace lamina::nn {

/// One array of a layer.
struct Parameter {
  std::string name;  ///< "kernel", "bias"
  Shape shape;
  bool trained = true;  ///< by the optimizer; false: state that the layer itself keeps (moving averages)
};

/// A layer's parameters or their gradients, in the order of Layer::parameters().
using ParameterPointers = std::span<void* const>;

}  // namespace lamina::nn
