// NumPy arrays in and out.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <string>

#include "core/types.h"
#include "device/arguments.h"

namespace lamina::bindings {

namespace py = pybind11;

/// A view of `array` as rows along its first axis. TypeError for element types that cannot
/// be gathered, ValueError for a zero-dimensional array; `name` is what messages call it.
ArrayView view_rows(const py::array& array, const std::string& name);

/// What the array holds; TypeError for what lamina cannot read (complex, objects, foreign byte order).
ElementType array_element_type(const py::array& array);

/// A new C-ordered array.
py::array make_array(DType dtype, const Shape& shape);
/// The same with shape (rows, *row_shape).
py::array make_rows(DType dtype, std::int64_t rows, const Shape& row_shape);

/// `value` as a C-ordered array of `dtype`; ValueError unless it has exactly `shape`.
py::array dense_copy(const py::object& value, DType dtype, const Shape& shape, const std::string& name);

/// The DType of a float32 or float64 array; TypeError otherwise.
DType computing_dtype(const py::array& array, const std::string& name);

Shape shape_of(const py::array& array);
py::tuple to_tuple(const Shape& shape);

}  // namespace lamina::bindings
