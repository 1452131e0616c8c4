// Embeddings on the GPU; meanings as in cpu/embedding/embedding.h.
#pragma once

#include "device/layer_arguments.h"

namespace lamina::cuda {

void embedding_lookup(const EmbeddingArguments&);
void embedding_backward(const EmbeddingArguments&);

}  // namespace lamina::cuda
