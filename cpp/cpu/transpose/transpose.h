// Elements moved without computing: permuted and repeated axes.
#pragma once

#include "device/layer_arguments.h"

namespace lamina::cpu {

void transpose(const TransposeArguments&);

}  // namespace lamina::cpu
