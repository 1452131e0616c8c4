// Stands in for the CUDA device in builds without it.
#include "core/error.h"
#include "cuda/cuda.h"

namespace lamina::cuda {

bool available() { return false; }

Device& device() {
  throw StateError(
      "[device] this build of lamina has no CUDA device; only 'cpu' is available. Received: 'cuda'");
}

}  // namespace lamina::cuda
