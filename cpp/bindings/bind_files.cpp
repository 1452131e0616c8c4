// Files of named arrays.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "bindings/arrays.h"
#include "bindings/module.h"
#include "io/atomic_file.h"
#include "io/safetensors.h"

namespace lamina::bindings {

namespace {

py::dtype dtype_of(ElementType type) { return py::dtype(std::string(name_of(type))); }

// TypeError unless the key is a string; ValueError when UTF-8 cannot hold it.
std::string name_from(py::handle key) {
  if (!py::isinstance<py::str>(key))
    throw py::type_error("[save_safetensors] the names of arrays must be strings");
  Py_ssize_t size = 0;
  const char* utf8 = PyUnicode_AsUTF8AndSize(key.ptr(), &size);
  if (utf8 == nullptr) throw py::error_already_set();
  return {utf8, static_cast<std::size_t>(size)};
}

void save(const std::filesystem::path& path, const py::dict& tensors, const io::Metadata& metadata) {
  std::vector<py::array> keep_alive;
  std::vector<io::TensorEntry> entries;
  for (const auto& [key, value] : tensors) {
    py::array array = py::array::ensure(value, py::array::c_style);
    if (!array) throw py::type_error("[save_safetensors] arrays are needed");
    io::TensorEntry entry;
    entry.name = name_from(key);
    entry.shape = shape_of(array);
    // A scalar has no rows to view; its element type is found through one row.
    entry.type = view_rows(array.reshape({py::ssize_t{-1}}), entry.name).type;
    entry.data = static_cast<const std::byte*>(array.data());
    keep_alive.push_back(array);
    entries.push_back(std::move(entry));
  }
  const py::gil_scoped_release release;
  io::write_safetensors(path, entries, metadata);
}

py::tuple load(const std::filesystem::path& path) {
  io::SafetensorsFile file;
  {
    const py::gil_scoped_release release;
    file = io::read_safetensors(path);
  }
  py::dict tensors;
  for (const io::TensorEntry& entry : file.tensors) {
    py::array array(dtype_of(entry.type), std::vector<py::ssize_t>(entry.shape.begin(), entry.shape.end()));
    if (entry.byte_count() != 0) std::memcpy(array.mutable_data(), entry.data, entry.byte_count());
    tensors[py::str(entry.name)] = array;
  }
  return py::make_tuple(tensors, file.metadata);
}

void replace_file(const std::filesystem::path& path, const py::bytes& content) {
  char* data = nullptr;
  Py_ssize_t size = 0;
  if (PyBytes_AsStringAndSize(content.ptr(), &data, &size) != 0) throw py::error_already_set();
  const py::gil_scoped_release release;
  io::AtomicFile file(path);
  file.write(data, static_cast<std::size_t>(size));
  file.commit();
}

}  // namespace

void init_files(py::module_& m) {
  m.def("save_safetensors", &save, py::arg("path"), py::arg("tensors"), py::arg("metadata"),
        "Replace the file at path, in one step, by a safetensors file of these arrays.");
  m.def("replace_file", &replace_file, py::arg("path"), py::arg("content"),
        "Replace the file at path, in one step, by one with this content.");
  m.def("load_safetensors", &load, py::arg("path"), "The arrays and the metadata of a safetensors file.");
}

}  // namespace lamina::bindings
