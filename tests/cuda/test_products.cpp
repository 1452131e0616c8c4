// Matrix products: every tile, several groups of chunks, every form and epilogue.
#include "both.h"
#include "cuda/gemm/gemm.h"
#include "numerics/order.h"

namespace {

using namespace lamina;
using namespace lamina::test;

template <class T>
void check_product(std::int64_t m, std::int64_t n, std::int64_t k, int form, std::uint32_t seed) {
  Numbers numbers(seed);
  const std::vector<Array> arrays = {numbers.array<T>(m * k), numbers.array<T>(k * n),
                                     numbers.array<T>(m * n), numbers.array<T>(n),
                                     numbers.array<T>(m * n), numbers.array<T>(m * n, 0.0, 1.0),
                                     numbers.array<T>(n)};
  check_same(text("gemm ", m, " ", n, " ", k, " form ", form, " tile ", cuda::gemm_tuning().tile), arrays,
             [&](Device& on, const std::vector<void*>& at) {
               GemmArguments g;
               g.dtype = kDType<T>;
               g.m = m;
               g.n = n;
               g.k = k;
               g.a = at[0];
               g.b = at[1];
               g.c = at[2];
               g.c_row = n;
               const bool a_transposed = form == 1, b_transposed = form == 2;
               g.a_row = a_transposed ? 1 : k;
               g.a_column = a_transposed ? m : 1;
               g.b_row = b_transposed ? 1 : n;
               g.b_column = b_transposed ? k : 1;
               if (form == 1) {  // weight gradients
                 g.reduction = Reduction::rows;
                 g.column_sums = at[6];
               } else if (form == 2) {  // input gradients
                 g.saved = at[5];
                 g.saved_row = n;
                 g.derivative_of = {seed % 2 == 0 ? ActivationKind::sigmoid : ActivationKind::relu};
               } else {
                 g.bias = seed % 3 == 0 ? nullptr : at[3];
                 g.activation = {seed % 2 == 0 ? ActivationKind::gelu : ActivationKind::relu};
                 if (seed % 2 == 0) g.pre_activation = at[4];
               }
               on.gemm(g);
               return std::vector<double>{};
             });
}

template <class T>
void check_products(bool brief) {
  const std::int64_t shapes[][3] = {{1, 1, 1},     {1, 10, 700}, {3, 64, 65},   {65, 3, 600},
                                    {17, 33, 129}, {70, 70, 70}, {33, 140, 40}, {130, 131, 9},
                                    {8, 9, 1100},  {5, 4, 0},    {12, 7, 4700}, {129, 12, 513},
                                    {2, 3, 127},   {2, 3, 128},  {40, 41, 650}};
  std::uint32_t seed = 0;
  for (const auto& [m, n, k] : shapes) {
    for (int form = 0; form < 3; ++form) {
      for (int tile = -1; tile < cuda::kGemmTiles; ++tile) {
        for (const int chunks : {0, 1, 2, 8}) {
          if (chunks != 0 && (k <= numerics::kRowChunk || (tile + chunks) % 2 == 0)) continue;
          cuda::gemm_tuning() = {tile, chunks};
          if (++seed % 5 != 0 && brief) continue;
          check_product<T>(m, n, k, form, seed);
        }
      }
    }
  }
  cuda::gemm_tuning() = {};
}

}  // namespace

int main(int argc, char**) {  // any argument: brief, for the sanitizers
  if (!cuda::available()) {
    std::printf("'%s' cannot be used here: %s\n", std::string(cuda::name()).c_str(), cuda::status().c_str());
    return EXIT_SUCCESS;
  }
  check_products<float>(argc > 1);
  if (argc == 1) check_products<double>(false);
  return result();
}
