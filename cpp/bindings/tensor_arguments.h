// Functions of tensors as Python's fast calls: arguments are positional, and each is converted by
// its type. lamina/ops/ gives them their names, defaults and documentation.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "autograd/record.h"
#include "bindings/tensor_object.h"
#include "ops/ops.h"

namespace lamina::bindings {

/// From a Python object to an argument of type T.
template <class T>
struct Argument;
template <>
struct Argument<Tensor> {
  static Tensor from(PyObject* object) { return to_tensor(object); }
};
template <>
struct Argument<std::int64_t> {
  static std::int64_t from(PyObject* object) {
    PyObject* const index = PyNumber_Index(object);
    if (index == nullptr) throw py::error_already_set();
    const long long value = PyLong_AsLongLong(index);
    Py_DECREF(index);
    if (value == -1 && PyErr_Occurred() != nullptr) throw py::error_already_set();
    return value;
  }
};
template <>
struct Argument<std::uint64_t> {
  static std::uint64_t from(PyObject* object) {
    const unsigned long long value = PyLong_AsUnsignedLongLong(object);
    if (value == static_cast<unsigned long long>(-1) && PyErr_Occurred() != nullptr)
      throw py::error_already_set();
    return value;
  }
};
template <>
struct Argument<double> {
  static double from(PyObject* object) {
    const double value = PyFloat_AsDouble(object);
    if (value == -1.0 && PyErr_Occurred() != nullptr) throw py::error_already_set();
    return value;
  }
};
template <>
struct Argument<bool> {
  static bool from(PyObject* object) {
    const int value = PyObject_IsTrue(object);
    if (value < 0) throw py::error_already_set();
    return value != 0;
  }
};
template <>
struct Argument<ArrayShape> {
  static ArrayShape from(PyObject* object) { return to_shape(object, "shape"); }
};
template <>
struct Argument<ElementType> {
  static ElementType from(PyObject* object) { return to_element_type(object); }
};
template <>
struct Argument<std::string> {
  static std::string from(PyObject* object) { return py::cast<std::string>(py::handle(object)); }
};
template <>
struct Argument<py::object> {
  static py::object from(PyObject* object) { return py::reinterpret_borrow<py::object>(object); }
};
template <class T>
struct Argument<std::optional<T>> {
  static std::optional<T> from(PyObject* object) {
    if (object == Py_None) return std::nullopt;
    return Argument<T>::from(object);
  }
};
template <class T>
struct Argument<std::vector<T>> {
  static std::vector<T> from(PyObject* object) {
    const py::object items =
        py::reinterpret_steal<py::object>(PySequence_Fast(object, "a sequence is needed"));
    if (!items) throw py::error_already_set();
    std::vector<T> list;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items.ptr()); ++i) {
      list.push_back(Argument<T>::from(PySequence_Fast_GET_ITEM(items.ptr(), i)));
    }
    return list;
  }
};

inline PyObject* to_result(Tensor tensor) { return wrap(std::move(tensor)); }
inline PyObject* to_result(const std::vector<Tensor>& tensors) {
  py::list list;
  for (const Tensor& tensor : tensors) {
    const py::object item = py::reinterpret_steal<py::object>(wrap(tensor));
    if (!item) throw py::error_already_set();
    list.append(item);
  }
  return list.release().ptr();
}
inline PyObject* to_result(py::object object) { return object.release().ptr(); }
inline PyObject* to_result(bool value) { return PyBool_FromLong(value ? 1 : 0); }
inline PyObject* to_result(std::int64_t value) { return PyLong_FromLongLong(value); }

/// Elements from which on a call lets other Python threads run.
inline constexpr std::int64_t kBigWork = 200000;

template <class Body>
auto run_tensor(std::int64_t work, const Body& body) {
  if (work < kBigWork) return body();
  const py::gil_scoped_release release;
  return body();
}

inline std::int64_t work_of(const Tensor& tensor) { return tensor.size(); }
inline std::int64_t work_of(const std::vector<Tensor>& tensors) {
  std::int64_t work = 0;
  for (const Tensor& tensor : tensors) work += tensor.size();
  return work;
}
template <class T>
std::int64_t work_of(const T&) {
  return 0;
}

inline PyObject* wrong_count(Py_ssize_t needed, Py_ssize_t given) {
  return PyErr_Format(PyExc_TypeError, "%zd arguments are needed. Received: %zd", needed, given);
}

// A function without a rule would lose its inputs' gradients in silence.
inline bool is_followed(const Tensor& x) { return x.defined() && autograd::would_record(x); }
inline bool is_followed(const std::vector<Tensor>& xs) {
  return std::any_of(xs.begin(), xs.end(), [](const Tensor& x) { return autograd::would_record(x); });
}
template <class T>
bool is_followed(const T&) {
  return false;
}
template <class Result, class... Arguments>
void check_followed(const Result& result, const Arguments&... arguments) {
  if constexpr (std::is_same_v<Result, Tensor>) {
    if (!ops::is_floating(result.type()) || result.grad_link() != nullptr) return;
    if ((is_followed(arguments) || ...)) {
      throw StateError(
          "[GradientTape] this function has no gradient, and a tape watches its input: give it "
          "lamina.stop_gradient(x) if it is to be a constant");
    }
  }
}

/// The fast call of a function of any arguments. `releases`: may run without the interpreter's lock
/// (no argument is a Python object).
template <auto function>
struct Call;
template <class Result, class... Arguments, Result (*function)(Arguments...)>
struct Call<function> {
  static constexpr bool touches_python =
      (std::is_same_v<std::remove_cvref_t<Arguments>, py::object> || ...) ||
      std::is_same_v<Result, py::object>;

  static PyObject* call(PyObject*, PyObject* const* arguments, Py_ssize_t count) {
    if (count != static_cast<Py_ssize_t>(sizeof...(Arguments)))
      return wrong_count(sizeof...(Arguments), count);
    try {
      return with(arguments, std::index_sequence_for<Arguments...>());
    } catch (...) {
      set_python_error();
      return nullptr;
    }
  }

 private:
  template <std::size_t... I>
  static PyObject* with(PyObject* const* given, std::index_sequence<I...>) {
    std::tuple<std::remove_cvref_t<Arguments>...> values{
        Argument<std::remove_cvref_t<Arguments>>::from(given[I])...};
    if constexpr (touches_python) {
      return to_result(function(std::get<I>(values)...));
    } else {
      const std::int64_t work = (std::int64_t{0} + ... + work_of(std::get<I>(values)));
      auto result = run_tensor(work, [&] { return function(std::get<I>(values)...); });
      if (autograd::is_recording()) check_followed(result, std::get<I>(values)...);
      return to_result(std::move(result));
    }
  }
};

/// Functions of two operands, of which one may be a Python number.
template <auto function>
PyObject* call_binary(PyObject*, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 2) return wrong_count(2, count);
  try {
    const Operands operands = to_operands(arguments[0], arguments[1]);
    return wrap(run_tensor(operands.first.size() + operands.second.size(),
                           [&] { return function(operands.first, operands.second); }));
  } catch (...) {
    set_python_error();
    return nullptr;
  }
}

using FastCall = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t);
struct FunctionEntry {
  const char* name;
  FastCall call;
};

/// Adds the functions to a namespace.
void add_functions(py::object& to, const FunctionEntry* entries, std::size_t count);

}  // namespace lamina::bindings
