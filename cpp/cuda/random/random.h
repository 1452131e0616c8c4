// Random numbers and dropout on the GPU: elements as in cpu/random/random.h.
#pragma once

#include "device/arguments.h"

namespace lamina::cuda {

void random(const RandomArguments&, const std::uint64_t* step = nullptr);
void integers(std::int64_t n, std::int64_t low, std::int64_t high, RandomKey key, std::int64_t* out);
/// `step`: a number of the device's that is added to the stream; null: nothing.
void dropout(const DropoutArguments&, const std::uint64_t* step = nullptr);

}  // namespace lamina::cuda
