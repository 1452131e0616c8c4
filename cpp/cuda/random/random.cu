#include "core/error.h"
#include "cuda/launch.h"
#include "cuda/random/random.h"
#include "numerics/distributions.h"
#include "numerics/integers.h"

namespace lamina::cuda {
namespace {

using numerics::kGroupBlocks;
using numerics::kGroupWords32;
using numerics::kGroupWords64;

struct Key {
  std::uint64_t seed, stream;
  const std::uint64_t* step;
  LAMINA_KERNEL numerics::PhiloxBlock<std::uint32_t> block(std::uint64_t number) const {
    return numerics::philox_block(seed, step != nullptr ? stream + *step : stream, number);
  }
};

/// Block number i of the stream: the words of four floats, or of two doubles.
template <class T>
struct Random {
  static constexpr const char* kName = "random";
  Distribution distribution;
  Key key;
  std::int64_t n;
  T* out;
  numerics::UniformRange<T> range;
  T mean, stddev;

  LAMINA_KERNEL T draw(typename Lane<T>::Int word) const {
    using V = Lane<T>;
    switch (distribution) {
      case Distribution::uniform:
        return numerics::uniform<V>(word, range).value;
      case Distribution::normal:
        return numerics::shifted(numerics::standard_normal<V>(word), mean, stddev).value;
      default:
        return numerics::shifted(numerics::truncated_normal<V>(word), mean, stddev).value;
    }
  }
  LAMINA_KERNEL void operator()(std::int64_t i) const {
    const std::int64_t group = i / kGroupBlocks, lane = i % kGroupBlocks;
    const auto words = key.block(static_cast<std::uint64_t>(i));
    if constexpr (sizeof(T) == 4) {
      const std::uint32_t word[4] = {words.word0, words.word1, words.word2, words.word3};
      LAMINA_UNROLL
      for (int w = 0; w < 4; ++w) {
        const std::int64_t at = group * kGroupWords32 + w * kGroupBlocks + lane;
        if (at < n) out[at] = draw({word[w]});
      }
    } else {
      const std::uint64_t word[2] = {static_cast<std::uint64_t>(words.word1) << 32 | words.word0,
                                     static_cast<std::uint64_t>(words.word3) << 32 | words.word2};
      LAMINA_UNROLL
      for (int w = 0; w < 2; ++w) {
        const std::int64_t at = group * kGroupWords64 + w * kGroupBlocks + lane;
        if (at < n) out[at] = draw({word[w]});
      }
    }
  }
};

struct Integers {
  static constexpr const char* kName = "random integers";
  std::uint64_t seed, stream, low, range;
  std::int64_t* out;
  LAMINA_KERNEL void operator()(std::int64_t i) const {
    const auto element = static_cast<std::uint64_t>(i);
    const std::uint64_t word = numerics::random_word64(seed, stream, element);
    out[i] = static_cast<std::int64_t>(low + numerics::integer_below(word, range, seed, stream, element));
  }
};

/// Block i of the words, which rows take in whole groups.
template <class T>
struct Drop {
  static constexpr const char* kName = "dropout";
  Key key;
  std::int64_t columns, row_groups, first_row;
  std::uint32_t drop_below;
  T scale;
  const T* in;
  T* out;
  LAMINA_KERNEL void operator()(std::int64_t i) const {
    const std::int64_t group = i / kGroupBlocks, lane = i % kGroupBlocks;
    const std::int64_t row = group / row_groups;
    const std::uint64_t first =
        static_cast<std::uint64_t>(first_row) * static_cast<std::uint64_t>(row_groups);
    const auto words = key.block(first * kGroupBlocks + static_cast<std::uint64_t>(i));
    const std::uint32_t word[4] = {words.word0, words.word1, words.word2, words.word3};
    LAMINA_UNROLL
    for (int w = 0; w < 4; ++w) {
      const std::int64_t column = group % row_groups * kGroupWords32 + w * kGroupBlocks + lane;
      if (column >= columns) continue;
      const std::int64_t at = row * columns + column;
      out[at] = word[w] < drop_below ? T(0) : in[at] * scale;
    }
  }
};

template <class T>
void random_as(const RandomArguments& r, const std::uint64_t* step) {
  constexpr int words = sizeof(T) == 4 ? kGroupWords32 : kGroupWords64;
  Random<T> kernel{};
  kernel.distribution = r.distribution;
  kernel.key = {r.key.seed, r.key.stream, step};
  kernel.n = r.n;
  kernel.out = out<T>(r.out);
  if (r.distribution == Distribution::uniform) {
    kernel.range = numerics::uniform_range<T>(r.a, r.b);
  } else {
    kernel.mean = static_cast<T>(r.a);
    kernel.stddev = static_cast<T>(r.b);
  }
  for_each_item(pieces_of(r.n, words) * kGroupBlocks, kernel);
}

template <class T>
void dropout_as(const DropoutArguments& d, const std::uint64_t* step) {
  const auto groups = static_cast<std::int64_t>(numerics::row_groups(static_cast<std::uint64_t>(d.columns)));
  for_each_item(d.rows * groups * kGroupBlocks, Drop<T>{{d.key.seed, d.key.stream, step},
                                                        d.columns,
                                                        groups,
                                                        d.first_row,
                                                        numerics::drop_below(d.rate),
                                                        numerics::keep_scale<T>(d.rate),
                                                        in<T>(d.in),
                                                        out<T>(d.out)});
}

}  // namespace

void random(const RandomArguments& r, const std::uint64_t* step) {
  if (r.n <= 0) return;
  r.dtype == DType::float32 ? random_as<float>(r, step) : random_as<double>(r, step);
}

void integers(std::int64_t n, std::int64_t low, std::int64_t high, RandomKey key, std::int64_t* to) {
  if (low >= high) {
    throw ValueError(
        text("[random_integers] low must be less than high. Received: low=", low, ", high=", high));
  }
  if (n <= 0) return;
  const auto first = static_cast<std::uint64_t>(low);
  for_each_item(n, Integers{key.seed, key.stream, first, static_cast<std::uint64_t>(high) - first, to});
}

void dropout(const DropoutArguments& d, const std::uint64_t* step) {
  if (d.rows <= 0 || d.columns <= 0) return;
  d.dtype == DType::float32 ? dropout_as<float>(d, step) : dropout_as<double>(d, step);
}

}  // namespace lamina::cuda
