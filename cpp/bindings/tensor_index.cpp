// x[index]: what Python writes between the brackets, by NumPy's rules. Numbers, slices, None and
// `...` make a view; integer tensors, lists and boolean masks take elements.
#include <pybind11/numpy.h>

#include "autograd/functions.h"
#include "bindings/tensor_functions.h"
#include "bindings/tensor_object.h"
#include "ops/ops.h"

namespace lamina::bindings {

namespace {

using ops::IndexItem;

struct Parsed {
  ops::IndexItems items;
  std::vector<int> axes;        ///< of the view, that the tensors below stand for
  std::vector<Tensor> indices;  ///< integers
};

[[noreturn]] void out_of_range(PyObject* index, std::int64_t extent, int axis) {
  throw ops::IndexOutOfRange(text("[getitem] index ", std::string(py::str(py::handle(index))),
                                  " is out of bounds for axis ", axis, " with size ", extent));
}

enum class Kind { position, slice, new_axis, ellipsis, tensor };

Kind kind_of(PyObject* item) {
  if (item == Py_None) return Kind::new_axis;
  if (item == Py_Ellipsis) return Kind::ellipsis;
  if (PySlice_Check(item)) return Kind::slice;
  if (PyBool_Check(item)) return Kind::tensor;
  if (PyLong_Check(item)) return Kind::position;
  if (is_tensor(item)) {
    const Tensor& x = tensor_in(item);
    return x.rank() == 0 && ops::is_integer(x.type()) ? Kind::position : Kind::tensor;
  }
  if (PyIndex_Check(item) != 0 && !PySequence_Check(item)) return Kind::position;
  return Kind::tensor;
}

Tensor index_tensor(PyObject* item) {
  Tensor index = to_tensor(item);
  if (index.size() == 0 && !is_tensor(item) && ops::is_floating(index.type())) {
    return ops::cast(index, ElementType::int64);  // []
  }
  if (ops::is_floating(index.type())) {
    throw py::index_error(
        text("[getitem] positions must be integers or a boolean mask. Received: ", name_of(index.type())));
  }
  return index;
}

Parsed parse(const Tensor& x, PyObject* index) {
  PyObject* const one[] = {index};
  const bool is_tuple = PyTuple_Check(index);
  PyObject* const* const given = is_tuple ? &PyTuple_GET_ITEM(index, 0) : one;
  const Py_ssize_t count = is_tuple ? PyTuple_GET_SIZE(index) : 1;

  // What stands for how many axes.
  std::vector<Tensor> tensors(static_cast<std::size_t>(count));
  Py_ssize_t used = 0;
  bool ellipsis = false, advanced = false;
  for (Py_ssize_t i = 0; i < count; ++i) {
    switch (kind_of(given[i])) {
      case Kind::ellipsis:
        if (ellipsis) throw py::index_error("[getitem] there can be only one ellipsis ('...')");
        ellipsis = true;
        break;
      case Kind::new_axis:
        break;
      case Kind::tensor: {
        Tensor tensor = index_tensor(given[i]);
        advanced = true;
        used += ops::is_bool(tensor.type()) ? tensor.rank() : 1;
        tensors[static_cast<std::size_t>(i)] = std::move(tensor);
        break;
      }
      default:
        ++used;
    }
  }
  if (used > x.rank()) {
    throw py::index_error(
        text("[getitem] too many indices: there are ", x.rank(), " axes. Received: ", used));
  }

  Parsed parsed;
  parsed.items.reserve(static_cast<std::size_t>(count + x.rank()));
  int axis = 0, place = 0;  // of x, of the view
  const auto whole = [&] {
    parsed.items.push_back({IndexItem::Kind::slice, 0, 1, x.extent(axis++)});
    ++place;
  };
  const auto stand_in = [&](Tensor positions) {
    parsed.axes.push_back(place);
    parsed.indices.push_back(std::move(positions));
    whole();
  };
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* const item = given[i];
    switch (kind_of(item)) {
      case Kind::new_axis:
        parsed.items.push_back({IndexItem::Kind::new_axis, 0, 1, 1});
        ++place;
        break;
      case Kind::ellipsis:
        for (Py_ssize_t skip = x.rank() - used; skip > 0; --skip) whole();
        break;
      case Kind::slice: {
        Py_ssize_t start = 0, stop = 0, step = 0;
        if (PySlice_Unpack(item, &start, &stop, &step) < 0) throw py::error_already_set();
        const Py_ssize_t length = PySlice_AdjustIndices(x.extent(axis), &start, &stop, step);
        parsed.items.push_back({IndexItem::Kind::slice, start, step, length});
        ++axis;
        ++place;
        break;
      }
      case Kind::position: {
        PyObject* const number = PyNumber_Index(item);
        if (number == nullptr) throw py::error_already_set();
        int overflow = 0;
        const long long value = PyLong_AsLongLongAndOverflow(number, &overflow);
        Py_DECREF(number);
        const std::int64_t extent = x.extent(axis);
        if (overflow != 0 || value < -extent || value >= extent) out_of_range(item, extent, axis);
        const std::int64_t at = value < 0 ? value + extent : value;
        if (advanced) {
          stand_in(ops::scalar_integer(ElementType::int64, at));
        } else {
          parsed.items.push_back({IndexItem::Kind::position, at, 1, 1});
          ++axis;
        }
        break;
      }
      case Kind::tensor: {
        const Tensor& tensor = tensors[static_cast<std::size_t>(i)];
        if (!ops::is_bool(tensor.type())) {
          stand_in(tensor);
          break;
        }
        for (int k = 0; k < tensor.rank(); ++k) {
          // As in NumPy, a mask without elements fits.
          if (tensor.extent(k) != 0 && tensor.extent(k) != x.extent(axis + k)) {
            throw py::index_error(
                text("[getitem] a boolean mask must have the extents of the axes that it stands "
                     "for. Received: mask of shape ",
                     to_string(tensor.shape()), " for a tensor of shape ", to_string(x.shape())));
          }
        }
        if (tensor.rank() == 0) {  // a new axis, taken or not
          const bool taken = *tensor.data<std::uint8_t>() != 0;
          parsed.items.push_back({IndexItem::Kind::new_axis, 0, 1, 1});
          parsed.axes.push_back(place++);
          parsed.indices.push_back(ops::zeros(ElementType::int64, {taken ? 1 : 0}));
          break;
        }
        for (Tensor& positions : ops::nonzero(tensor)) stand_in(std::move(positions));
        break;
      }
    }
  }
  while (axis < x.rank()) whole();
  return parsed;
}

/// The order of axes that brings those with tensors to the front, unless they lie side by side.
bool side_by_side(const std::vector<int>& axes) {
  for (std::size_t i = 1; i < axes.size(); ++i) {
    if (axes[i] != axes[i - 1] + 1) return false;
  }
  return true;
}
ArrayShape to_front(const std::vector<int>& axes, int rank) {
  ArrayShape order;
  bool moved[kMaximumRank] = {};
  for (const int axis : axes) {
    order.push_back(axis);
    moved[axis] = true;
  }
  for (int axis = 0; axis < rank; ++axis) {
    if (!moved[axis]) order.push_back(axis);
  }
  return order;
}

}  // namespace

