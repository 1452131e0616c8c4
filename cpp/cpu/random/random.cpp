#include "cpu/random/random.h"

#include <algorithm>

#include "core/error.h"
#include "core/threads.h"
#include "cpu/dispatch.h"
#include "numerics/distributions.h"
#include "numerics/integers.h"

namespace lamina::cpu {

namespace {

/// Elements of one task: whole groups for both widths of words.
constexpr std::int64_t kPiece = 8192;

// Rough costs in nanoseconds an element, for deciding on threads.
constexpr double kUniformCost = 0.4, kNormalCost = 1.2, kDropoutCost = 0.4, kIntegerCost = 3.0;

/// Calls body(first, n) for each piece of 0..n-1.
template <class Body>
void in_pieces(std::int64_t n, double cost, Body body) {
  const std::int64_t pieces = (n + kPiece - 1) / kPiece;
  threads::parallel_for(
      pieces,
      [&](std::int64_t piece) {
        const std::int64_t first = piece * kPiece;
        body(first, std::min(kPiece, n - first));
      },
      threads::worthwhile(cost * static_cast<double>(n), pieces));
}

/// The source of the elements from `first` on (a multiple of kPiece).
template <class T>
RandomSource source_at(RandomKey key, std::int64_t first) {
  constexpr std::uint64_t kGroup = sizeof(T) == 4 ? numerics::kGroupWords32 : numerics::kGroupWords64;
  return {key.seed, key.stream, numerics::group_block(static_cast<std::uint64_t>(first) / kGroup)};
}

template <class T>
struct Kernels;
template <>
struct Kernels<float> {
  static constexpr auto uniform = &RandomKernels::uniform_f32;
  static constexpr auto normal = &RandomKernels::normal_f32;
  static constexpr auto truncated_normal = &RandomKernels::truncated_normal_f32;
  static constexpr auto dropout = &RandomKernels::dropout_f32;
};
template <>
struct Kernels<double> {
  static constexpr auto uniform = &RandomKernels::uniform_f64;
  static constexpr auto normal = &RandomKernels::normal_f64;
  static constexpr auto truncated_normal = &RandomKernels::truncated_normal_f64;
  static constexpr auto dropout = &RandomKernels::dropout_f64;
};

template <class T>
void random_of(const RandomArguments& r) {
  const RandomKernels& table = *kernels().random;
  T* out = static_cast<T*>(r.out);
  constexpr double kWidth = sizeof(T) / 4.0;
  if (r.distribution == Distribution::uniform) {
    const auto range = numerics::uniform_range<T>(r.a, r.b);
    in_pieces(r.n, kUniformCost * kWidth, [&](std::int64_t first, std::int64_t n) {
      (table.*Kernels<T>::uniform)(source_at<T>(r.key, first), n, range, out + first);
    });
  } else {
    const auto kernel = r.distribution == Distribution::normal ? table.*Kernels<T>::normal
                                                               : table.*Kernels<T>::truncated_normal;
    const T mean = static_cast<T>(r.a), stddev = static_cast<T>(r.b);
    in_pieces(r.n, kNormalCost * kWidth, [&](std::int64_t first, std::int64_t n) {
      kernel(source_at<T>(r.key, first), n, mean, stddev, out + first);
    });
  }
}

template <class T>
void dropout_of(const DropoutArguments& d) {
  const auto kernel = kernels().random->*Kernels<T>::dropout;
  const auto groups = static_cast<std::int64_t>(numerics::row_groups(static_cast<std::uint64_t>(d.columns)));
  // A task is a number of whole rows, or, where one row is long, a part of one row.
  constexpr std::int64_t kPieceGroups = kPiece / numerics::kGroupWords32;
  const std::int64_t task_rows = std::max<std::int64_t>(1, kPieceGroups / groups);
  const std::int64_t task_columns = std::min(d.columns, kPiece);
  const std::int64_t across = (d.columns + task_columns - 1) / task_columns;
  const std::int64_t down = (d.rows + task_rows - 1) / task_rows;
  const double words = static_cast<double>(d.rows) * static_cast<double>(groups * numerics::kGroupWords32);
  threads::parallel_for(
      down * across,
      [&](std::int64_t task) {
        const std::int64_t row = task / across * task_rows, column = task % across * task_columns;
        DropoutBlock<T> block;
        block.seed = d.key.seed;
        block.stream = d.key.stream;
        block.row_groups = static_cast<std::uint64_t>(groups);
        block.first_group = static_cast<std::uint64_t>(d.first_row + row) * block.row_groups +
                            static_cast<std::uint64_t>(column / numerics::kGroupWords32);
        block.rows = std::min(task_rows, d.rows - row);
        block.columns = std::min(task_columns, d.columns - column);
        block.stride = d.columns;
        block.drop_below = numerics::drop_below(d.rate);
        block.scale = numerics::keep_scale<T>(d.rate);
        block.in = static_cast<const T*>(d.in) + row * d.columns + column;
        block.out = static_cast<T*>(d.out) + row * d.columns + column;
        kernel(block);
      },
      threads::worthwhile(kDropoutCost * words, down * across));
}

}  // namespace

void random(const RandomArguments& r) {
  if (r.n <= 0) return;
  r.dtype == DType::float32 ? random_of<float>(r) : random_of<double>(r);
}

void dropout(const DropoutArguments& d) {
  if (d.rows <= 0 || d.columns <= 0) return;
  d.dtype == DType::float32 ? dropout_of<float>(d) : dropout_of<double>(d);
}

void integers(std::int64_t n, std::int64_t low, std::int64_t high, RandomKey key, std::int64_t* out) {
  if (low >= high) {
    throw ValueError(
        text("[random_integers] low must be less than high. Received: low=", low, ", high=", high));
  }
  if (n <= 0) return;
  const RandomKernels& table = *kernels().random;
  const std::uint64_t range = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  in_pieces(n, kIntegerCost, [&](std::int64_t first, std::int64_t count) {
    constexpr std::int64_t kWords = 16 * numerics::kGroupWords64;
    std::uint64_t words[kWords];
    for (std::int64_t at = first; at < first + count; at += kWords) {
      const std::int64_t here = std::min(kWords, first + count - at);
      table.words64(source_at<double>(key, at), here, words);
      for (std::int64_t i = 0; i < here; ++i) {
        const std::uint64_t value = numerics::integer_below(words[i], range, key.seed, key.stream,
                                                            static_cast<std::uint64_t>(at + i));
        out[at + i] = static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + value);
      }
    }
  });
}

}  // namespace lamina::cpu
