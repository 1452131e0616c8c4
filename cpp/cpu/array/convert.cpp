#include <limits>
#include <type_traits>

#include "cpu/array/array.h"
#include "cpu/array/iterate.h"

namespace lamina::cpu {

namespace {

/// A bool as it lies in a tensor: a byte that is 0 or 1.
struct Bool {
  std::uint8_t value;
};

template <class To, class From>
To converted(From x) {
  if constexpr (std::is_same_v<To, Bool>) {
    if constexpr (std::is_same_v<From, Bool>) {
      return Bool{static_cast<std::uint8_t>(x.value != 0)};
    } else {
      return Bool{static_cast<std::uint8_t>(x != From(0))};
    }
  } else if constexpr (std::is_same_v<From, Bool>) {
    return static_cast<To>(x.value != 0 ? 1 : 0);
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    // 2^bits of the range is exact in both floating types, its largest integer may not be.
    constexpr int bits = std::numeric_limits<To>::digits;
    constexpr From above = bits == 63 ? From(0x1p63) : static_cast<From>(std::uint64_t{1} << bits);
    constexpr From lowest = std::is_signed_v<To> ? -above : From(0);
    if (x >= above) return std::numeric_limits<To>::max();
    if (x <= lowest) return std::numeric_limits<To>::min();
    return x == x ? static_cast<To>(x) : To(0);
  } else {
    return static_cast<To>(x);
  }
}

template <class From, class To>
void convert_range(std::int64_t n, const void* const* p, const std::int64_t* steps, void* out) {
  const auto* const x = static_cast<const From*>(p[0]);
  auto* const to = static_cast<To*>(out);
  if (steps[0] == 1) {
    for (std::int64_t i = 0; i < n; ++i) to[i] = converted<To>(x[i]);
  } else {
    const To same = converted<To>(*x);
    for (std::int64_t i = 0; i < n; ++i) to[i] = same;
  }
}

using Kernel = void (*)(std::int64_t, const void* const*, const std::int64_t*, void*);

template <class From>
Kernel to_type(TensorType to) {
  constexpr Kernel table[kTensorTypes] = {
      convert_range<From, Bool>,         convert_range<From, std::uint8_t>, convert_range<From, std::int32_t>,
      convert_range<From, std::int64_t>, convert_range<From, float>,        convert_range<From, double>};
  return table[static_cast<int>(to)];
}

Kernel kernel_of(TensorType from, TensorType to) {
  switch (from) {
    case TensorType::boolean:
      return to_type<Bool>(to);
    case TensorType::uint8:
      return to_type<std::uint8_t>(to);
    case TensorType::int32:
      return to_type<std::int32_t>(to);
    case TensorType::int64:
      return to_type<std::int64_t>(to);
    case TensorType::float32:
      return to_type<float>(to);
    default:
      return to_type<double>(to);
  }
}

template <class Word>
void copy_range(std::int64_t n, const void* const* p, const std::int64_t* steps, void* out) {
  const auto* const x = static_cast<const Word*>(p[0]);
  auto* const to = static_cast<Word*>(out);
  if (steps[0] == 1) {
    std::memcpy(to, x, static_cast<std::size_t>(n) * sizeof(Word));
  } else {
    std::fill_n(to, n, *x);
  }
}

}  // namespace

void array_convert(const ConvertArguments& a) {
  const Loop<1> loop(a.rank, a.shape, {&a.x});
  const std::size_t from = size_of(a.from), to = size_of(a.to);
  Kernel kernel = kernel_of(tensor_type(a.from), tensor_type(a.to));
  if (a.from == a.to) {
    kernel = from == 1   ? copy_range<std::uint8_t>
             : from == 4 ? copy_range<std::uint32_t>
                         : copy_range<std::uint64_t>;
  }
  if (a.from == a.to && loop.rank > 1 && loop.size > 0 && !loop.plain_inner()) {
    // Straight into the result, without a block in between.
    const std::int64_t pieces = (loop.size + kPieceElements - 1) / kPieceElements;
    threads::parallel_for(
        pieces,
        [&](std::int64_t i) {
          const std::int64_t begin = i * kPieceElements;
          detail::gather_range(loop.shape, loop.strides[0], loop.rank, from, a.x.data, begin,
                               std::min(kPieceElements, loop.size - begin),
                               static_cast<std::byte*>(a.out) + begin * static_cast<std::int64_t>(from));
        },
        threads::worthwhile(static_cast<double>(loop.size), pieces));
    return;
  }
  for_each_range<1>(loop, {a.x.data}, {from}, a.out, to, 0.03 * static_cast<double>(from + to), kernel);
}

namespace {

template <class Word>
void write_words(const Loop<2>& loop, const Word* x, Word* out) {
  const std::int64_t inner = loop.inner(), rows = loop.size / inner;
  const std::int64_t from_step = loop.inner_stride(0), to_step = loop.inner_stride(1);
  const std::int64_t per_task = std::max<std::int64_t>(1, kPieceElements / inner);
  const std::int64_t tasks = (rows + per_task - 1) / per_task;
  threads::parallel_for(
      tasks,
      [&](std::int64_t task) {
        const std::int64_t end = std::min(rows, (task + 1) * per_task);
        for (std::int64_t row = task * per_task; row < end; ++row) {
          const Word* const from = x + loop.place(0, row * inner);
          Word* const to = out + loop.place(1, row * inner);
          if (from_step == 1 && to_step == 1) {
            std::memcpy(to, from, static_cast<std::size_t>(inner) * sizeof(Word));
          } else {
            for (std::int64_t i = 0; i < inner; ++i) to[i * to_step] = from[i * from_step];
          }
        }
      },
      threads::worthwhile(0.5 * static_cast<double>(loop.size), tasks));
}

}  // namespace

void array_write(const WriteArguments& a) {
  const ArrayOperand out{a.out, a.out_strides};
  const Loop<2> loop(a.rank, a.shape, {&a.x, &out});
  if (loop.size == 0) return;
  switch (size_of(a.type)) {
    case 1:
      return write_words(loop, static_cast<const std::uint8_t*>(a.x.data), static_cast<std::uint8_t*>(a.out));
    case 4:
      return write_words(loop, static_cast<const std::uint32_t*>(a.x.data),
                         static_cast<std::uint32_t*>(a.out));
    default:
      return write_words(loop, static_cast<const std::uint64_t*>(a.x.data),
                         static_cast<std::uint64_t*>(a.out));
  }
}

}  // namespace lamina::cpu
