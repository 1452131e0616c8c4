// Products by cuBLASLt: descriptors and the algorithm are chosen once for each shape and kept.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

#include "cuda/cublaslt/declarations.h"

namespace lamina::cuda::cublaslt {

/// Device memory that the library's algorithms may use, one for all: the calls run one after the other.
inline constexpr std::size_t kWorkspaceBytes = std::size_t{32} << 20;

/// D[rows, columns] = op(A) op(B), column-major; with `bias`, its element i is added to row i.
struct ProductShape {
  DataType type = kFloat32;  ///< of A and B. D is float32; operands of float32 are rounded to TF32
  std::int64_t rows = 0, columns = 0, depth = 0;
  bool a_transposed = false, b_transposed = false;
  std::int64_t a_leading = 0, b_leading = 0, d_leading = 0;
  std::uint32_t a_alignment = 0, b_alignment = 0, d_alignment = 0;  ///< of the pointers: see alignment_of
  bool bias = false;  ///< whose pointer is aligned to kAlignment
  auto operator<=>(const ProductShape&) const = default;
};

/// The most that an algorithm can ask for (the widest load of a thread), so that a finer alignment makes no
/// other plan.
inline constexpr std::uint32_t kAlignment = 16;
inline std::uint32_t alignment_of(const void* pointer) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer) | kAlignment;
  return static_cast<std::uint32_t>(address & (~address + 1));
}

/// Loads the library and reserves the workspace, if that was not done yet. StateError, std::bad_alloc.
void prepare();

/// One product. StateError if the library has no algorithm for it or fails, std::bad_alloc if it is out of
/// memory.
void multiply(const ProductShape&, const void* a, const void* b, const void* bias, float* d);

/// How many plans were made so far.
std::uint64_t plans_made();

/// For benchmarks: how many algorithms the library proposes for a shape (at most 32), and the use of one of
/// them from now on; 0 is what multiply() takes by itself.
int proposals(const ProductShape&, const void* bias);
void use_proposal(const ProductShape&, const void* bias, int place);

}  // namespace lamina::cuda::cublaslt
