#include "ops/random.h"

#include <algorithm>

#include "device/device.h"
#include "ops/broadcast.h"
#include "ops/elementwise.h"
#include "ops/promotion.h"

namespace lamina::ops {

namespace {
DType computing(std::string_view where, ElementType type) {
  if (!is_floating(type)) {
    throw TypeError(text("[", where, "] float32 or float64 is needed. Received: ", lamina::name_of(type)));
  }
  return type == ElementType::float32 ? DType::float32 : DType::float64;
}
}  // namespace

void check_distribution(Distribution distribution, DType dtype, double a, double b) {
  const double largest = dtype == DType::float32 ? 3.4028234663852886e38 : 1.7976931348623157e308;
  if (distribution == Distribution::uniform) {
    if (a <= b && b - a <= largest) return;
    throw ValueError(text("[random_uniform] low must not be above high, nor further from it than ",
                          name_of(dtype), " can say. Received: low=", a, ", high=", b));
  }
  if (b >= 0.0 && b <= largest && a >= -largest && a <= largest) return;
  throw ValueError(text(
      "[random_normal] mean and stddev must be finite numbers and stddev not negative. Received: mean=", a,
      ", stddev=", b));
}

Tensor random(Distribution distribution, ElementType type, const ArrayShape& shape, double a, double b,
              RandomKey key) {
  RandomArguments r;
  r.dtype = computing("random", type);
  check_distribution(distribution, r.dtype, a, b);
  Tensor out = empty(type, shape);
  r.distribution = distribution;
  r.key = key;
  r.n = out.size();
  r.out = out.raw();
  r.a = a;
  r.b = b;
  current_device().random(r);
  return out;
}

Tensor random_integers(const ArrayShape& shape, std::int64_t low, std::int64_t high, RandomKey key) {
  Tensor out = empty(ElementType::int64, shape);
  current_device().integers(out.size(), low, high, key, out.data<std::int64_t>());
  return out;
}

Tensor permutation(std::int64_t n, RandomKey key) {
  Tensor out = empty(ElementType::int64, {n});
  current_device().permutation(n, key, out.data<std::int64_t>());
  return out;
}

Tensor dropout(const Tensor& x, double rate, RandomKey key) {
  const DType dtype = computing("dropout", x.type());
  if (!(rate >= 0.0 && rate < 1.0)) {
    throw ValueError(text("[dropout] rate must be in [0, 1). Received: rate=", rate));
  }
  const Tensor dense = contiguous(x);
  Tensor out = empty(x.type(), x.shape());
  DropoutArguments d;
  d.dtype = dtype;
  d.key = key;
  d.rate = rate;
  d.columns = x.rank() == 0 ? 1 : x.extent(x.rank() - 1);
  d.rows = d.columns == 0 ? 0 : x.size() / d.columns;
  d.in = dense.raw();
  d.out = out.raw();
  current_device().dropout(d);
  return out;
}

}  // namespace lamina::ops
