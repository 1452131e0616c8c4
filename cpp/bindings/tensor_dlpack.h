// DLPack: memory handed to and taken from other libraries without a copy.
#pragma once

#include "bindings/tensor_object.h"

namespace lamina::bindings {

PyObject* dlpack_method(PyObject* self, PyObject* arguments, PyObject* keywords);
PyObject* dlpack_device_method(PyObject* self, PyObject*);

/// A tensor over the memory in a capsule, which is used up. Throws for other devices and types.
Tensor from_dlpack_capsule(PyObject* capsule);

}  // namespace lamina::bindings
