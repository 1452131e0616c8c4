// The calls that build a network, layer by layer.
#pragma once

#include "bindings/module.h"
#include "nn/sequential.h"

namespace lamina::bindings {

void bind_layers(py::class_<nn::Sequential>& network);

}  // namespace lamina::bindings
