#include "isa/elementary_maps.h"

#include "cpu/vec/vec.h"
#include "numerics/elementary.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

template <class V, class F>
void map(const typename V::Scalar* x, typename V::Scalar* y, std::size_t n, F f) {
  for (std::size_t i = 0; i < n; i += V::lanes) f(V::load(x + i)).store(y + i);
}

#define LAMINA_DEFINE_MAPS(name)                                   \
  void name##_float32(const float* x, float* y, std::size_t n) {   \
    map<F32>(x, y, n, [](F32 v) { return numerics::name(v); });    \
  }                                                                \
  void name##_float64(const double* x, double* y, std::size_t n) { \
    map<F64>(x, y, n, [](F64 v) { return numerics::name(v); });    \
  }
LAMINA_ELEMENTARY_FUNCTIONS(LAMINA_DEFINE_MAPS)
#undef LAMINA_DEFINE_MAPS

template <class V>
void map_pow(const typename V::Scalar* x, const typename V::Scalar* y, typename V::Scalar* z, std::size_t n) {
  for (std::size_t i = 0; i < n; i += V::lanes) numerics::pow(V::load(x + i), V::load(y + i)).store(z + i);
}

#define LAMINA_ENTRY(name) {#name, name##_float32},
constexpr test::ElementaryMap<float> kFloat32[] = {LAMINA_ELEMENTARY_FUNCTIONS(LAMINA_ENTRY)};
#undef LAMINA_ENTRY
#define LAMINA_ENTRY(name) {#name, name##_float64},
constexpr test::ElementaryMap<double> kFloat64[] = {LAMINA_ELEMENTARY_FUNCTIONS(LAMINA_ENTRY)};
#undef LAMINA_ENTRY

#define LAMINA_TEXT_OF(name) #name
#define LAMINA_TEXT(name) LAMINA_TEXT_OF(name)

}  // namespace

const test::ElementaryMaps elementary_maps = {LAMINA_TEXT(LAMINA_ISA),
                                              sizeof kFloat32 / sizeof kFloat32[0],
                                              kFloat32,
                                              kFloat64,
                                              map_pow<F32>,
                                              map_pow<F64>};

}  // namespace lamina::cpu::LAMINA_ISA
