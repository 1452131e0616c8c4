#include "cpu/dispatch.h"

#include <cstdlib>

#include "core/error.h"
#include "cpu/cpu_features.h"

// One line per instruction set: the tables that each *.isa.cpp defines, and their row.
#define LAMINA_DECLARE_TABLES(isa)                         \
  namespace isa {                                          \
  extern const ActivationKernels activation_kernels;       \
  extern const BinaryKernels binary_kernels;               \
  extern const VectorKernels vector_ops_kernels;           \
  extern const ArrayReduceKernels array_reduce_kernels;    \
  extern const GatherKernels gather_kernels;               \
  extern const GemmKernels gemm_kernels;                   \
  extern const LossKernels loss_kernels;                   \
  extern const MetricKernels metric_kernels;               \
  extern const NormalizationKernels normalization_kernels; \
  extern const OptimizerKernels optimizer_kernels;         \
  extern const RuleKernels rules_kernels;                  \
  extern const PeakKernels peak_kernels;                   \
  extern const RandomKernels random_kernels;               \
  extern const ReduceKernels reduce_kernels;               \
  extern const UnaryKernels unary_kernels;                 \
  }
#define LAMINA_TABLE_ROW(isa)   \
  {#isa,                        \
   &isa::activation_kernels,    \
   &isa::binary_kernels,        \
   &isa::vector_ops_kernels,    \
   &isa::array_reduce_kernels,  \
   &isa::gather_kernels,        \
   &isa::gemm_kernels,          \
   &isa::loss_kernels,          \
   &isa::metric_kernels,        \
   &isa::normalization_kernels, \
   &isa::optimizer_kernels,     \
   &isa::rules_kernels,         \
   &isa::peak_kernels,          \
   &isa::random_kernels,        \
   &isa::reduce_kernels,        \
   &isa::unary_kernels},

namespace lamina::cpu {

LAMINA_DECLARE_TABLES(scalar)
#if LAMINA_HAS_AVX2
LAMINA_DECLARE_TABLES(avx2)
#endif
#if LAMINA_HAS_AVX512
LAMINA_DECLARE_TABLES(avx512)
#endif
#if LAMINA_HAS_NEON
LAMINA_DECLARE_TABLES(neon)
#endif

namespace {

// Worst first.
constexpr KernelTable tables[] = {LAMINA_TABLE_ROW(scalar)
#if LAMINA_HAS_AVX2
                                      LAMINA_TABLE_ROW(avx2)
#endif
#if LAMINA_HAS_AVX512
                                          LAMINA_TABLE_ROW(avx512)
#endif
#if LAMINA_HAS_NEON
                                              LAMINA_TABLE_ROW(neon)
#endif
};

const KernelTable& choose() {
  const char* wanted = std::getenv("LAMINA_ISA");
  if (wanted != nullptr && wanted[0] != '\0') return kernels_of(wanted);
  return kernels_of(available_isas().back());
}

}  // namespace

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const KernelTable& table : tables) {
    if (runs(table.isa)) names.emplace_back(table.isa);
  }
  return names;
}

const KernelTable& kernels_of(std::string_view isa) {
  for (const KernelTable& table : tables) {
    if (isa == table.isa && runs(table.isa)) return table;
  }
  std::string choices;
  for (const std::string& name : available_isas()) choices += (choices.empty() ? "'" : ", '") + name + "'";
  throw ValueError(text("[LAMINA_ISA] this build and machine run ", choices, ". Received: '", isa, "'"));
}

const KernelTable& kernels() {
  static const KernelTable& chosen = choose();
  return chosen;
}

}  // namespace lamina::cpu
