#include "core/error.h"
#include "cpu/array/array.h"
#include "cpu/array/iterate.h"
#include "cpu/array/remainder.h"
#include "cpu/dispatch.h"

namespace lamina::cpu {

TensorType tensor_type(ElementType type) {
  switch (type) {
    case ElementType::boolean:
      return TensorType::boolean;
    case ElementType::uint8:
      return TensorType::uint8;
    case ElementType::int32:
      return TensorType::int32;
    case ElementType::int64:
      return TensorType::int64;
    case ElementType::float32:
      return TensorType::float32;
    case ElementType::float64:
      return TensorType::float64;
    default:
      throw TypeError(text("[tensor] there are bool, uint8, int32, int64, float32 and float64. Received: ",
                           name_of(type)));
  }
}

namespace {

/// floor_divide and mod of floating-point numbers: the same code for every instruction set.
template <class T, T (*formula)(T, T)>
void plain_pairs(std::int64_t n, const void* x, std::int64_t x_step, const void* y, std::int64_t y_step,
                 void* out) {
  const T* const a = static_cast<const T*>(x);
  const T* const b = static_cast<const T*>(y);
  T* const to = static_cast<T*>(out);
  for (std::int64_t i = 0; i < n; ++i) to[i] = formula(a[i * x_step], b[i * y_step]);
}

BinaryKernel binary_kernel(BinaryKind kind, ElementType type) {
  if (kind == BinaryKind::floor_divide || kind == BinaryKind::mod) {
    const bool divide = kind == BinaryKind::floor_divide;
    if (type == ElementType::float32) {
      return divide ? plain_pairs<float, floor_divide<float>> : plain_pairs<float, floor_mod<float>>;
    }
    if (type == ElementType::float64) {
      return divide ? plain_pairs<double, floor_divide<double>> : plain_pairs<double, floor_mod<double>>;
    }
  }
  return kernels().binary->of[static_cast<int>(kind)][static_cast<int>(tensor_type(type))];
}

UnaryKernel unary_kernel(UnaryKind kind, ElementType type) {
  return kernels().unary->of[static_cast<int>(kind)][static_cast<int>(tensor_type(type))];
}

/// About the nanoseconds of an element.
double cost_of(UnaryKind kind, std::size_t bytes) {
  return (kind <= UnaryKind::reciprocal || kind >= UnaryKind::floor ? 0.02 : 0.2) *
         static_cast<double>(bytes);
}
double cost_of(BinaryKind kind, std::size_t bytes) {
  switch (kind) {
    case BinaryKind::power:
    case BinaryKind::arctan2:
      return 0.6 * static_cast<double>(bytes);
    case BinaryKind::floor_divide:
    case BinaryKind::mod:
      return 2.0 * static_cast<double>(bytes);
    default:
      return 0.04 * static_cast<double>(bytes);
  }
}

}  // namespace

bool has_unary(UnaryKind kind, ElementType type) { return unary_kernel(kind, type) != nullptr; }
bool has_binary(BinaryKind kind, ElementType type) { return binary_kernel(kind, type) != nullptr; }

void array_unary(const UnaryArguments& a) {
  const UnaryKernel kernel = unary_kernel(a.kind, a.type);
  const Loop<1> loop(a.rank, a.shape, {&a.x});
  const std::size_t bytes = size_of(a.type);
  for_each_range<1>(loop, {a.x.data}, {bytes}, a.out, is_predicate(a.kind) ? 1 : bytes,
                    cost_of(a.kind, bytes),
                    [&](std::int64_t n, const void* const* x, const std::int64_t* steps, void* out) {
                      if (n > 1 && steps[0] == 0) {  // one element for all of them
                        const std::size_t width = is_predicate(a.kind) ? 1 : bytes;
                        kernel(1, x[0], out);
                        auto* const to = static_cast<std::byte*>(out);
                        for (std::int64_t i = 1; i < n; ++i) {
                          std::memcpy(to + static_cast<std::size_t>(i) * width, to, width);
                        }
                        return;
                      }
                      kernel(n, x[0], out);
                    });
}

void array_binary(const BinaryArguments& a) {
  const BinaryKernel kernel = binary_kernel(a.kind, a.type);
  const Loop<2> loop(a.rank, a.shape, {&a.x, &a.y});
  const std::size_t bytes = size_of(a.type);
  for_each_range<2>(loop, {a.x.data, a.y.data}, {bytes, bytes}, a.out, is_comparison(a.kind) ? 1 : bytes,
                    cost_of(a.kind, bytes),
                    [kernel](std::int64_t n, const void* const* p, const std::int64_t* steps, void* out) {
                      kernel(n, p[0], steps[0], p[1], steps[1], out);
                    });
}

namespace {

template <class Word>
void select_range(std::int64_t n, const void* const* p, const std::int64_t* steps, void* out) {
  const auto* const condition = static_cast<const std::uint8_t*>(p[0]);
  const auto* const x = static_cast<const Word*>(p[1]);
  const auto* const y = static_cast<const Word*>(p[2]);
  auto* const to = static_cast<Word*>(out);
  if (steps[0] == 1 && steps[1] == 1 && steps[2] == 1) {
    for (std::int64_t i = 0; i < n; ++i) to[i] = condition[i] != 0 ? x[i] : y[i];
    return;
  }
  for (std::int64_t i = 0; i < n; ++i) {
    to[i] = condition[i * steps[0]] != 0 ? x[i * steps[1]] : y[i * steps[2]];
  }
}

}  // namespace

void array_select(const SelectArguments& a) {
  const Loop<3> loop(a.rank, a.shape, {&a.condition, &a.x, &a.y});
  const std::size_t bytes = size_of(a.type);
  const auto kernel = bytes == 1   ? select_range<std::uint8_t>
                      : bytes == 4 ? select_range<std::uint32_t>
                                   : select_range<std::uint64_t>;
  for_each_range<3>(loop, {a.condition.data, a.x.data, a.y.data}, {1, bytes, bytes}, a.out, bytes,
                    0.06 * static_cast<double>(bytes), kernel);
}

}  // namespace lamina::cpu
