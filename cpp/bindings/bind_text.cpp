// Strings and integers as numbers: hashes for preprocessing layers.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <charconv>
#include <optional>
#include <utility>

#include "bindings/module.h"
#include "core/error.h"
#include "numerics/fingerprint.h"

namespace lamina::bindings {

namespace {

using Key = std::optional<std::pair<std::uint64_t, std::uint64_t>>;

std::uint64_t hash(std::string_view text, const Key& key) {
  return key ? numerics::siphash(text, key->first, key->second) : numerics::fingerprint64(text);
}

/// The bytes of a str or bytes object, which must outlive them.
std::string_view bytes_of(PyObject* object) {
  Py_ssize_t size = 0;
  if (PyUnicode_Check(object)) {
    const char* data = PyUnicode_AsUTF8AndSize(object, &size);
    if (data == nullptr) throw py::error_already_set();
    return {data, static_cast<std::size_t>(size)};
  }
  char* data = nullptr;
  if (PyBytes_AsStringAndSize(object, &data, &size) != 0) throw py::error_already_set();
  return {data, static_cast<std::size_t>(size)};
}

using Hashes = py::array_t<std::uint64_t>;

Hashes hash_strings(const py::list& strings, const Key& key) {
  Hashes result(static_cast<py::ssize_t>(strings.size()));
  std::uint64_t* out = result.mutable_data();
  for (std::size_t i = 0; i < strings.size(); ++i) {
    PyObject* item = PyList_GetItem(strings.ptr(), static_cast<Py_ssize_t>(i));
    if (item == nullptr) throw py::error_already_set();
    out[i] = hash(bytes_of(item), key);
  }
  return result;
}

using Integers = py::array_t<std::int64_t, py::array::c_style>;

Hashes hash_integers(const Integers& integers, const Key& key) {
  Hashes result(integers.size());
  const std::int64_t* in = integers.data();
  std::uint64_t* out = result.mutable_data();
  const py::ssize_t n = integers.size();
  const py::gil_scoped_release release;
  for (py::ssize_t i = 0; i < n; ++i) {
    char digits[24];
    const char* end = std::to_chars(digits, digits + sizeof digits, in[i]).ptr;
    out[i] = hash({digits, static_cast<std::size_t>(end - digits)}, key);
  }
  return result;
}

using Words = py::array_t<std::uint64_t, py::array::c_style>;

Words combine_hashes(const Words& first, const Words& second) {
  if (first.size() != second.size()) {
    throw ValueError(text("[combine_hashes] as many of both are needed. Received: ", first.size(), " and ",
                          second.size()));
  }
  Words result(first.size());
  for (py::ssize_t i = 0; i < first.size(); ++i) {
    result.mutable_data()[i] = numerics::fingerprint_of_both(first.data()[i], second.data()[i]);
  }
  return result;
}

}  // namespace

void init_text(py::module_& m) {
  m.def("hash_strings", &hash_strings, py::arg("strings"), py::arg("key") = py::none(),
        "FarmHash's 64-bit fingerprint of each str (as UTF-8) or bytes; with a key SipHash-2-4.");
  m.def("hash_integers", &hash_integers, py::arg("integers"), py::arg("key") = py::none(),
        "The same of integers as decimal text.");
  m.def("combine_hashes", &combine_hashes, py::arg("first"), py::arg("second"),
        "One fingerprint of two, element by element.");
}

}  // namespace lamina::bindings
