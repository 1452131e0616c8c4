#include "ops/creation.h"

#include <cstring>

#include "core/float_environment.h"
#include "device/device.h"
#include "numerics/scalar.h"
#include "ops/broadcast.h"
#include "ops/elementwise.h"

namespace lamina::ops {

namespace {

template <class T, class Value>
Tensor filled(ElementType type, std::int64_t count, const Value& value) {
  Tensor out = empty(type, {count});
  T* const to = out.data<T>();
  for (std::int64_t i = 0; i < count; ++i) to[i] = static_cast<T>(value(i));
  return out;
}

std::int64_t checked_count(std::int64_t count) { return count < 0 ? 0 : count; }

}  // namespace

Tensor scalar(ElementType type, double value) {
  Tensor out = empty(type, {});
  switch (type) {
    case ElementType::float32:
      *out.data<float>() = static_cast<float>(value);
      return out;
    case ElementType::float64:
      *out.data<double>() = value;
      return out;
    default: {
      Tensor wide = empty(ElementType::float64, {});
      *wide.data<double>() = value;
      return cast(wide, type);
    }
  }
}

Tensor scalar_integer(ElementType type, std::int64_t value) {
  Tensor wide = empty(ElementType::int64, {});
  *wide.data<std::int64_t>() = value;
  return cast(wide, type);
}

Tensor full_of(ElementType type, const ArrayShape& shape, const Tensor& value) {
  Tensor out = empty(type, shape);
  const ArrayShape strides = broadcast_strides(value, shape);
  current_device().convert(
      {value.type(), type, shape.rank(), shape.begin(), operand(value, strides), out.raw()});
  return out;
}
Tensor full(ElementType type, const ArrayShape& shape, double value) {
  return full_of(type, shape, scalar(type, value));
}

Tensor zeros(ElementType type, const ArrayShape& shape) {
  Tensor out = empty(type, shape);
  current_device().fill_zero(out.raw(), static_cast<std::size_t>(out.size()) * size_of(type));
  return out;
}

Tensor arange(ElementType type, double start, double step, std::int64_t count) {
  const FloatEnvironment environment;
  const auto value = [=](std::int64_t i) {
    return numerics::builtin::fused(static_cast<double>(i), step, start);
  };
  if (type == ElementType::float32) return filled<float>(type, checked_count(count), value);
  return cast(filled<double>(ElementType::float64, checked_count(count), value), type);
}

Tensor arange_integer(ElementType type, std::int64_t start, std::int64_t step, std::int64_t count) {
  return cast(filled<std::int64_t>(ElementType::int64, checked_count(count),
                                   [=](std::int64_t i) {
                                     return static_cast<std::int64_t>(static_cast<std::uint64_t>(start) +
                                                                      static_cast<std::uint64_t>(i) *
                                                                          static_cast<std::uint64_t>(step));
                                   }),
              type);
}

Tensor linspace(ElementType type, double start, double stop, std::int64_t count, bool endpoint) {
  const FloatEnvironment environment;
  const std::int64_t parts = endpoint ? count - 1 : count;
  const double distance = stop - start, share = static_cast<double>(parts > 0 ? parts : 1);
  const double step = parts > 0 ? distance / share : 0.0;
  // Multiplied and added in two roundings, as NumPy does it: the middle of a symmetric range is 0 then. A
  // step that is below the least number is not made.
  const bool has_step = step != 0.0 || distance == 0.0;
  const auto value = [=](std::int64_t i) {
    if (endpoint && i == count - 1 && count > 1) return stop;
    const double at = static_cast<double>(i);
    return (has_step ? at * step : at / share * distance) + start;
  };
  return cast(filled<double>(ElementType::float64, checked_count(count), value), type);
}

Tensor eye(ElementType type, std::int64_t rows, std::int64_t columns, std::int64_t k) {
  Tensor out = zeros(type, {rows, columns});
  const std::size_t bytes = size_of(type);
  const Tensor one = scalar(type, 1.0);
  for (std::int64_t i = 0; i < rows; ++i) {
    // j = i + k, without overflow for any k.
    if (k < -i || k >= columns - i) continue;
    std::memcpy(out.data<std::byte>() + static_cast<std::size_t>(i * columns + i + k) * bytes, one.raw(),
                bytes);
  }
  return out;
}

}  // namespace lamina::ops
