// The conversions and scans of users' arrays that are compiled once per instruction set. Meanings are
// stated in cpu/gather/gather.h.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lamina::cpu {

/// Plain pointers; one table per instruction set, defined in gather.isa.cpp. Elements lie at
/// from + i * stride for i in [0, n); stride counts bytes, has any sign and needs no alignment. The first
/// index is the ElementType.
struct GatherKernels {
  static constexpr int kElementTypes = 11;
  enum Target { to_float32, to_float64, to_int32, kTargets };

  /// to[i] = element i, converted; `to` is dense and aligned to its type.
  using Convert = void (*)(const unsigned char* from, std::int64_t stride, std::int64_t n, void* to);
  Convert convert[kElementTypes][kTargets];

  /// The first i whose element is not a class index below `classes`, or -1.
  using FindBadLabel = std::int64_t (*)(const unsigned char* from, std::int64_t stride, std::int64_t n,
                                        std::int64_t classes);
  FindBadLabel find_bad_label[kElementTypes];

  /// Whether an element is NaN. Null for types that have none.
  using HasNan = bool (*)(const unsigned char* from, std::int64_t stride, std::int64_t n);
  HasNan has_nan[kElementTypes];
};

}  // namespace lamina::cpu
