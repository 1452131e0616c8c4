// The elementary functions applied to arrays, compiled once for every instruction set.
#pragma once

#include <cstddef>

// name, used as numerics::name and as the text in reports and golden files
#define LAMINA_ELEMENTARY_FUNCTIONS(F) \
  F(exp)                               \
  F(expm1)                             \
  F(log)                               \
  F(log1p)                             \
  F(sigmoid)                           \
  F(tanh)                              \
  F(softplus)                          \
  F(erf)                               \
  F(erfc)                              \
  F(normal_cdf)                        \
  F(normal_pdf)                        \
  F(sinpi)                             \
  F(cospi)                             \
  F(sin)                               \
  F(cos)

namespace lamina::test {

/// y[i] = f(x[i]) for one function of LAMINA_ELEMENTARY_FUNCTIONS; n is a multiple of 16.
template <class T>
struct ElementaryMap {
  const char* name;
  void (*apply)(const T* x, T* y, std::size_t n);
};

struct ElementaryMaps {
  const char* isa;
  std::size_t count;
  const ElementaryMap<float>* float32;
  const ElementaryMap<double>* float64;
  void (*pow32)(const float* x, const float* y, float* z, std::size_t n);
  void (*pow64)(const double* x, const double* y, double* z, std::size_t n);
};

}  // namespace lamina::test

namespace lamina::cpu {
namespace scalar {
extern const test::ElementaryMaps elementary_maps;
}
namespace avx2 {
extern const test::ElementaryMaps elementary_maps;
}
namespace avx512 {
extern const test::ElementaryMaps elementary_maps;
}
namespace neon {
extern const test::ElementaryMaps elementary_maps;
}
}  // namespace lamina::cpu
