// x[index]: what Python writes between the brackets.
#include "bindings/tensor_object.h"
#include "ops/ops.h"

namespace lamina::bindings {

namespace {

[[noreturn]] void out_of_range(long long index, std::int64_t extent, int axis) {
  throw py::index_error(text("[getitem] index ", index, " is out of bounds for axis ", axis, " with size ", extent));
}

}  // namespace

Tensor get_item(const Tensor& x, PyObject* index) {
  PyObject* const one[] = {index};
  const bool is_tuple = PyTuple_Check(index);
  PyObject* const* const items = is_tuple ? &PyTuple_GET_ITEM(index, 0) : one;
  const Py_ssize_t count = is_tuple ? PyTuple_GET_SIZE(index) : 1;
  Py_ssize_t used = 0;
  bool ellipsis = false;
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (items[i] == Py_Ellipsis) {
      if (ellipsis) throw py::index_error("[getitem] there can be only one ellipsis ('...')");
      ellipsis = true;
    } else if (items[i] != Py_None) {
      ++used;
    }
  }
  if (used > x.rank()) {
    throw py::index_error(text("[getitem] too many indices: there are ", x.rank(), " axes. Received: ", used));
  }
  ArrayShape shape, strides;
  std::int64_t offset = 0;
  int axis = 0;
  const auto keep = [&] {
    shape.push_back(x.extent(axis));
    strides.push_back(x.strides()[axis]);
    ++axis;
  };
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* const item = items[i];
    if (item == Py_None) {
      shape.push_back(1);
      strides.push_back(0);
    } else if (item == Py_Ellipsis) {
      for (Py_ssize_t skip = x.rank() - used; skip > 0; --skip) keep();
    } else if (PySlice_Check(item)) {
      Py_ssize_t start = 0, stop = 0, step = 0;
      if (PySlice_Unpack(item, &start, &stop, &step) < 0) throw py::error_already_set();
      const Py_ssize_t length = PySlice_AdjustIndices(x.extent(axis), &start, &stop, step);
      if (length > 0) offset += start * x.strides()[axis];
      shape.push_back(length);
      strides.push_back(length > 1 ? step * x.strides()[axis] : x.strides()[axis]);
      ++axis;
    } else {
      PyObject* const number = PyNumber_Index(item);
      if (number == nullptr) throw py::error_already_set();
      int overflow = 0;
      const long long value = PyLong_AsLongLongAndOverflow(number, &overflow);
      Py_DECREF(number);
      const std::int64_t extent = x.extent(axis);
      if (overflow != 0 || value < -extent || value >= extent) out_of_range(value, extent, axis);
      offset += (value < 0 ? value + extent : value) * x.strides()[axis];
      ++axis;
    }
  }
  while (axis < x.rank()) keep();
  return x.view(shape, strides, x.size() == 0 ? 0 : offset);
}

}  // namespace lamina::bindings
