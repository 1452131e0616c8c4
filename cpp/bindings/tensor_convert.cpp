// Python objects to tensors and back.
#include <pybind11/numpy.h>

#include <cstring>

#include "bindings/arrays.h"
#include "bindings/tensor_object.h"
#include "ops/ops.h"

namespace lamina::bindings {

namespace {

PyObject* tensor_method() {
  static PyObject* const name = PyUnicode_InternFromString("__lamina_tensor__");
  return name;
}

/// Called when the last tensor that shares a Python object's memory is gone, in any thread.
void drop_reference(void* object) noexcept {
  if (Py_IsInitialized() == 0) return;
#if PY_VERSION_HEX >= 0x030d0000
  if (Py_IsFinalizing() != 0) return;
#else
  if (_Py_IsFinalizing() != 0) return;
#endif
  const PyGILState_STATE state = PyGILState_Ensure();
  Py_DECREF(static_cast<PyObject*>(object));
  PyGILState_Release(state);
}

[[noreturn]] void raise() { throw py::error_already_set(); }

/// Whether it is one of Python's own numbers (not a subclass, but for bool): those take the type of
/// what they meet.
enum class Number { none, boolean, integer, real };
Number number_kind(PyObject* object) {
  if (PyFloat_CheckExact(object)) return Number::real;
  if (PyLong_CheckExact(object)) return Number::integer;
  if (PyBool_Check(object)) return Number::boolean;
  return Number::none;
}

std::int64_t integer_value(PyObject* object, ElementType type) {
  int overflow = 0;
  const long long value = PyLong_AsLongLongAndOverflow(object, &overflow);
  if (value == -1 && overflow == 0 && PyErr_Occurred() != nullptr) raise();
  const bool fits =
      overflow == 0 && (type == ElementType::int64 ||
                        (type == ElementType::int32 && value >= INT32_MIN && value <= INT32_MAX) ||
                        (type == ElementType::uint8 && value >= 0 && value <= 255));
  if (!fits) {
    PyErr_Format(PyExc_OverflowError, "[tensor] the Python integer %R is out of bounds for %s", object,
                 std::string(name_of(type)).c_str());
    raise();
  }
  return value;
}

double real_value(PyObject* object) {
  const double value = PyFloat_AsDouble(object);
  if (value == -1.0 && PyErr_Occurred() != nullptr) raise();
  return value;
}

/// A Python number as `type`, which its kind allows.
Tensor number(PyObject* object, Number kind, ElementType type) {
  if (ops::is_floating(type)) {
    return ops::scalar(type, kind == Number::boolean ? (object == Py_True ? 1.0 : 0.0) : real_value(object));
  }
  if (kind == Number::boolean) return ops::scalar_integer(type, object == Py_True ? 1 : 0);
  return ops::scalar_integer(type, integer_value(object, type));
}

ElementType own_type(Number kind) {
  if (kind == Number::real) return ops::default_float();
  return kind == Number::integer ? ElementType::int64 : ElementType::boolean;
}

/// The type that a Python number takes beside a tensor of `partner`.
ElementType type_beside(Number kind, ElementType partner) {
  if (kind == Number::real) return ops::floating(partner);
  if (kind == Number::integer) return ops::is_bool(partner) ? ElementType::int64 : partner;
  return partner;
}

/// The tensor inside of a Variable, or nothing.
Tensor inner_tensor(PyObject* object) {
  PyObject* const method = PyObject_GetAttr(reinterpret_cast<PyObject*>(Py_TYPE(object)), tensor_method());
  if (method == nullptr) {
    PyErr_Clear();
    return {};
  }
  PyObject* const result = PyObject_CallOneArg(method, object);
  Py_DECREF(method);
  if (result == nullptr) raise();
  const py::object kept = py::reinterpret_steal<py::object>(result);
  if (!is_tensor(result)) throw TypeError("[tensor] __lamina_tensor__ must return a lamina.Tensor");
  return tensor_in(result);
}

bool is_numpy_scalar(PyObject* object) {
  static PyObject* const generic = py::object(py::module_::import("numpy").attr("generic"))
                                       .release()
                                       .ptr();  // NOLINT: for the process's life
  return PyObject_TypeCheck(object, reinterpret_cast<PyTypeObject*>(generic)) != 0;
}

bool is_array(PyObject* object) {
  return PyObject_TypeCheck(object, py::detail::npy_api::get().PyArray_Type_) != 0;
}

}  // namespace

Tensor from_array(PyObject* object) {
  py::array array = py::reinterpret_borrow<py::array>(object);
  const ElementType type = array_element_type(array);
  ops::check_tensor_type(type);
  const auto bytes = static_cast<std::int64_t>(size_of(type));
  bool shared =
      array.ndim() <= kMaximumRank && reinterpret_cast<std::uintptr_t>(array.data()) % size_of(type) == 0;
  ArrayShape shape, strides;
  for (py::ssize_t axis = 0; axis < array.ndim(); ++axis) {
    shape.push_back(array.shape(axis));
    shared = shared && array.strides(axis) % bytes == 0;
    strides.push_back(array.strides(axis) / bytes);
  }
  if (!shared) {
    array = py::reinterpret_steal<py::array>(PyObject_CallMethod(object, "copy", nullptr));
    if (!array) raise();
    return from_array(array.ptr());
  }
  // The storage covers what the strides reach; its start is the first byte of that.
  std::int64_t lowest = 0, highest = 0;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const std::int64_t reach = shape[axis] > 0 ? (shape[axis] - 1) * strides[axis] : 0;
    (reach < 0 ? lowest : highest) += reach;
  }
  const bool empty = array.size() == 0;
  if (empty) lowest = highest = 0;
  auto* const data = static_cast<std::byte*>(const_cast<void*>(array.data())) + lowest * bytes;
  const auto size = static_cast<std::size_t>(empty ? 0 : (highest - lowest + 1) * bytes);
  Storage* const storage = Storage::borrow(data, size, &ops::current_device(), array.writeable(),
                                           drop_reference, array.inc_ref().ptr());
  return Tensor(type, shape, strides, -lowest, storage);
}

