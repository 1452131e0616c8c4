// Random numbers and dropout on the GPU: elements as in cpu/random/random.h.
#pragma once

#include "device/arguments.h"

namespace lamina::cuda {

void random(const RandomArguments&, const std::uint64_t* step = nullptr);
/// `step`: a number of the device's that is added to the stream; null: nothing.
void dropout(const DropoutArguments&, const std::uint64_t* step = nullptr);

}  // namespace lamina::cuda
