// The circle loss: the rows of a batch in pairs. Formula: loss.h.
#pragma once

#include "device/arguments.h"

namespace lamina::cpu {

/// As loss() does for the other losses. Takes rows * rows numbers of memory.
double circle_loss(const LossArguments& arguments);

/// The rows that count: those with a partner of their label and one of another. `weighted`: their weights.
double circle_count(const LossArguments& arguments, bool weighted);

}  // namespace lamina::cpu
