// Element-wise functions over strided operands, one operation after the other, each rounded, so that plain
// loops give the same bits on every machine. maximum and minimum are those of numerics/array_functions.h: NaN
// where one is NaN, and of two zeros the second.
#pragma once

#include "device/strided.h"

namespace lamina::cpu {

void strided(const StridedArguments&);

}  // namespace lamina::cpu
