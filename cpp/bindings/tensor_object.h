// lamina.Tensor: a Python type of its own rather than pybind11's, since a small operation takes
// less time than pybind11's search for an overload would.
#pragma once

#include <pybind11/pybind11.h>

#include "core/tensor.h"
#include "device/array_kinds.h"

namespace lamina::bindings {

namespace py = pybind11;

struct TensorObject {
  PyObject_HEAD Tensor tensor;
  PyObject* weak_references;
};

/// The type; null before init_tensor.
extern PyTypeObject* tensor_class;

inline bool is_tensor(PyObject* object) {
  return Py_TYPE(object) == tensor_class || PyObject_TypeCheck(object, tensor_class) != 0;
}
inline const Tensor& tensor_in(PyObject* object) { return reinterpret_cast<TensorObject*>(object)->tensor; }

/// A new reference; null with an exception set when there is no memory.
PyObject* wrap(Tensor tensor);

/// Turns the exception that is being handled into Python's.
void set_python_error() noexcept;

/// `object` as a tensor: a Tensor, an object with a method __lamina_tensor__ (a Variable), a number,
/// an array (without a copy where possible) or what NumPy makes one of. Throws.
Tensor to_tensor(PyObject* object);
/// The same for the other operand of `partner`: a Python number takes the partner's type as far as
/// its kind allows. OverflowError for an integer that the type cannot hold.
Tensor to_operand(PyObject* object, const Tensor& partner);
/// Both operands, of which one may be a Python number.
struct Operands {
  Tensor first, second;
};
Operands to_operands(PyObject* first, PyObject* second);
/// Whether to_operand can make a tensor of it without NumPy's help: what operators accept.
bool is_operand(PyObject* object);

/// A tensor over an array's memory, which it keeps alive; a copy where strides, alignment or byte
/// order forbid that. TypeError for element types that tensors do not have.
Tensor from_array(PyObject* array);
/// A NumPy array over the tensor's memory; it can be written to only if that came from outside.
py::object to_array(PyObject* tensor);
/// The shape as a tuple, a new reference.
PyObject* shape_tuple(const ArrayShape& extents);
/// Integers, or one integer, as a shape. TypeError names `where`.
ArrayShape to_shape(PyObject* object, const char* where);
/// The element type that a dtype argument names: a string, lamina's, NumPy's or Python's type.
ElementType to_element_type(PyObject* object);

/// x[index], with the functions of `operators`.
Tensor get_item(const Tensor& x, PyObject* index);
/// A copy of x with x[index] set to, or joined with, `updates`. Without gradients.
Tensor set_item(const Tensor& x, PyObject* index, const Tensor& updates, ScatterKind kind);

}  // namespace lamina::bindings

namespace pybind11::detail {

/// Functions bound with pybind11 take and return tensors.
template <>
struct type_caster<lamina::Tensor> {
  PYBIND11_TYPE_CASTER(lamina::Tensor, const_name("Tensor"));
  bool load(handle source, bool convert) {
    if (lamina::bindings::is_tensor(source.ptr())) {
      value = lamina::bindings::tensor_in(source.ptr());
      return true;
    }
    if (!convert) return false;
    value = lamina::bindings::to_tensor(source.ptr());
    return true;
  }
  static handle cast(const lamina::Tensor& tensor, return_value_policy, handle) {
    return lamina::bindings::wrap(tensor);
  }
};

}  // namespace pybind11::detail
