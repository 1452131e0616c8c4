// Activations and elementary functions on arrays, outside of any network.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include "bindings/arrays.h"
#include "bindings/module.h"
#include "core/error.h"
#include "core/float_environment.h"
#include "device/device.h"
#include "device/names.h"
#include "numerics/evaluate.h"

namespace lamina::bindings {

namespace {

struct Matrix {
  std::int64_t rows, columns;
};

/// All axes but the last, and the last.
Matrix as_matrix(const py::array& x) {
  if (x.ndim() == 0) return {1, 1};
  const std::int64_t columns = x.shape(x.ndim() - 1);
  std::int64_t rows = 1;
  for (py::ssize_t axis = 0; axis + 1 < x.ndim(); ++axis) rows *= x.shape(axis);
  return {rows, columns};
}

py::array contiguous(const py::array& x) { return py::array::ensure(x, py::array::c_style); }

py::array activate(const Activation& f, const py::array& input) {
  const DType dtype = computing_dtype(input, "activate");
  if (input.ndim() == 0 && !is_elementwise(f)) {
    throw ValueError("[activate] softmax needs an axis to normalise over. Received: shape ()");
  }
  const py::array x = contiguous(input);
  py::array y = make_array(dtype, shape_of(x));
  const Matrix matrix = as_matrix(x);
  const void* from = x.data();
  void* to = y.mutable_data();
  const py::gil_scoped_release release;
  device("cpu").activate(dtype, f, matrix.rows, matrix.columns, from, to);
  return y;
}

py::array activate_backward(const Activation& f, const py::array& saved_input,
                            const py::array& gradient_input) {
  const DType dtype = computing_dtype(saved_input, "activate_backward");
  if (computing_dtype(gradient_input, "activate_backward") != dtype ||
      shape_of(saved_input) != shape_of(gradient_input)) {
    throw ValueError(
        text("[activate_backward] both arrays must have the same dtype and shape. Received: shapes ",
             to_string(shape_of(saved_input)), " and ", to_string(shape_of(gradient_input))));
  }
  const py::array saved = contiguous(saved_input), dy = contiguous(gradient_input);
  py::array dx = make_array(dtype, shape_of(saved));
  const Matrix matrix = as_matrix(saved);
  const void* from = saved.data();
  const void* gradient = dy.data();
  void* to = dx.mutable_data();
  const py::gil_scoped_release release;
  device("cpu").activate_backward(dtype, f, matrix.rows, matrix.columns, from, gradient, to);
  return dx;
}

py::array elementary(const std::string& name, const py::args& arrays) {
  std::vector<py::array> inputs;
  std::vector<const void*> pointers;
  for (const py::handle& handle : arrays) {
    inputs.push_back(contiguous(py::cast<py::array>(handle)));
    pointers.push_back(inputs.back().data());
  }
  if (inputs.empty()) throw ValueError("[elementary] at least one array is needed");
  const DType dtype = computing_dtype(inputs.front(), name);
  for (const py::array& input : inputs) {
    if (computing_dtype(input, name) != dtype || shape_of(input) != shape_of(inputs.front())) {
      throw ValueError(text("[", name, "] arrays must have the same dtype and shape"));
    }
  }
  py::array out = make_array(dtype, shape_of(inputs.front()));
  const FloatEnvironment environment;
  numerics::evaluate(name, dtype, element_count(shape_of(out)), pointers, out.mutable_data());
  return out;
}

}  // namespace

void init_functions(py::module_& m) {
  py::class_<Activation>(m, "Activation", "An activation function and its parameters.")
      .def(py::init([](const std::string& kind, double a, double b, double c) {
             return Activation{activation_from_name(kind), a, b, c};
           }),
           py::arg("kind"), py::arg("a") = 0.0, py::arg("b") = kUnbounded, py::arg("c") = 0.0)
      .def_property_readonly("kind", [](const Activation& f) { return std::string(name_of(f.kind)); })
      .def_readonly("a", &Activation::a)
      .def_readonly("b", &Activation::b)
      .def_readonly("c", &Activation::c);

  m.def("activate", &activate, py::arg("activation"), py::arg("x"),
        "The activation of a float32 or float64 array.");
  m.def("activate_backward", &activate_backward, py::arg("activation"), py::arg("saved"), py::arg("dy"),
        "The gradient with respect to the input, from the saved output or input (see derivative_from).");
  m.def(
      "derivative_from",
      [](const Activation& f) { return derivative_from(f) == DerivativeFrom::output ? "output" : "input"; },
      py::arg("activation"), "Whether the derivative is computed from the 'output' or the 'input'.");
  m.def("elementary", &elementary, py::arg("name"),
        "One of lamina's elementary functions, element by element.");
}

}  // namespace lamina::bindings
