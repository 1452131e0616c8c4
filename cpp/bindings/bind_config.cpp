// Threads, instruction sets and what was built.
#include <pybind11/stl.h>

#include <map>
#include <string>

#include "bindings/module.h"
#include "core/threads.h"
#include "cpu/dispatch.h"
#include "device/device.h"

namespace lamina::bindings {

namespace {

std::map<std::string, std::string> build_info() {
  std::map<std::string, std::string> info;
  info["version"] = LAMINA_VERSION;
#if defined(__clang__)
  info["compiler"] = "Clang " __clang_version__;
#elif defined(__GNUC__)
  info["compiler"] = "GCC " __VERSION__;
#elif defined(_MSC_VER)
  info["compiler"] = "MSVC " + std::to_string(_MSC_FULL_VER);
#endif
  info["threads"] = LAMINA_THREADS;
  info["cuda"] = LAMINA_CUDA_BUILD;
  info["pybind11"] = PYBIND11_TOSTRING(PYBIND11_VERSION_MAJOR) "." PYBIND11_TOSTRING(PYBIND11_VERSION_MINOR);
  return info;
}

}  // namespace

void init_config(py::module_& m) {
  m.def("set_num_threads", &threads::set_count, py::arg("n"),
        "Set how many threads one call may use, the caller included.");
  m.def("get_num_threads", &threads::count, "How many threads one call may use.");
  m.def("default_num_threads", &threads::default_count,
        "What get_num_threads() was at start: OMP_NUM_THREADS, or the CPU affinity and cgroup quota.");
  m.def("isa", [] { return std::string(cpu::kernels().isa); }, "The instruction set in use.");
  m.def("available_isas", &cpu::available_isas, "The instruction sets that can run here, slowest first.");
  m.def("available_devices", &lamina::available_devices, "The devices that can be computed on here.");
  m.def("build_info", &build_info, "How this module was built.");
}

}  // namespace lamina::bindings
