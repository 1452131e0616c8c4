#include "bindings/arrays.h"

#include "core/error.h"

namespace lamina::bindings {

namespace {

std::string describe(const py::dtype& dtype) { return py::str(static_cast<const py::object&>(dtype)); }

ElementType element_type(const py::dtype& dtype, const std::string& name) {
  const char order = dtype.byteorder();
  constexpr char foreign =
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
      '<';
#else
      '>';
#endif
  if (order != foreign) {
    const py::ssize_t size = dtype.itemsize();
    switch (dtype.kind()) {
      case 'b':
        return ElementType::boolean;
      case 'i':
        if (size == 1) return ElementType::int8;
        if (size == 2) return ElementType::int16;
        if (size == 4) return ElementType::int32;
        if (size == 8) return ElementType::int64;
        break;
      case 'u':
        if (size == 1) return ElementType::uint8;
        if (size == 2) return ElementType::uint16;
        if (size == 4) return ElementType::uint32;
        if (size == 8) return ElementType::uint64;
        break;
      case 'f':
        if (size == 4) return ElementType::float32;
        if (size == 8) return ElementType::float64;
        break;
      default:
        break;
    }
  }
  throw TypeError(text("[", name,
                       "] arrays must hold booleans, integers, float32 or float64 in native byte order. ",
                       "Received: dtype ", describe(dtype)));
}

}  // namespace

ElementType array_element_type(const py::array& array) { return element_type(array.dtype(), "tensor"); }

ArrayView view_rows(const py::array& array, const std::string& name) {
  ArrayView view;
  view.type = element_type(array.dtype(), name);
  if (array.ndim() < 1) {
    throw ValueError(text("[", name, "] an array with one row a sample is needed. Received: shape ()"));
  }
  view.data = array.data();
  view.rows = array.shape(0);
  view.row_stride = array.strides(0);
  for (py::ssize_t axis = 1; axis < array.ndim(); ++axis) {
    view.row_shape.push_back(array.shape(axis));
    view.strides.push_back(array.strides(axis));
  }
  return view;
}

namespace {

/// NumPy lays it out and allocates nothing but the array.
py::array new_array(DType dtype, const Py_intptr_t* extents, std::size_t rank) {
  const auto& numpy = py::detail::npy_api::get();
  const int type =
      dtype == DType::float32 ? py::detail::npy_api::NPY_FLOAT_ : py::detail::npy_api::NPY_DOUBLE_;
  PyObject* const descriptor = numpy.PyArray_DescrFromType_(type);  // the call below takes it over
  PyObject* const array = numpy.PyArray_NewFromDescr_(numpy.PyArray_Type_, descriptor, static_cast<int>(rank),
                                                      extents, nullptr, nullptr, 0, nullptr);
  if (array == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::array>(array);
}

}  // namespace

py::array make_array(DType dtype, const Shape& shape) {
  const std::vector<Py_intptr_t> extents(shape.begin(), shape.end());
  return new_array(dtype, extents.data(), extents.size());
}

py::array make_rows(DType dtype, std::int64_t rows, const Shape& row_shape) {
  if (row_shape.size() == 1) {
    const Py_intptr_t extents[] = {static_cast<Py_intptr_t>(rows), static_cast<Py_intptr_t>(row_shape[0])};
    return new_array(dtype, extents, 2);
  }
  std::vector<Py_intptr_t> extents{static_cast<Py_intptr_t>(rows)};
  extents.insert(extents.end(), row_shape.begin(), row_shape.end());
  return new_array(dtype, extents.data(), extents.size());
}

py::array dense_copy(const py::object& value, DType dtype, const Shape& shape, const std::string& name) {
  const py::array source = py::array::ensure(value);
  if (!source) {
    PyErr_Clear();
    throw TypeError(text("[", name, "] an array is needed"));
  }
  element_type(source.dtype(), name);
  if (shape_of(source) != shape) {
    throw ValueError(text("[", name, "] shape ", to_string(shape), " is needed. Received: shape ",
                          to_string(shape_of(source))));
  }
  py::array dense =
      dtype == DType::float32
          ? py::array(py::array_t < float, py::array::c_style | py::array::forcecast > (source))
          : py::array(py::array_t < double, py::array::c_style | py::array::forcecast > (source));
  return dense;
}

DType computing_dtype(const py::array& array, const std::string& name) {
  const ElementType type = element_type(array.dtype(), name);
  if (type == ElementType::float32) return DType::float32;
  if (type == ElementType::float64) return DType::float64;
  throw TypeError(text("[", name, "] a float32 or float64 array is needed. Received: ", name_of(type)));
}

Shape shape_of(const py::array& array) { return Shape(array.shape(), array.shape() + array.ndim()); }

py::tuple to_tuple(const Shape& shape) {
  py::tuple out(shape.size());
  for (std::size_t i = 0; i < shape.size(); ++i) out[i] = py::int_(shape[i]);
  return out;
}

}  // namespace lamina::bindings
