// Reduction of an angle in radians modulo a quarter turn, exact enough for every float
// and double: x = n pi/2 + r with r an unevaluated sum.
//
// Moderate angles subtract n times three parts of pi/2 (Cody and Waite); each part has a
// full significand, since fma subtracts the exact product. Huge angles (Payne and Hanek)
// multiply by the bits of 2/pi that matter, in integers, one lane at a time: such lanes
// are rare, and vectors pay for them only when they hold one.
#pragma once

#include "numerics/elementary_base.h"
#include "numerics/scalar.h"

namespace lamina::numerics::elementary {

/// x = quarters * pi/2 + r.high + r.low, |r| <= pi/4 (and a little).
template <class V>
struct QuarterTurns {
  typename V::Int quarters;  // modulo four, in the low bits
  Pair<V> r;
};

/// The bits of 2/pi from 2^-1 on, after 64 zero bits.
constexpr std::uint32_t kTwoOverPi[] = {
    0x00000000, 0x00000000, 0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041,
    0xfe5163ab, 0xdebbc561, 0xb7246e3a, 0x424dd2e0, 0x06492eea, 0x09d1921c, 0xfe1deb1c, 0xb129a73e,
    0xe88235f5, 0x2ebb4484, 0xe99c7026, 0xb45f7e41, 0x3991d639, 0x835339f4, 0x9c845f8b, 0xbdf9283b,
    0x1ff897ff, 0xde05980f, 0xef2f118b, 0x5a0a6d1f, 0x6d367ecf, 0x27cb09b7, 0x4f463f66, 0x9e5fea2d,
    0x7527bac7, 0xebe5f17b, 0x3d0739f7, 0x8a5292ea, 0x6bfb5fb1, 0x1f8d5d08, 0x56033046, 0xfc7b6bab};

/// Payne and Hanek's reduction of one finite x, |x| >= 2^-8 (so that the table's leading
/// zeros suffice). Returns n modulo four; r gets what is left, to about 2^-100 relative.
LAMINA_INLINE std::int32_t reduce_huge(double x, Pair<double>* r) {
  using Double = Lane<double>;
  // |x| = m 2^e. 2/pi is read from the bit whose product with m 2^e is a multiple of
  // four; 192 bits from there on determine n and r.
  const std::uint64_t bits = builtin::bits<std::uint64_t>(x);
  const int e = static_cast<int>(bits >> 52 & 0x7ff) - 1075;
  const std::uint64_t m = (bits & 0x000fffffffffffff) | 0x0010000000000000;
  const std::uint32_t factor[2] = {static_cast<std::uint32_t>(m), static_cast<std::uint32_t>(m >> 32)};
  const int start = e - 2 + 64;
  const int word = start >> 5;
  const int shift = start & 31;
  std::uint32_t product[6] = {};  // 2/pi's window times m modulo 2^192, least significant first
  for (int i = 0; i < 6; ++i) {
    const int at = word + 5 - i;
    const std::uint64_t two_words = std::uint64_t{kTwoOverPi[at]} << 32 | kTwoOverPi[at + 1];
    const std::uint64_t digit = two_words << shift >> 32;
    std::uint64_t carry = 0;
    for (int j = 0; j < 2 && i + j < 6; ++j) {
      carry += product[i + j] + (digit & 0xffffffff) * factor[j];
      product[i + j] = static_cast<std::uint32_t>(carry);
      carry >>= 32;
    }
    if (i + 2 < 6) product[i + 2] = static_cast<std::uint32_t>(carry);
  }
  // The two leading bits are n, the rest is a fraction of a quarter turn; round to nearest.
  std::uint64_t top = std::uint64_t{product[5]} << 32 | product[4];
  std::uint64_t middle = std::uint64_t{product[3]} << 32 | product[2];
  std::uint64_t bottom = std::uint64_t{product[1]} << 32 | product[0];
  std::int32_t n = static_cast<std::int32_t>(top >> 62);
  top = top << 2 | middle >> 62;
  middle = middle << 2 | bottom >> 62;
  bottom <<= 2;
  const bool up = (top >> 63) != 0;
  if (up) {
    n += 1;
    top = ~top;
    middle = ~middle;
    bottom = ~bottom;
  }
  // Normalise, so that two doubles hold the leading 106 bits. No double is closer to a
  // multiple of pi/2 than about 2^-61, so a few steps suffice.
  double unit = 0x1p-53;
  while ((top >> 63) == 0) {
    top = top << 1 | middle >> 63;
    middle = middle << 1 | bottom >> 63;
    bottom <<= 1;
    unit *= 0.5;
  }
  const Double high{static_cast<double>(static_cast<std::int64_t>(top >> 11)) * unit};
  const std::uint64_t next = (top & 0x7ff) << 42 | middle >> 22;
  const Double low{static_cast<double>(static_cast<std::int64_t>(next)) * (unit * 0x1p-53)};
  const Double half_pi{0x1.921fb54442d18p0};
  const Pair<Double> lead = two_product(high, half_pi);
  const Double rest = fma(high, Double{0x1.1a62633145c07p-54}, fma(low, half_pi, lead.low));
  const Pair<Double> sum = fast_two_sum(lead.high, rest);
  const bool negative = up != ((bits >> 63) != 0);
  *r = {negative ? -sum.high.value : sum.high.value, negative ? -sum.low.value : sum.low.value};
  return (bits >> 63) != 0 ? -n : n;
}

/// The reduction; `magic` is quarter_magic(). r is NaN for infinities and NaN.
template <class V>
LAMINA_INLINE QuarterTurns<V> reduce_quarter_turns(V x, V magic) {
  using Scalar = typename V::Scalar;
  const V rounded = fma(x, constant<V>(0x1.45f306p-1f, 0x1.45f306dc9c883p-1), magic);
  const V n = rounded - magic;
  const V first = fma(n, constant<V>(-0x1.921fb6p0f, -0x1.921fb54442d18p0), x);  // exact
  const Pair<V> second = two_product(n, constant<V>(0x1.777a5cp-25f, -0x1.1a62633145c07p-54));
  const Pair<V> sum = two_sum(first, second.high);
  const V low = fma(n, constant<V>(0x1.ee59dap-50f, 0x1.f1976b7ed8fbcp-110), second.low) + sum.low;
  QuarterTurns<V> result = {as_int(rounded), fast_two_sum(sum.high, low)};

  const auto huge = !(abs(x) < constant<V>(0x1p17f, 0x1p30));
  if (any(huge)) {
    Scalar angle[V::lanes], quarters[V::lanes], r_high[V::lanes], r_low[V::lanes];
    x.store(angle);
    for (int lane = 0; lane < V::lanes; ++lane) {
      const double value = static_cast<double>(angle[lane]);
      quarters[lane] = 0;
      r_low[lane] = 0;
      if (value - value == 0) {
        // Small lanes are reduced along with the huge ones and not used.
        Pair<double> r;
        const bool used = value >= 1 || value <= -1;
        quarters[lane] = static_cast<Scalar>(reduce_huge(used ? value : 1.0, &r));
        r_high[lane] = static_cast<Scalar>(r.high);
        r_low[lane] = static_cast<Scalar>((r.high - static_cast<double>(r_high[lane])) + r.low);
      } else {
        r_high[lane] = angle[lane] - angle[lane];
      }
    }
    result.quarters = select(huge, as_int(V::load(quarters) + magic), result.quarters);
    result.r.high = select(huge, V::load(r_high), result.r.high);
    result.r.low = select(huge, V::load(r_low), result.r.low);
  }
  return result;
}

}  // namespace lamina::numerics::elementary
