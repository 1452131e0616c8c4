// Rows of an embedding table, and the sums that are their gradient.
#pragma once

#include "device/layer_arguments.h"

namespace lamina::cpu {

/// ValueError for an index that is not in [0, entries); fractions are cut off.
void embedding_lookup(const EmbeddingArguments&);
/// Each row of the table is one chain of additions from +0 in the order of the indices.
void embedding_backward(const EmbeddingArguments&);

}  // namespace lamina::cpu
