#include <cstddef>
#include <cstdint>

#include "cpu/random/kernels.h"
#include "cpu/vec/vec.h"
#include "numerics/distributions.h"
#include "numerics/philox.h"

namespace lamina::cpu::LAMINA_ISA {
namespace {

using numerics::kGroupBlocks;
using numerics::kGroupWords32;
using numerics::kGroupWords64;
using Words = F32::Int;
using Group = numerics::PhiloxBlock<Words>;

/// The words of group after group, sixteen blocks at a time. Block numbers of one group
/// differ in their low four bits only, so the lanes never carry.
struct GroupStream {
  std::uint64_t seed, stream, block;

  LAMINA_INLINE Group next() {
    alignas(64) static constexpr std::uint32_t lane[kGroupBlocks] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                                     8, 9, 10, 11, 12, 13, 14, 15};
    using numerics::every_lane;
    const Group counter = {every_lane<F32>(static_cast<std::uint32_t>(block)) | Words::load(lane),
                           every_lane<F32>(static_cast<std::uint32_t>(block >> 32)),
                           every_lane<F32>(static_cast<std::uint32_t>(stream)),
                           every_lane<F32>(static_cast<std::uint32_t>(stream >> 32))};
    block += kGroupBlocks;
    return numerics::philox<F32>(counter, seed);
  }
};

LAMINA_INLINE GroupStream start(const RandomSource& source) {
  return {source.seed, source.stream, source.block};
}

/// Sixteen 64-bit words of their halves.
LAMINA_INLINE void join(Words low, Words high, std::uint64_t* out) {
  alignas(64) std::uint32_t lows[16], highs[16];
  low.store(lows);
  high.store(highs);
  for (int i = 0; i < 16; ++i) out[i] = (static_cast<std::uint64_t>(highs[i]) << 32) | lows[i];
}

LAMINA_INLINE void store_group32(const Group& group, std::uint32_t* out) {
  group.word0.store(out);
  group.word1.store(out + 16);
  group.word2.store(out + 32);
  group.word3.store(out + 48);
}
LAMINA_INLINE void store_group64(const Group& group, std::uint64_t* out) {
  join(group.word0, group.word1, out);
  join(group.word2, group.word3, out + 16);
}

void words32(const RandomSource& source, std::int64_t n, std::uint32_t* out) {
  GroupStream groups = start(source);
  std::int64_t i = 0;
  for (; i + kGroupWords32 <= n; i += kGroupWords32) store_group32(groups.next(), out + i);
  if (i < n) {
    alignas(64) std::uint32_t last[kGroupWords32];
    store_group32(groups.next(), last);
    for (std::int64_t j = i; j < n; ++j) out[j] = last[j - i];
  }
}

void words64(const RandomSource& source, std::int64_t n, std::uint64_t* out) {
  GroupStream groups = start(source);
  std::int64_t i = 0;
  for (; i + kGroupWords64 <= n; i += kGroupWords64) store_group64(groups.next(), out + i);
  if (i < n) {
    alignas(64) std::uint64_t last[kGroupWords64];
    store_group64(groups.next(), last);
    for (std::int64_t j = i; j < n; ++j) out[j] = last[j - i];
  }
}

template <class V>
LAMINA_INLINE void store_some(V v, typename V::Scalar* out, std::int64_t n) {
  if (n >= V::lanes) {
    v.store(out);
  } else if (n > 0) {
    v.store_partial(out, static_cast<std::size_t>(n));
  }
}

/// out[i] = draw(word i): 32-bit words for floats.
template <class Draw>
LAMINA_INLINE void fill(const RandomSource& source, std::int64_t n, float* out, Draw draw) {
  GroupStream groups = start(source);
  for (std::int64_t i = 0; i < n; i += kGroupWords32) {
    const Group group = groups.next();
    const Words words[4] = {group.word0, group.word1, group.word2, group.word3};
    for (int v = 0; v < 4; ++v) store_some(draw(words[v]), out + i + 16 * v, n - i - 16 * v);
  }
}

/// out[i] = draw(word i): 64-bit words for doubles.
template <class Draw>
LAMINA_INLINE void fill(const RandomSource& source, std::int64_t n, double* out, Draw draw) {
  GroupStream groups = start(source);
  alignas(64) std::uint64_t words[kGroupWords64];
  for (std::int64_t i = 0; i < n; i += kGroupWords64) {
    store_group64(groups.next(), words);
    for (int v = 0; v < kGroupWords64; v += F64::lanes) {
      if (n - i <= v) break;
      store_some(draw(F64::Int::load(words + v)), out + i + v, n - i - v);
    }
  }
}

template <class V>
struct DrawUniform {
  numerics::UniformRange<typename V::Scalar> range;
  LAMINA_INLINE V operator()(typename V::Int word) const { return numerics::uniform<V>(word, range); }
};
template <class V>
struct DrawNormal {
  typename V::Scalar mean, stddev;
  LAMINA_INLINE V operator()(typename V::Int word) const {
    return numerics::shifted(numerics::standard_normal<V>(word), mean, stddev);
  }
};
template <class V>
struct DrawTruncatedNormal {
  typename V::Scalar mean, stddev;
  LAMINA_INLINE V operator()(typename V::Int word) const {
    return numerics::shifted(numerics::truncated_normal<V>(word), mean, stddev);
  }
};

template <class V>
void uniform(const RandomSource& source, std::int64_t n,
             const numerics::UniformRange<typename V::Scalar>& range, typename V::Scalar* out) {
  fill(source, n, out, DrawUniform<V>{range});
}
template <class V>
void normal(const RandomSource& source, std::int64_t n, typename V::Scalar mean, typename V::Scalar stddev,
            typename V::Scalar* out) {
  fill(source, n, out, DrawNormal<V>{mean, stddev});
}
template <class V>
void truncated_normal(const RandomSource& source, std::int64_t n, typename V::Scalar mean,
                      typename V::Scalar stddev, typename V::Scalar* out) {
  fill(source, n, out, DrawTruncatedNormal<V>{mean, stddev});
}

/// Sixteen elements: where word < threshold, +0.
LAMINA_INLINE F32 load_some(const float* in, std::int64_t n) {
  return n >= F32::lanes ? F32::load(in) : F32::load_partial(in, static_cast<std::size_t>(n));
}
LAMINA_INLINE F64 load_some(const double* in, std::int64_t n) {
  return n >= F64::lanes ? F64::load(in) : F64::load_partial(in, static_cast<std::size_t>(n));
}

void dropout_f32(const DropoutBlock<float>& d) {
  // Unsigned order is signed order with the top bits flipped.
  const Words top = numerics::every_lane<F32>(0x80000000u);
  const Words threshold = numerics::every_lane<F32>(d.drop_below) ^ top;
  const F32 scale = F32::splat(d.scale), zero = F32::splat(0);
  for (std::int64_t row = 0; row < d.rows; ++row) {
    const std::uint64_t group = d.first_group + static_cast<std::uint64_t>(row) * d.row_groups;
    GroupStream groups = {d.seed, d.stream, numerics::group_block(group)};
    const float* in = d.in + row * d.stride;
    float* out = d.out + row * d.stride;
    for (std::int64_t column = 0; column < d.columns; column += kGroupWords32) {
      const Group random = groups.next();
      const Words words[4] = {random.word0, random.word1, random.word2, random.word3};
      for (int v = 0; v < 4; ++v) {
        const std::int64_t at = column + 16 * v, left = d.columns - at;
        if (left <= 0) break;
        const F32 kept = load_some(in + at, left) * scale;
        store_some(select((words[v] ^ top) < threshold, zero, kept), out + at, left);
      }
    }
  }
}

void dropout_f64(const DropoutBlock<double>& d) {
  const F64::Int threshold = F64::Int::splat(static_cast<std::int64_t>(d.drop_below));
  const F64 scale = F64::splat(d.scale), zero = F64::splat(0);
  alignas(64) std::uint32_t words[kGroupWords32];
  alignas(64) std::uint64_t wide[kGroupWords32];
  for (std::int64_t row = 0; row < d.rows; ++row) {
    const std::uint64_t group = d.first_group + static_cast<std::uint64_t>(row) * d.row_groups;
    GroupStream groups = {d.seed, d.stream, numerics::group_block(group)};
    const double* in = d.in + row * d.stride;
    double* out = d.out + row * d.stride;
    for (std::int64_t column = 0; column < d.columns; column += kGroupWords32) {
      store_group32(groups.next(), words);
      for (int i = 0; i < kGroupWords32; ++i) wide[i] = words[i];
      for (int v = 0; v < kGroupWords32; v += F64::lanes) {
        const std::int64_t at = column + v, left = d.columns - at;
        if (left <= 0) break;
        const F64 kept = load_some(in + at, left) * scale;
        store_some(select(F64::Int::load(wide + v) < threshold, zero, kept), out + at, left);
      }
    }
  }
}

}  // namespace

extern const RandomKernels random_kernels;
const RandomKernels random_kernels = {
    .words32 = words32,
    .words64 = words64,
    .uniform_f32 = uniform<F32>,
    .uniform_f64 = uniform<F64>,
    .normal_f32 = normal<F32>,
    .normal_f64 = normal<F64>,
    .truncated_normal_f32 = truncated_normal<F32>,
    .truncated_normal_f64 = truncated_normal<F64>,
    .dropout_f32 = dropout_f32,
    .dropout_f64 = dropout_f64,
};

}  // namespace lamina::cpu::LAMINA_ISA
