// lamina.Tensor: the Python type, its operators, attributes and conversions.
#include <pybind11/numpy.h>
#include <structmember.h>

#include <cstring>
#include <new>

#include "bindings/module.h"
#include "bindings/tensor_arguments.h"
#include "bindings/tensor_dlpack.h"
#include "bindings/tensor_functions.h"
#include "bindings/tensor_object.h"
#include "ops/ops.h"

namespace lamina::bindings {

PyTypeObject* tensor_class = nullptr;

PyObject* wrap(Tensor tensor) {
  PyObject* const object = tensor_class->tp_alloc(tensor_class, 0);
  if (object == nullptr) return nullptr;
  new (&reinterpret_cast<TensorObject*>(object)->tensor) Tensor(std::move(tensor));
  reinterpret_cast<TensorObject*>(object)->weak_references = nullptr;
  return object;
}

namespace {
PyObject* axis_error = nullptr;  // NumPy's, for the process's life
}

void set_python_error() noexcept {
  try {
    throw;
  } catch (py::error_already_set& error) {
    error.restore();
  } catch (const FileError& error) {
    PyErr_SetString(PyExc_OSError, error.what());
  } catch (const NotFiniteError& error) {
    PyErr_SetString(PyExc_FloatingPointError, error.what());
  } catch (const StateError& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  } catch (const TypeError& error) {
    PyErr_SetString(PyExc_TypeError, error.what());
  } catch (const ops::IndexOutOfRange& error) {
    PyErr_SetString(PyExc_IndexError, error.what());
  } catch (const ops::AxisError& error) {
    PyErr_SetString(axis_error, error.what());
  } catch (const ValueError& error) {
    PyErr_SetString(PyExc_ValueError, error.what());
  } catch (const py::index_error& error) {
    PyErr_SetString(PyExc_IndexError, error.what());
  } catch (const std::bad_alloc& error) {
    PyErr_SetString(PyExc_MemoryError, error.what());
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
}

namespace {

template <class Body>
PyObject* guarded(const Body& body) {
  try {
    return body();
  } catch (...) {
    set_python_error();
    return nullptr;
  }
}

void destroy(PyObject* self) {
  auto* const object = reinterpret_cast<TensorObject*>(self);
  if (object->weak_references != nullptr) PyObject_ClearWeakRefs(self);
  object->tensor.~Tensor();
  PyTypeObject* const type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

PyObject* not_implemented() {
  Py_INCREF(Py_NotImplemented);
  return Py_NotImplemented;
}

/// An operator's function, looked up in the table of functions so that gradients are recorded.
template <BinaryFunction* Operators::* function>
PyObject* binary_operator(PyObject* a, PyObject* b) {
  if (!is_operand(a) || !is_operand(b)) return not_implemented();
  return guarded([&] {
    const Operands operands = to_operands(a, b);
    return wrap(run_tensor(operands.first.size() + operands.second.size(),
                           [&] { return (operators.*function)(operands.first, operands.second); }));
  });
}
template <UnaryFunction* Operators::* function>
PyObject* unary_operator(PyObject* x) {
  return guarded([&] {
    const Tensor& tensor = tensor_in(x);
    return wrap(run_tensor(tensor.size(), [&] { return (operators.*function)(tensor); }));
  });
}
PyObject* power_operator(PyObject* a, PyObject* b, PyObject* modulus) {
  if (modulus != Py_None) return not_implemented();
  return binary_operator<&Operators::power>(a, b);
}

PyObject* compare(PyObject* a, PyObject* b, int operation) {
  if (!is_operand(b)) {
    if (operation == Py_EQ) return PyBool_FromLong(0);
    if (operation == Py_NE) return PyBool_FromLong(1);
    return not_implemented();
  }
  return guarded([&] {
    const Operands operands = to_operands(a, b);
    BinaryFunction* const functions[] = {operators.less,      operators.less_equal, operators.equal,
                                         operators.not_equal, operators.greater,    operators.greater_equal};
    return wrap(run_tensor(operands.first.size() + operands.second.size(),
                           [&] { return functions[operation](operands.first, operands.second); }));
  });
}

/// The tensor's only element, for int(), float(), bool() and index().
Tensor only_element(const Tensor& x, const char* what) {
  if (x.size() != 1) {
    throw TypeError(text("[", what, "] only a tensor of one element is a number. Received: shape ",
                         to_string(x.shape())));
  }
  return ops::contiguous(x);
}
PyObject* to_number(const Tensor& x) {
  switch (x.type()) {
    case ElementType::boolean:
      return PyBool_FromLong(*x.data<std::uint8_t>());
    case ElementType::uint8:
      return PyLong_FromLong(*x.data<std::uint8_t>());
    case ElementType::int32:
      return PyLong_FromLong(*x.data<std::int32_t>());
    case ElementType::int64:
      return PyLong_FromLongLong(*x.data<std::int64_t>());
    case ElementType::float32:
      return PyFloat_FromDouble(static_cast<double>(*x.data<float>()));
    default:
      return PyFloat_FromDouble(*x.data<double>());
  }
}
PyObject* item_of(PyObject* self, const char* what) { return to_number(only_element(tensor_in(self), what)); }

PyObject* as_float(PyObject* self) {
  return guarded([&]() -> PyObject* {
    const py::object number = py::reinterpret_steal<py::object>(item_of(self, "float"));
    return number ? PyNumber_Float(number.ptr()) : nullptr;
  });
}
PyObject* as_int(PyObject* self) {
  return guarded([&]() -> PyObject* {
    const py::object number = py::reinterpret_steal<py::object>(item_of(self, "int"));
    return number ? PyNumber_Long(number.ptr()) : nullptr;
  });
}
PyObject* as_index(PyObject* self) {
  return guarded([&]() -> PyObject* {
    const Tensor& x = tensor_in(self);
    if (!ops::is_integer(x.type()) || x.rank() != 0) {
      throw TypeError(text("[index] only a tensor of one integer, without axes, is an index. Received: ",
                           name_of(x.type()), " of shape ", to_string(x.shape())));
    }
    return to_number(ops::contiguous(x));
  });
}
int as_bool(PyObject* self) {
  try {
    const Tensor& x = tensor_in(self);
    if (x.size() != 1) {
      throw ValueError(
          text("[bool] a tensor of one element is true or false; use any() or all(). Received: shape ",
               to_string(x.shape())));
    }
    return *ops::contiguous(ops::cast(x, ElementType::boolean)).data<std::uint8_t>() != 0 ? 1 : 0;
  } catch (...) {
    set_python_error();
    return -1;
  }
}

Py_ssize_t length(PyObject* self) {
  const Tensor& x = tensor_in(self);
  if (x.rank() == 0) {
    PyErr_SetString(PyExc_TypeError, "len() of a tensor without axes");
    return -1;
  }
  return static_cast<Py_ssize_t>(x.extent(0));
}

PyObject* subscript(PyObject* self, PyObject* index) {
  return guarded([&] { return wrap(get_item(tensor_in(self), index)); });
}
int assign_subscript(PyObject*, PyObject*, PyObject*) {
  PyErr_SetString(
      PyExc_TypeError,
      "a Tensor cannot be changed: use lamina.ops.slice_update or scatter_update, or a lamina.Variable "
      "and its assign");
  return -1;
}

// ---- Attributes

PyObject* get_shape(PyObject* self, void*) { return shape_tuple(tensor_in(self).shape()); }
PyObject* get_ndim(PyObject* self, void*) { return PyLong_FromLong(tensor_in(self).rank()); }
PyObject* get_size(PyObject* self, void*) { return PyLong_FromLongLong(tensor_in(self).size()); }
PyObject* get_dtype(PyObject* self, void*) { return dtype_object(tensor_in(self).type()); }
PyObject* get_device(PyObject*, void*) { return PyUnicode_FromString("cpu"); }
PyObject* get_itemsize(PyObject* self, void*) { return PyLong_FromSize_t(size_of(tensor_in(self).type())); }
PyObject* get_nbytes(PyObject* self, void*) {
  return PyLong_FromLongLong(tensor_in(self).size() *
                             static_cast<std::int64_t>(size_of(tensor_in(self).type())));
}
PyObject* get_strides(PyObject* self, void*) { return shape_tuple(tensor_in(self).strides()); }
PyObject* get_contiguous(PyObject* self, void*) { return PyBool_FromLong(tensor_in(self).contiguous()); }
PyObject* get_version(PyObject* self, void*) {
  return PyLong_FromUnsignedLongLong(tensor_in(self).storage().version());
}
PyObject* get_transposed(PyObject* self, void*) {
  return guarded([&] {
    const Tensor& x = tensor_in(self);
    if (x.rank() != 2) {
      throw ValueError(
          text("[T] is for two axes; use mT or ops.transpose. Received: shape ", to_string(x.shape())));
    }
    return wrap(operators.swapaxes(x, 0, 1));
  });
}
PyObject* get_matrix_transposed(PyObject* self, void*) {
  return guarded([&] {
    const Tensor& x = tensor_in(self);
    if (x.rank() < 2) {
      throw ValueError(text("[mT] at least two axes are needed. Received: shape ", to_string(x.shape())));
    }
    return wrap(operators.swapaxes(x, -2, -1));
  });
}
PyObject* get_priority(PyObject*, void*) { return PyFloat_FromDouble(1000.0); }

PyGetSetDef attributes[] = {
    {"shape", get_shape, nullptr, "The extents, a tuple.", nullptr},
    {"ndim", get_ndim, nullptr, "The number of axes.", nullptr},
    {"size", get_size, nullptr, "The number of elements.", nullptr},
    {"dtype", get_dtype, nullptr, "The element type, a string.", nullptr},
    {"device", get_device, nullptr, "Where the elements are: \"cpu\".", nullptr},
    {"itemsize", get_itemsize, nullptr, "Bytes of an element.", nullptr},
    {"nbytes", get_nbytes, nullptr, "Bytes of all elements.", nullptr},
    {"strides", get_strides, nullptr, "The distance of neighbours along each axis, in elements.", nullptr},
    {"is_contiguous", get_contiguous, nullptr, "Whether the elements lie in row-major order.", nullptr},
    {"_version", get_version, nullptr, "Grows with each change of the memory in place.", nullptr},
    {"T", get_transposed, nullptr, "The transposed matrix.", nullptr},
    {"mT", get_matrix_transposed, nullptr, "With the last two axes exchanged.", nullptr},
    {"__array_priority__", get_priority, nullptr, "Beside an array, the tensor's operators decide.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

// ---- Methods

PyObject* method_numpy(PyObject* self, PyObject*) {
  return guarded([&] { return to_array(self).release().ptr(); });
}
PyObject* method_item(PyObject* self, PyObject*) {
  return guarded([&] { return item_of(self, "item"); });
}

PyObject* method_array(PyObject* self, PyObject* arguments, PyObject* keywords) {
  PyObject* dtype = Py_None;
  PyObject* copy = Py_None;
  static const char* const names[] = {"dtype", "copy", nullptr};
  if (PyArg_ParseTupleAndKeywords(arguments, keywords, "|OO", const_cast<char**>(names), &dtype, &copy) ==
      0) {
    return nullptr;
  }
  return guarded([&]() -> PyObject* {
    py::object array = to_array(self);
    if (dtype != Py_None) {
      const py::dtype wanted = py::dtype::from_args(py::reinterpret_borrow<py::object>(dtype));
      if (!wanted.equal(array.attr("dtype"))) {
        if (copy == Py_False) {
          throw ValueError("[__array__] another dtype cannot be had without a copy");
        }
        return array.attr("astype")(wanted).release().ptr();
      }
    }
    if (copy == Py_True) return array.attr("copy")().release().ptr();
    return array.release().ptr();
  });
}

PyObject* method_alias(PyObject* self, PyObject*) {
  return guarded([&] { return wrap(tensor_in(self)); });
}

PyObject* method_complex(PyObject* self, PyObject*) {
  PyObject* const number = as_float(self);
  if (number == nullptr) return nullptr;
  PyObject* const result = PyComplex_FromDoubles(PyFloat_AS_DOUBLE(number), 0.0);
  Py_DECREF(number);
  return result;
}

PyMethodDef methods[] = {
    {"numpy", method_numpy, METH_NOARGS,
     "numpy(self: Tensor) -> numpy.ndarray\n\nThe elements as a NumPy array, without a copy; it cannot be "
     "written to "
     "unless the memory came from outside."},
    {"item", method_item, METH_NOARGS,
     "item(self: Tensor) -> typing.Any\n\nThe only element, as a Python number."},
    {"__complex__", method_complex, METH_NOARGS,
     "__complex__(self: Tensor) -> complex\n\nThe only element, as a complex number."},
    {"__array__", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(method_array)),
     METH_VARARGS | METH_KEYWORDS,
     "__array__(self: Tensor, dtype: typing.Any = None, copy: bool | None = None) -> numpy.ndarray\n\nThe "
     "elements as a "
     "NumPy array."},
    {"__dlpack__", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(dlpack_method)),
     METH_VARARGS | METH_KEYWORDS,
     "__dlpack__(self: Tensor, *, stream: typing.Any = None, max_version: tuple[int, int] | None = None, "
     "dl_device: "
     "tuple[int, int] | None = None, copy: bool | None = None) -> typing.Any\n\nThe memory as a DLPack "
     "capsule."},
    {"__dlpack_device__", dlpack_device_method, METH_NOARGS,
     "__dlpack_device__(self: Tensor) -> tuple[int, int]\n\nThe device's kind and number in DLPack's terms."},
    {"__copy__", method_alias, METH_NOARGS,
     "__copy__(self: Tensor) -> Tensor\n\nAnother handle to the same elements."},
    {nullptr, nullptr, 0, nullptr}};

// ---- The buffer protocol

/// What a view needs as long as it lives.
struct BufferExtents {
  Tensor tensor;
  Py_ssize_t shape[kMaximumRank], strides[kMaximumRank];
};

int get_buffer(PyObject* self, Py_buffer* view, int flags) {
  static const char* const formats[] = {"?", "b", "B", "h", "H", "i", "I", "q", "Q", "f", "d"};
  view->obj = nullptr;
  try {
    const Tensor& tensor = tensor_in(self);
    const bool writeable = !tensor.storage().owned() && tensor.storage().writeable();
    const auto refuse = [](const char* why) {
      PyErr_SetString(PyExc_BufferError, why);
      return -1;
    };
    if ((flags & PyBUF_WRITABLE) != 0 && !writeable) return refuse("a Tensor's memory cannot be written to");
    const bool wants_strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES;
    const bool wants_order = (flags & PyBUF_C_CONTIGUOUS) == PyBUF_C_CONTIGUOUS ||
                             (flags & PyBUF_F_CONTIGUOUS) == PyBUF_F_CONTIGUOUS;
    if (!tensor.contiguous() && (!wants_strides || wants_order))
      return refuse("this Tensor is not contiguous");
    if ((flags & PyBUF_F_CONTIGUOUS) == PyBUF_F_CONTIGUOUS &&
        (flags & PyBUF_C_CONTIGUOUS) != PyBUF_C_CONTIGUOUS && tensor.rank() > 1) {
      return refuse("this Tensor is not contiguous in column-major order");
    }
    auto* const extents = new BufferExtents;
    extents->tensor = tensor;
    const std::size_t bytes = size_of(tensor.type());
    for (int axis = 0; axis < tensor.rank(); ++axis) {
      extents->shape[axis] = tensor.extent(axis);
      extents->strides[axis] = tensor.strides()[axis] * static_cast<Py_ssize_t>(bytes);
    }
    view->buf = tensor.raw();
    view->len = static_cast<Py_ssize_t>(tensor.size()) * static_cast<Py_ssize_t>(bytes);
    view->readonly = writeable ? 0 : 1;
    view->itemsize = static_cast<Py_ssize_t>(bytes);
    view->format =
        (flags & PyBUF_FORMAT) != 0 ? const_cast<char*>(formats[static_cast<int>(tensor.type())]) : nullptr;
    view->ndim = tensor.rank();
    view->shape = (flags & PyBUF_ND) != 0 ? extents->shape : nullptr;
    view->strides = wants_strides ? extents->strides : nullptr;
    view->suboffsets = nullptr;
    view->internal = extents;
    Py_INCREF(self);
    view->obj = self;
    return 0;
  } catch (...) {
    set_python_error();
    return -1;
  }
}
void release_buffer(PyObject*, Py_buffer* view) { delete static_cast<BufferExtents*>(view->internal); }

PyMemberDef members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(TensorObject, weak_references), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char*>("An array that cannot be changed: typed, strided, differentiable. Made by "
                                  "lamina.convert_to_tensor and the functions of lamina.ops.")},
    {Py_tp_dealloc, reinterpret_cast<void*>(destroy)},
    {Py_tp_getset, attributes},
    {Py_tp_members, members},
    {Py_tp_methods, methods},
    {Py_tp_richcompare, reinterpret_cast<void*>(compare)},
    {Py_tp_hash, reinterpret_cast<void*>(PyObject_HashNotImplemented)},
    {Py_nb_add, reinterpret_cast<void*>(binary_operator<&Operators::add>)},
    {Py_nb_subtract, reinterpret_cast<void*>(binary_operator<&Operators::subtract>)},
    {Py_nb_multiply, reinterpret_cast<void*>(binary_operator<&Operators::multiply>)},
    {Py_nb_true_divide, reinterpret_cast<void*>(binary_operator<&Operators::divide>)},
    {Py_nb_floor_divide, reinterpret_cast<void*>(binary_operator<&Operators::floor_divide>)},
    {Py_nb_remainder, reinterpret_cast<void*>(binary_operator<&Operators::mod>)},
    {Py_nb_power, reinterpret_cast<void*>(power_operator)},
    {Py_nb_matrix_multiply, reinterpret_cast<void*>(binary_operator<&Operators::matmul>)},
    {Py_nb_and, reinterpret_cast<void*>(binary_operator<&Operators::bitwise_and>)},
    {Py_nb_or, reinterpret_cast<void*>(binary_operator<&Operators::bitwise_or>)},
    {Py_nb_xor, reinterpret_cast<void*>(binary_operator<&Operators::bitwise_xor>)},
    {Py_nb_lshift, reinterpret_cast<void*>(binary_operator<&Operators::left_shift>)},
    {Py_nb_rshift, reinterpret_cast<void*>(binary_operator<&Operators::right_shift>)},
    {Py_nb_negative, reinterpret_cast<void*>(unary_operator<&Operators::negative>)},
    {Py_nb_positive, reinterpret_cast<void*>(unary_operator<&Operators::positive>)},
    {Py_nb_absolute, reinterpret_cast<void*>(unary_operator<&Operators::absolute>)},
    {Py_nb_invert, reinterpret_cast<void*>(unary_operator<&Operators::invert>)},
    {Py_nb_bool, reinterpret_cast<void*>(as_bool)},
    {Py_nb_int, reinterpret_cast<void*>(as_int)},
    {Py_nb_float, reinterpret_cast<void*>(as_float)},
    {Py_nb_index, reinterpret_cast<void*>(as_index)},
    {Py_mp_length, reinterpret_cast<void*>(length)},
    {Py_mp_subscript, reinterpret_cast<void*>(subscript)},
    {Py_mp_ass_subscript, reinterpret_cast<void*>(assign_subscript)},
    {Py_bf_getbuffer, reinterpret_cast<void*>(get_buffer)},
    {Py_bf_releasebuffer, reinterpret_cast<void*>(release_buffer)},
    {0, nullptr}};

PyType_Spec specification = {"lamina._core.Tensor", sizeof(TensorObject), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

}  // namespace

void init_tensor(py::module_& m) {
  const py::object type = py::reinterpret_steal<py::object>(PyType_FromSpec(&specification));
  if (!type) throw py::error_already_set();
  tensor_class = reinterpret_cast<PyTypeObject*>(type.ptr());
  type.inc_ref();  // for the process's life
  axis_error = py::object(py::module_::import("numpy.exceptions").attr("AxisError")).release().ptr();
  m.attr("Tensor") = type;
  init_tensor_functions(m);
}

}  // namespace lamina::bindings
