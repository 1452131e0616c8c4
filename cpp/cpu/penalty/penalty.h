// Penalties on parameters and activations, and constraints on parameters.
//
// penalty   scale * (l1 * A + l2 * S) in double; A = sum |w|, S = sum w * w in the order of numerics/row.h
// (lanes,
//           lane tree, chunks of kSumChunk, chunk tree), in w's type; a part whose factor is 0 is left out.
//           gradient = gradient_in + (l1 scale) * sign(w) + (2 l2 scale) * w, each operation rounded, the
//           factors rounded once; sign(0) = 0.
// constrain norm = sqrt(sum w * w), the sum one chain from +0 in each chunk of kRowChunk terms, then the
// chunk tree;
//   non_negative  max(w, 0) (NaN stays)
//   max_norm      w * (clip(norm, 0, high) / (epsilon + norm))
//   min_max_norm  w * ((rate * clip(norm, low, high) + (1 - rate) * norm) / (epsilon + norm))
//   unit_norm     w / (epsilon + norm)
#pragma once

#include "device/layer_arguments.h"

namespace lamina::cpu {

double penalty(const PenaltyArguments&);
void constrain(const ConstraintArguments&);

}  // namespace lamina::cpu
