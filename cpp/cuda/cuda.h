// All that the rest of the house knows of the CUDA room.
#pragma once

#include "device/device.h"

namespace lamina::cuda {

/// Whether this build has the CUDA device and this machine can run it.
bool available();
/// The device; StateError that says what is missing.
Device& device();

}  // namespace lamina::cuda
