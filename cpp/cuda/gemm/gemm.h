// Matrix products on the GPU; operands, epilogues and order as in cpu/gemm/gemm.h.
#pragma once

#include "device/arguments.h"

namespace lamina::cuda {

void gemm(const GemmArguments& arguments);
/// The epilogue alone, where C holds the sums already.
void apply_epilogue(const GemmArguments& arguments);

/// For tests: the tile (-1: chosen by size) and the chunks of a block's group (0: chosen).
struct GemmTuning {
  int tile = -1;
  int group_chunks = 0;
};
GemmTuning& gemm_tuning();
inline constexpr int kGemmTiles = 5;

}  // namespace lamina::cuda
