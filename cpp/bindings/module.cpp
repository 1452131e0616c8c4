// The extension module: one init function for each area, and the exceptions.
#include "bindings/module.h"

#include <pybind11/numpy.h>

#include <cerrno>

#include "bindings/fast_path.h"
#include "core/error.h"
#include "numerics/order.h"

namespace lamina::bindings {

namespace {

void init_exceptions(py::module_& m) {
  // Translators registered later are tried first: the most derived come last.
  py::register_exception_translator([](std::exception_ptr p) {
    try {
      if (p) std::rethrow_exception(p);
    } catch (const FileError& e) {
      const py::object error = py::reinterpret_steal<py::object>(
          PyObject_CallFunction(PyExc_OSError, "is", e.error_number, e.what()));
      if (error) PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error.ptr())), error.ptr());
    } catch (const NotFiniteError& e) {
      PyErr_SetString(PyExc_FloatingPointError, e.what());
    } catch (const StateError& e) {
      PyErr_SetString(PyExc_RuntimeError, e.what());
    } catch (const TypeError& e) {
      PyErr_SetString(PyExc_TypeError, e.what());
    } catch (const ValueError& e) {
      PyErr_SetString(PyExc_ValueError, e.what());
    }
  });
  py::register_exception<FileFormatError>(m, "FileFormatError", PyExc_ValueError).attr("__doc__") =
      "A file that is damaged, or is not what it claims to be.";
}

}  // namespace

}  // namespace lamina::bindings

PYBIND11_MODULE(_core, m) {
  using namespace lamina::bindings;
  m.doc() = "lamina's compiled core. Use the lamina package; this module is its private part.";
  m.attr("__version__") = LAMINA_VERSION;
  m.attr("numerics_version") = lamina::numerics::kVersion;
  pybind11::detail::npy_api::get();  // looked up now, not by the first model
  init_exceptions(m);
  init_config(m);
  init_random(m);
  init_tensor(m);
  init_autograd(m);
  init_functions(m);
  init_losses(m);
  init_metrics(m);
  init_optimizer(m);
  init_network(m);
  init_store(m);
  init_optimizer_state(m);
  init_layers(m);
  init_text(m);
  init_files(m);
  init_eager(m);  // likewise
  init_fast_path(m);
  init_bench(m);  // after init_network: it takes a Network
}