Tensor to_tensor(PyObject* object) {
  if (is_tensor(object)) return tensor_in(object);
  if (const Number kind = number_kind(object); kind != Number::none)
    return number(object, kind, own_type(kind));
  if (is_array(object)) return from_array(object);
  if (Tensor inner = inner_tensor(object); inner.defined()) return inner;
  py::object array = py::reinterpret_steal<py::object>(py::detail::npy_api::get().PyArray_FromAny_(
      object, nullptr, 0, 0, py::detail::npy_api::NPY_ARRAY_ALIGNED_, nullptr));
  if (!array) {
    PyErr_Clear();
    throw TypeError(text("[tensor] a tensor, an array or numbers are needed. Received: ",
                         std::string(py::str(py::type::of(py::handle(object)).attr("__name__")))));
  }
  // What holds Python's own floats comes as float64; it becomes the default type.
  const bool own = PyList_Check(object) || PyTuple_Check(object);
  Tensor result = from_array(array.ptr());
  if (own && result.type() == ElementType::float64) return ops::cast(result, ops::default_float());
  return result;
}

Tensor to_operand(PyObject* object, const Tensor& partner) {
  const Number kind = number_kind(object);
  if (kind == Number::none) return to_tensor(object);
  return number(object, kind, type_beside(kind, partner.type()));
}

Operands to_operands(PyObject* first, PyObject* second) {
  if (number_kind(first) == Number::none) {
    Tensor x = to_tensor(first);
    Tensor y = to_operand(second, x);
    return {std::move(x), std::move(y)};
  }
  Tensor y = to_tensor(second);
  Tensor x = to_operand(first, y);
  return {std::move(x), std::move(y)};
}

bool is_operand(PyObject* object) {
  if (is_tensor(object) || number_kind(object) != Number::none || is_array(object)) return true;
  if (PyList_Check(object) || PyTuple_Check(object)) return true;
  if (is_numpy_scalar(object)) return true;
  return PyObject_HasAttr(reinterpret_cast<PyObject*>(Py_TYPE(object)), tensor_method()) != 0;
}

