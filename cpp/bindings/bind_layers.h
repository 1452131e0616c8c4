// The calls that build a network, layer by layer.
#pragma once

#include <memory>
#include <string>

#include "bindings/module.h"
#include "nn/training/trainer.h"

namespace lamina::bindings {

/// Shared: calls on a tape keep a network alive.
using NetworkClass = py::class_<nn::Trainer, std::shared_ptr<nn::Trainer>>;

void bind_layers(NetworkClass& network);

/// ValueError for a name that is none.
ConstraintKind constraint_kind(const std::string& name);

}  // namespace lamina::bindings
