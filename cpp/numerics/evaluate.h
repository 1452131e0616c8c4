// Elementary functions by name over arrays: for tests and learning-rate schedules, not for
// hot paths.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/types.h"

namespace lamina::numerics {

/// out[i] = name(arguments[0][i], ...) in `dtype`, with the one-lane policy. ValueError for
/// a name that is not exp, expm1, log, log1p, tanh, sigmoid, softplus, erf, sin, cos, sinpi,
/// cospi, sqrt (one argument) or pow (two), or for another number of arguments.
void evaluate(std::string_view name, DType dtype, std::int64_t n, const std::vector<const void*>& arguments,
              void* out);

}  // namespace lamina::numerics
