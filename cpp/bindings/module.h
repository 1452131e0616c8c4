// The areas of the extension module: each converts, checks, releases the GIL and calls.
#pragma once

#include <pybind11/pybind11.h>

namespace lamina::bindings {

namespace py = pybind11;

void init_config(py::module_& m);
void init_autograd(py::module_& m);  // after init_tensor
void init_random(py::module_& m);
void init_functions(py::module_& m);
void init_losses(py::module_& m);
void init_metrics(py::module_& m);
void init_network(py::module_& m);
void init_optimizer(py::module_& m);        // before init_network: it takes settings
void init_store(py::module_& m);            // after init_network and init_autograd
void init_optimizer_state(py::module_& m);  // after init_store: more of its classes
void init_files(py::module_& m);
void init_layers(py::module_& m);
void init_bench(py::module_& m);
void init_text(py::module_& m);
void init_tensor(py::module_& m);
void init_eager(py::module_& m);  // after init_network and init_autograd

}  // namespace lamina::bindings