Tensor get_item(const Tensor& x, PyObject* index) {
  Parsed parsed = parse(x, index);
  Tensor view = operators.slice(x, parsed.items);
  if (parsed.axes.empty()) return view;
  int first = parsed.axes.front();
  if (!side_by_side(parsed.axes)) {
    view = operators.permute(view, to_front(parsed.axes, view.rank()));
    first = 0;
  }
  return operators.gather(view, {first, std::move(parsed.indices)});
}

Tensor set_item(const Tensor& x, PyObject* index, const Tensor& updates, ScatterKind kind) {
  Parsed parsed = parse(x, index);
  if (parsed.axes.empty() && kind == ScatterKind::set)
    return autograd::slice_update(x, parsed.items, updates);
  // The places are taken from a tensor of positions, so that any index will do.
  const Tensor places = ops::reshape(ops::arange_integer(ElementType::int64, 0, 1, x.size()), x.shape());
  const Tensor chosen = get_item(places, index);
  const Tensor flat = autograd::reshape(autograd::copy(x), {x.size()});
  const Tensor values = autograd::broadcast_to(autograd::cast(updates, x.type()), chosen.shape());
  return autograd::reshape(autograd::scatter(flat, {0, {chosen}}, values, kind), x.shape());
}

}  // namespace lamina::bindings
