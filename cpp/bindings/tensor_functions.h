// The functions of tensors that Python sees: `_core.ops`, and behind the operators of Tensor.
#pragma once

#include <pybind11/pybind11.h>

#include "core/tensor.h"
#include "ops/indexing.h"

namespace lamina::bindings {

namespace py = pybind11;

using UnaryFunction = Tensor(const Tensor&);
using BinaryFunction = Tensor(const Tensor&, const Tensor&);

/// What the operators of Tensor call.
struct Operators {
  BinaryFunction *add, *subtract, *multiply, *divide, *floor_divide, *mod, *power, *matmul;
  BinaryFunction *bitwise_and, *bitwise_or, *bitwise_xor, *left_shift, *right_shift;
  BinaryFunction *equal, *not_equal, *less, *less_equal, *greater, *greater_equal;
  UnaryFunction *negative, *positive, *absolute, *invert;
  Tensor (*swapaxes)(const Tensor&, std::int64_t, std::int64_t);
  // x[index]: first a view, then the axes that integer tensors stand for in front, then those.
  Tensor (*slice)(const Tensor&, const ops::IndexItems&);
  Tensor (*permute)(const Tensor&, const ArrayShape&);
  Tensor (*gather)(const Tensor&, const ops::Positions&);
};
extern const Operators operators;

/// The dtype object of a type, a new reference.
PyObject* dtype_object(ElementType type);

void init_tensor_functions(py::module_& m);

}  // namespace lamina::bindings
