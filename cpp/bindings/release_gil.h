// When the interpreter's lock is worth releasing.
#pragma once

#include <pybind11/pybind11.h>

namespace lamina::bindings {

/// Work (in multiplications) that is over before another thread could make use of the interpreter.
inline constexpr double kReleaseGilAbove = 2e5;

/// Runs `body` without the interpreter lock, unless that takes longer than the body.
template <class Body>
void run(double work, const Body& body) {
  if (work < kReleaseGilAbove) return body();
  const pybind11::gil_scoped_release release;
  body();
}

}  // namespace lamina::bindings
