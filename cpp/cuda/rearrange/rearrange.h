// Moving elements on the GPU; meanings as in cpu/rearrange/rearrange.h.
#pragma once

#include "device/layer_arguments.h"

namespace lamina::cuda {

void rearrange(const RearrangeArguments&);
void take_rows(const TableArguments&);
void scatter_rows(const TableArguments&);

}  // namespace lamina::cuda
