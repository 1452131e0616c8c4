// Logarithms to the bases 2 and 10: the long logarithm of pow, times a long constant, so that
// powers of the base give their exponents exactly.
#pragma once

#include "numerics/elementary_power.h"

namespace lamina::numerics {

namespace elementary {
template <class V>
LAMINA_INLINE V log_to_base(V x, Pair<V> factor) {
  const Pair<V> logarithm = log_pair(x);
  const Pair<V> product = two_product(logarithm.high, factor.high);
  V y = product.high + (fma(logarithm.high, factor.low, product.low) + logarithm.low * factor.high);
  y = select(x == infinity<V>(), x, y);
  y = select(x == V::splat(0), -infinity<V>(), y);
  y = select(x < V::splat(0), not_a_number<V>(), y);
  return select(x != x, x, y);
}
}  // namespace elementary

/// The logarithm to the base 2. Exact for powers of two. Error: float 0.51, double 0.51.
template <class V>
LAMINA_ELEMENTARY V log2(V x) {
  using namespace elementary;
  return log_to_base(x, Pair<V>{constant<V>(0x1.715476p0f, 0x1.71547652b82fep0),
                                constant<V>(0x1.4ae0cp-26f, 0x1.777d0ffda0d24p-56)});
}

/// The logarithm to the base 10. Exact for powers of ten. Error: float 0.51, double 0.51.
template <class V>
LAMINA_ELEMENTARY V log10(V x) {
  using namespace elementary;
  return log_to_base(x, Pair<V>{constant<V>(0x1.bcb7b2p-2f, 0x1.bcb7b1526e50ep-2),
                                constant<V>(-0x1.5b235ep-27f, 0x1.95355baaafad3p-57)});
}

}  // namespace lamina::numerics
