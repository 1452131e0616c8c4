// The two calls that are made a million times a second: a step on a small batch and a
// prediction of a few rows, without the conversions and the exceptions of ordinary methods.
#pragma once

#include <pybind11/pybind11.h>

namespace lamina::bindings {

/// Adds to the Network class:
///
///   try_train_on_batch(x, y) -> float | list[float] | None
///   try_predict(x) -> numpy.ndarray | None
///
/// They take NumPy arrays that fit as they are. For all else, and whenever the ordinary
/// method would raise, they do nothing and return None: call that one then.
void add_quick_calls(const pybind11::object& network_class);

}  // namespace lamina::bindings
