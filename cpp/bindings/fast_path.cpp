#include "bindings/fast_path.h"

#include <deque>

namespace lamina::bindings {

void add_fast_method(const py::object& owner, const char* name, FastCall call, const char* documentation) {
  static std::deque<PyMethodDef> kept;  // Python refers to them
  kept.push_back({name, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(call)), METH_FASTCALL,
                  documentation});
  auto* const type = reinterpret_cast<PyTypeObject*>(owner.ptr());
  const auto descriptor = py::reinterpret_steal<py::object>(PyDescr_NewMethod(type, &kept.back()));
  if (!descriptor) throw py::error_already_set();
  owner.attr(name) = descriptor;
}

}  // namespace lamina::bindings
