// What a training loop by hand calls in each step (a model, a loss, a tape's gradient, an optimizer's
// step), without pybind11's search for an overload and without Python's handling of lists. Each is the
// usual case of an ordinary function: where it is not, it does nothing and returns NotImplemented.
#pragma once

#include <pybind11/pybind11.h>

namespace lamina::bindings {

namespace py = pybind11;

/// After init_eager: Layers.try_call, Tape.try_gradient, QuickLoss and QuickSteps.
void init_quick_loops(py::module_& m);

}  // namespace lamina::bindings
