// What the processor, and the operating system behind it, can run.
#pragma once

#include <string_view>

namespace lamina::cpu {

/// Whether this machine runs "scalar", "avx2" (with FMA), "avx512" (F, BW, DQ, VL) or
/// "neon": the processor's feature bits and the register state that the system saves.
bool runs(std::string_view isa);

}  // namespace lamina::cpu
