// The device interface on this machine's processor.
#pragma once

#include "device/device.h"

namespace lamina::cpu {

/// The one CPU device. Its first use picks the kernels (cpu/dispatch.h), so it throws
/// ValueError when LAMINA_ISA names none of them.
Device& device();

}  // namespace lamina::cpu
