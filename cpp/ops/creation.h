// Tensors from nothing.
#pragma once

#include "core/tensor.h"

namespace lamina::ops {

/// One element without axes; rounded once to the type (integers: towards zero).
Tensor scalar(ElementType type, double value);
Tensor scalar_integer(ElementType type, std::int64_t value);
/// All elements `value` (a tensor without axes), which is converted to the type.
Tensor full_of(ElementType type, const ArrayShape& shape, const Tensor& value);
Tensor full(ElementType type, const ArrayShape& shape, double value);
Tensor zeros(ElementType type, const ArrayShape& shape);
inline Tensor ones(ElementType type, const ArrayShape& shape) { return full(type, shape, 1.0); }

/// start, start + step, ... `count` of them: start + i * step, rounded once (an fma) in double, then to
/// the type.
Tensor arange(ElementType type, double start, double step, std::int64_t count);
Tensor arange_integer(ElementType type, std::int64_t start, std::int64_t step, std::int64_t count);
/// `count` numbers from start to stop, both exactly; without `endpoint` the last one is left out. Number i is
/// (i * step) + start with step = (stop - start) / parts, each rounded in double, then to the type, as
/// NumPy's.
Tensor linspace(ElementType type, double start, double stop, std::int64_t count, bool endpoint);
/// Ones on diagonal k of [rows, columns].
Tensor eye(ElementType type, std::int64_t rows, std::int64_t columns, std::int64_t k);

}  // namespace lamina::ops
