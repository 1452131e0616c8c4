// Calls that are made a million times a second, beside the ordinary methods of their classes: without
// pybind11's search for an overload, its conversions, and exceptions. Each takes the usual case, arguments
// that fit as they are. For all else it does nothing and says so: the ordinary method is to be called then.
#pragma once

#include <pybind11/pybind11.h>

namespace lamina::bindings {

namespace py = pybind11;

/// Work (in multiplications) that is over before another thread could make use of the interpreter.
inline constexpr double kReleaseGilAbove = 2e5;

/// Runs `body` without the interpreter lock, unless that takes longer than the body.
template <class Body>
void run(double work, const Body& body) {
  if (work < kReleaseGilAbove) return body();
  const py::gil_scoped_release release;
  body();
}

/// The C++ object in an instance of a bound class (of which it must be one), or null before __init__.
template <class T>
T* held(PyObject* object) {
  auto* const instance = reinterpret_cast<py::detail::instance*>(object);
  if (!instance->simple_layout || !instance->simple_holder_constructed) return nullptr;
  return static_cast<T*>(instance->simple_value_holder[0]);
}

using FastCall = PyObject* (*)(PyObject* self, PyObject* const* arguments, Py_ssize_t count);

/// Adds a method that takes its arguments by position, without a tuple of them (METH_FASTCALL). `name` and
/// `documentation` (which starts with the signature) are literals.
void add_fast_method(const py::object& owner, const char* name, FastCall call, const char* documentation);

/// Network.try_train_on_batch and Network.try_predict, of arrays, for one input and one output. None where
/// the ordinary method is to be called.
void add_fast_calls(const py::object& network_class);

/// What a training loop by hand calls in each step: Layers.try_call, Tape.try_gradient, FastLoss and
/// FastSteps. NotImplemented where the ordinary function is to be called. After init_eager.
void init_fast_path(py::module_& m);

}  // namespace lamina::bindings