py::object to_array(PyObject* object) {
  const Tensor& tensor = tensor_in(object);
  static const int types[] = {
      py::detail::npy_api::NPY_BOOL_,   py::detail::npy_api::NPY_BYTE_,   py::detail::npy_api::NPY_UBYTE_,
      py::detail::npy_api::NPY_SHORT_,  py::detail::npy_api::NPY_USHORT_, py::detail::npy_api::NPY_INT32_,
      py::detail::npy_api::NPY_UINT32_, py::detail::npy_api::NPY_INT64_,  py::detail::npy_api::NPY_UINT64_,
      py::detail::npy_api::NPY_FLOAT_,  py::detail::npy_api::NPY_DOUBLE_};
  const auto& numpy = py::detail::npy_api::get();
  Py_intptr_t extents[kMaximumRank], strides[kMaximumRank];
  const auto bytes = static_cast<Py_intptr_t>(size_of(tensor.type()));
  for (int axis = 0; axis < tensor.rank(); ++axis) {
    extents[axis] = tensor.extent(axis);
    strides[axis] = tensor.strides()[axis] * bytes;
  }
  PyObject* const descriptor = numpy.PyArray_DescrFromType_(types[static_cast<int>(tensor.type())]);
  const bool writeable = !tensor.storage().owned() && tensor.storage().writeable();
  PyObject* const array = numpy.PyArray_NewFromDescr_(
      numpy.PyArray_Type_, descriptor, tensor.rank(), extents, strides, tensor.raw(),
      writeable ? py::detail::npy_api::NPY_ARRAY_WRITEABLE_ : 0, nullptr);
  if (array == nullptr) raise();
  const py::object result = py::reinterpret_steal<py::object>(array);
  // The array keeps the memory, not the tensor: what a tape has linked to the tensor may go.
  PyObject* const base = wrap(tensor.grad_link() == nullptr ? tensor : tensor.alias());
  if (base == nullptr) raise();
  if (numpy.PyArray_SetBaseObject_(array, base) != 0) raise();
  return result;
}

PyObject* shape_tuple(const ArrayShape& extents) {
  PyObject* const tuple = PyTuple_New(extents.rank());
  for (int axis = 0; tuple != nullptr && axis < extents.rank(); ++axis) {
    PyTuple_SET_ITEM(tuple, axis, PyLong_FromLongLong(extents[axis]));
  }
  return tuple;
}

ArrayShape to_shape(PyObject* object, const char* where) {
  ArrayShape shape;
  const auto add = [&](PyObject* item) {
    PyObject* const index = PyNumber_Index(item);
    if (index == nullptr) {
      PyErr_Clear();
      throw TypeError(text("[", where, "] integers are needed. Received: ", std::string(py::repr(object))));
    }
    const long long value = PyLong_AsLongLong(index);
    Py_DECREF(index);
    if (value == -1 && PyErr_Occurred() != nullptr) raise();
    shape.push_back(value);
  };
  if (PyLong_Check(object)) {
    add(object);
    return shape;
  }
  if (PyIndex_Check(object) != 0 && !is_tensor(object) && !is_array(object)) {
    add(object);
    return shape;
  }
  PyObject* const items = PySequence_Fast(object, "not a sequence");
  if (items == nullptr) {
    PyErr_Clear();
    throw TypeError(text("[", where, "] an integer or a sequence of integers is needed. Received: ",
                         std::string(py::repr(object))));
  }
  const py::object kept = py::reinterpret_steal<py::object>(items);
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items); ++i) add(PySequence_Fast_GET_ITEM(items, i));
  return shape;
}

ElementType to_element_type(PyObject* object) {
  if (PyUnicode_Check(object)) {
    Py_ssize_t length = 0;
    const char* const name = PyUnicode_AsUTF8AndSize(object, &length);
    if (name == nullptr) raise();
    const std::string_view view(name, static_cast<std::size_t>(length));
    if (view == "float") return ops::default_float();
    if (view == "int") return ElementType::int64;
    return ops::element_type_from_name(view);
  }
  if (object == reinterpret_cast<PyObject*>(&PyFloat_Type)) return ops::default_float();
  if (object == reinterpret_cast<PyObject*>(&PyLong_Type)) return ElementType::int64;
  if (object == reinterpret_cast<PyObject*>(&PyBool_Type)) return ElementType::boolean;
  const py::dtype dtype = py::dtype::from_args(py::reinterpret_borrow<py::object>(object));
  return ops::element_type_from_name(std::string(py::str(dtype.attr("name"))));
}

}  // namespace lamina::bindings
