// Threads, instruction sets and what was built.
#include <pybind11/stl.h>

#include <map>
#include <string>

#include "bindings/module.h"
#include "core/error.h"
#include "core/threads.h"
#include "cpu/dispatch.h"
#include "cuda/cuda.h"
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

/// ValueError for a name that is no device's, and for the CPU, which keeps no cache of its memory.
void require_gpu(const std::string& name, const char* where) {
  if (name == "cpu") {
    throw ValueError(
        text("[", where,
             "] the memory of 'cpu' is the system's own: there is no cache. Received: ", "device='cpu'"));
  }
  lamina::device(name);
}

std::map<std::string, std::uint64_t> memory_stats(const std::string& name) {
  require_gpu(name, "memory_stats");
  std::map<std::string, std::uint64_t> stats;
  for (const auto& [key, value] : cuda::memory_stats()) stats[key] = value;
  return stats;
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
  m.def(
      "require_device",
      [](const std::string& name, const std::string& precision) {
        lamina::device(name, precision_from_name(precision));
      },
      py::arg("name"), py::arg("precision") = "strict",
      "Raises what a network there would: a RuntimeError that says what is missing.");
  m.def("set_cublaslt_candidates", &cuda::set_library_candidates, py::arg("paths"),
        "Files that may be NVIDIA's cuBLASLt, best first.");
  m.def("cublaslt_status", &cuda::library_status, "The cuBLASLt that is loaded, if any.");
  m.def("cuda_name", [] { return std::string(cuda::name()); }, "What this build's CUDA device is called.");
  m.def("cuda_status", &cuda::status, "The GPU, or why there is none.");
  m.def("cuda_captured_steps", &cuda::captured_steps,
        "How many training steps were captured, and how often one was replayed.");
  m.def("memory_stats", &memory_stats, py::arg("device"), "The device's memory, in bytes and counts.");
  m.def(
      "set_memory_limit",
      [](const std::string& name, std::uint64_t bytes) {
        require_gpu(name, "set_memory_limit");
        cuda::set_memory_limit(bytes);
      },
      py::arg("device"), py::arg("bytes"), "The most memory that is asked of the device's driver; 0: all.");
  m.def(
      "empty_cache",
      [](const std::string& name) {
        require_gpu(name, "empty_cache");
        cuda::empty_cache();
      },
      py::arg("device"), "Gives memory that nobody uses back to the device's driver.");
  m.def("build_info", &build_info, "How this module was built.");
}

}  // namespace lamina::bindings
