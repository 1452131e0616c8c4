// Arrays on this processor: element by element over strided operands, and reductions. The order of
// a reduction's operations is that of docs/numerics.md, section 7, for sums; products, largest and
// smallest use the same chains, lanes and trees with their own operation.
#pragma once

#include "cpu/array/kernels.h"
#include "device/array.h"

namespace lamina::cpu {

/// The place of a tensor's element type in the tables.
TensorType tensor_type(ElementType type);

/// Whether the function is defined for the type.
bool has_unary(UnaryKind kind, ElementType type);
bool has_binary(BinaryKind kind, ElementType type);

void array_unary(const UnaryArguments&);
void array_binary(const BinaryArguments&);
void array_select(const SelectArguments&);
void array_convert(const ConvertArguments&);
void array_write(const WriteArguments&);
void array_reduce(const ReduceArguments&);
void array_cumulative(const CumulativeArguments&);
void array_argsort(const ArgsortArguments&);
void array_gather(const GatherArguments&);
void array_scatter(const ScatterArguments&);

}  // namespace lamina::cpu
