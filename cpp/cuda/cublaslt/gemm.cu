#include <cstring>
#include <stdexcept>

#include "cuda/cublaslt/gemm.h"
#include "cuda/gemm/gemm.h"
#include "cuda/launch.h"
#include "cuda/memory.h"
#include "cuda/reduce/reduce.h"

namespace lamina::cuda::cublaslt {
namespace {

/// Bfloat16 is the upper half of a float32.
LAMINA_KERNEL inline std::uint16_t bfloat16_of(float x) {
  std::uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  if (x != x) return static_cast<std::uint16_t>(bits >> 16 | 0x40);  // what rounding would carry away
  return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/// Eight neighbours; a thread loads and stores 16 bytes at a time where that is possible.
struct RoundEight {
  static constexpr const char* kName = "rounding to bfloat16";
  struct alignas(16) Four {
    float value[4];
  };
  struct alignas(16) Eight {
    std::uint16_t value[8];
  };
  const float* from;
  std::int64_t inner, outer_stride, inner_stride;
  bool aligned;
  std::uint16_t* to;
  std::int64_t leading;

  LAMINA_KERNEL void operator()(std::int64_t i) const {
    const std::int64_t blocks = leading / 8, row = i / blocks, first = i % blocks * 8;
    const float* const source = from + row * outer_stride + first * inner_stride;
    Eight out;
    if (aligned && first + 8 <= inner) {
      const Four low = *reinterpret_cast<const Four*>(source);
      const Four high = *reinterpret_cast<const Four*>(source + 4);
      LAMINA_UNROLL
      for (int j = 0; j < 4; ++j) {
        out.value[j] = bfloat16_of(low.value[j]);
        out.value[4 + j] = bfloat16_of(high.value[j]);
      }
    } else {
      LAMINA_UNROLL
      for (int j = 0; j < 8; ++j) {
        out.value[j] = first + j < inner ? bfloat16_of(source[j * inner_stride]) : std::uint16_t{0};
      }
    }
    *reinterpret_cast<Eight*>(to + row * leading + first) = out;
  }
};

/// A matrix as it lies: row by row, or `turned`, column by column; `leading` from one to the next.
struct Operand {
  const void* data;
  bool turned;
  std::int64_t leading;
};

/// x[i,l] at x[i * row + l * column]; false where the library takes no such distances.
bool describe(const float* x, std::int64_t rows, std::int64_t columns, std::int64_t row, std::int64_t column,
              Operand* out) {
  if (column == 1 && (rows == 1 || row >= columns)) {
    *out = {x, false, rows == 1 ? columns : row};
    return true;
  }
  if (row == 1 && (columns == 1 || column >= rows)) {
    *out = {x, true, columns == 1 ? rows : column};
    return true;
  }
  return false;
}

/// The operand in bfloat16, its rows (or columns) at multiples of 16 bytes, which the fast algorithms need.
class Rounded {
 public:
  Rounded(const Operand& of, std::int64_t rows, std::int64_t columns)
      : outer_(of.turned ? columns : rows),
        inner_(of.turned ? rows : columns),
        leading_((inner_ + 7) / 8 * 8),
        memory_(static_cast<std::size_t>(outer_ * leading_) * sizeof(std::uint16_t)) {
    round_to_bfloat16(outer_, inner_, static_cast<const float*>(of.data), of.leading, 1,
                      memory_.as<std::uint16_t>(), leading_);
  }
  Operand operand(bool turned) const { return {memory_.as<void>(), turned, leading_}; }

 private:
  std::int64_t outer_, inner_, leading_;
  Scratch memory_;
};

/// The transpose of row-major C = A B, for a library of columns: D = C^T = B^T A^T.
void multiply_rows(const GemmArguments& g, DataType type, const Operand& a, const Operand& b,
                   const void* bias) {
  ProductShape s;
  s.type = type;
  s.rows = g.n;
  s.columns = g.m;
  s.depth = g.k;
  s.a_transposed = b.turned;
  s.b_transposed = a.turned;
  s.a_leading = b.leading;
  s.b_leading = a.leading;
  s.d_leading = g.m == 1 ? g.n : g.c_row;
  s.a_alignment = alignment_of(b.data);
  s.b_alignment = alignment_of(a.data);
  s.d_alignment = alignment_of(g.c);
  s.bias = bias != nullptr;
  multiply(s, b.data, a.data, bias, out<float>(g.c));
}

}  // namespace

void round_to_bfloat16(std::int64_t outer, std::int64_t inner, const float* from, std::int64_t outer_stride,
                       std::int64_t inner_stride, std::uint16_t* to, std::int64_t leading) {
  const bool aligned = inner_stride == 1 && outer_stride % 4 == 0 && alignment_of(from) == kAlignment;
  for_each_item(outer * (leading / 8), RoundEight{in<float>(from), inner, outer_stride, inner_stride, aligned,
                                                  out<std::uint16_t>(to), leading});
}

void gemm(const GemmArguments& g, Precision precision) {
  if (g.update != nullptr) throw std::logic_error("this device fuses no updates");
  Operand a, b;
  // What the library does not take: no terms at all, and distances that no layer has.
  if (g.m == 0 || g.n == 0 || g.k == 0 || g.c_row < g.n ||
      !describe(in<float>(g.a), g.m, g.k, g.a_row, g.a_column, &a) ||
      !describe(in<float>(g.b), g.k, g.n, g.b_row, g.b_column, &b) ||
      (g.column_sums != nullptr && (g.b_column != 1 || g.b_row != g.n))) {
    return cuda::gemm(g);
  }
  // A bias alone is added by the library, the same sum; not to vectors, for which not all versions have an
  // algorithm. Its relu is left alone: what it makes of NaN is not said.
  const bool more =
      g.activation.kind != ActivationKind::linear || g.pre_activation != nullptr || g.saved != nullptr;
  const bool is_matrix = g.m > 1 && g.n > 1 && g.k > 1;
  const bool adds_bias = g.bias != nullptr && !more && is_matrix && alignment_of(g.bias) == kAlignment;
  const void* const bias = adds_bias ? in<float>(g.bias) : nullptr;
  if (precision == Precision::bf16) {
    const Rounded rounded_a(a, g.m, g.k), rounded_b(b, g.k, g.n);
    multiply_rows(g, kBfloat16, rounded_a.operand(a.turned), rounded_b.operand(b.turned), bias);
  } else {
    multiply_rows(g, kFloat32, a, b, bias);
  }
  if (more || (g.bias != nullptr && !adds_bias)) apply_epilogue(g);
  if (g.column_sums != nullptr) column_sums(g.dtype, g.k, g.n, g.b, g.column_sums);
}

}  // namespace lamina::cuda::cublaslt
