// Stands in for the CUDA device in builds without it.
#include "core/error.h"
#include "cuda/cuda.h"

namespace lamina::cuda {

namespace {

[[noreturn]] void refuse() {
  throw StateError(
      "[device] this build of lamina has no CUDA device; only 'cpu' is available. Received: 'cuda'");
}

}  // namespace

std::string_view name() { return "cuda"; }
bool available() { return false; }
std::string status() { return "not in this build"; }
Device& device() { refuse(); }
Device& device(Precision) { refuse(); }
void set_library_candidates(std::vector<std::string>) {}
std::string library_status() { return "not in this build"; }
std::vector<std::pair<std::string, std::uint64_t>> memory_stats() { refuse(); }
std::pair<std::uint64_t, std::uint64_t> captured_steps() { return {0, 0}; }
void set_memory_limit(std::uint64_t) { refuse(); }
void empty_cache() { refuse(); }

}  // namespace lamina::cuda
