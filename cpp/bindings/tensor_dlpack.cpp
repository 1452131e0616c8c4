#include "bindings/tensor_dlpack.h"

#include "ops/ops.h"

namespace lamina::bindings {

namespace {

// The binary interface, as https://dmlc.github.io/dlpack/latest/c_api.html states it.
struct DLDevice {
  std::int32_t device_type;  // 1: host memory
  std::int32_t device_id;
};
struct DLDataType {
  std::uint8_t code;  // 0 integers, 1 unsigned, 2 floating point, 6 bool
  std::uint8_t bits;
  std::uint16_t lanes;
};
struct DLTensor {
  void* data;
  DLDevice device;
  std::int32_t ndim;
  DLDataType dtype;
  std::int64_t* shape;
  std::int64_t* strides;
  std::uint64_t byte_offset;
};
struct DLManagedTensor {
  DLTensor dl_tensor;
  void* manager_ctx;
  void (*deleter)(DLManagedTensor*);
};
struct DLPackVersion {
  std::uint32_t major, minor;
};
struct DLManagedTensorVersioned {
  DLPackVersion version;
  void* manager_ctx;
  void (*deleter)(DLManagedTensorVersioned*);
  std::uint64_t flags;
  DLTensor dl_tensor;
};
constexpr std::uint64_t kReadOnly = 1, kCopied = 2;
constexpr std::int32_t kHost = 1;

/// What is handed out: the managed tensor and what it points to.
template <class Managed>
struct Exported {
  Managed managed;
  Tensor tensor;
  std::int64_t shape[kMaximumRank], strides[kMaximumRank];
};

DLDataType data_type(ElementType type) {
  const auto bits = static_cast<std::uint8_t>(8 * size_of(type));
  if (ops::is_floating(type)) return {2, bits, 1};
  if (ops::is_bool(type)) return {6, 8, 1};
  return {static_cast<std::uint8_t>(type == ElementType::uint8 ? 1 : 0), bits, 1};
}

template <class Managed>
Managed* make_managed(const Tensor& tensor) {
  auto* const exported = new Exported<Managed>{};
  exported->tensor = tensor;
  for (int axis = 0; axis < tensor.rank(); ++axis) {
    exported->shape[axis] = tensor.extent(axis);
    exported->strides[axis] = tensor.strides()[axis];
  }
  DLTensor& t = exported->managed.dl_tensor;
  t.data = tensor.raw();
  t.device = {kHost, 0};
  t.ndim = tensor.rank();
  t.dtype = data_type(tensor.type());
  t.shape = exported->shape;
  t.strides = exported->strides;
  t.byte_offset = 0;
  exported->managed.manager_ctx = exported;
  exported->managed.deleter = [](Managed* self) {
    delete static_cast<Exported<Managed>*>(self->manager_ctx);
  };
  return &exported->managed;
}

/// Frees what nobody has taken.
template <class Managed>
void destroy_capsule(PyObject* capsule) {
  const char* const name = std::is_same_v<Managed, DLManagedTensor> ? "dltensor" : "dltensor_versioned";
  if (PyCapsule_IsValid(capsule, name) == 0) return;
  auto* const managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule, name));
  if (managed->deleter != nullptr) managed->deleter(managed);
}

ElementType element_type(const DLDataType& type) {
  if (type.lanes == 1) {
    if (type.code == 6 && type.bits == 8) return ElementType::boolean;
    if (type.code == 1 && type.bits == 8) return ElementType::uint8;
    if (type.code == 0 && type.bits == 32) return ElementType::int32;
    if (type.code == 0 && type.bits == 64) return ElementType::int64;
    if (type.code == 2 && type.bits == 32) return ElementType::float32;
    if (type.code == 2 && type.bits == 64) return ElementType::float64;
  }
  throw TypeError(
      text("[from_dlpack] tensors hold bool, uint8, int32, int64, float32 or float64. Received: code ",
           static_cast<int>(type.code), ", ", static_cast<int>(type.bits), " bits, ", type.lanes, " lanes"));
}

template <class Managed>
void release_managed(void* context) noexcept {
  auto* const managed = static_cast<Managed*>(context);
  if (managed->deleter == nullptr || Py_IsInitialized() == 0) return;
  // The deleter may be Python's.
  const PyGILState_STATE state = PyGILState_Ensure();
  managed->deleter(managed);
  PyGILState_Release(state);
}

template <class Managed>
Tensor import(Managed* managed, bool writeable) {
  const DLTensor& t = managed->dl_tensor;
  if (t.device.device_type != kHost) {
    throw TypeError(
        text("[from_dlpack] only host memory can be read. Received: device type ", t.device.device_type));
  }
  const ElementType type = element_type(t.dtype);
  if (t.ndim < 0 || t.ndim > kMaximumRank) {
    throw ValueError(text("[from_dlpack] there are at most ", kMaximumRank, " axes. Received: ", t.ndim));
  }
  ArrayShape shape, strides;
  for (int axis = 0; axis < t.ndim; ++axis) shape.push_back(t.shape[axis]);
  const bool empty = shape.count() == 0;
  if (t.strides == nullptr) {
    strides = row_major_strides(shape);
  } else {
    for (int axis = 0; axis < t.ndim; ++axis) strides.push_back(t.strides[axis]);
  }
  std::int64_t lowest = 0, highest = 0;
  for (int axis = 0; !empty && axis < t.ndim; ++axis) {
    const std::int64_t reach = (shape[axis] - 1) * strides[axis];
    (reach < 0 ? lowest : highest) += reach;
  }
  const auto bytes = static_cast<std::int64_t>(size_of(type));
  std::byte* const first = static_cast<std::byte*>(t.data) + t.byte_offset;
  if (!empty && reinterpret_cast<std::uintptr_t>(first) % size_of(type) != 0) {
    throw ValueError("[from_dlpack] the memory is not aligned to its elements");
  }
  Storage* const storage = Storage::borrow(
      first + lowest * bytes, static_cast<std::size_t>(empty ? 0 : (highest - lowest + 1) * bytes),
      &ops::current_device(), writeable, release_managed<Managed>, managed);
  return Tensor(type, shape, strides, -lowest, storage);
}

bool is_pair_of_integers(PyObject* object, long* first, long* second) {
  if (!PyTuple_Check(object) || PyTuple_GET_SIZE(object) != 2) return false;
  *first = PyLong_AsLong(PyTuple_GET_ITEM(object, 0));
  *second = PyLong_AsLong(PyTuple_GET_ITEM(object, 1));
  if (PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    return false;
  }
  return true;
}

}  // namespace

PyObject* dlpack_device_method(PyObject*, PyObject*) { return Py_BuildValue("(ii)", kHost, 0); }

PyObject* dlpack_method(PyObject* self, PyObject* arguments, PyObject* keywords) {
  PyObject *stream = Py_None, *max_version = Py_None, *dl_device = Py_None, *copy = Py_None;
  static const char* const names[] = {"stream", "max_version", "dl_device", "copy", nullptr};
  if (PyArg_ParseTupleAndKeywords(arguments, keywords, "|$OOOO", const_cast<char**>(names), &stream,
                                  &max_version, &dl_device, &copy) == 0) {
    return nullptr;
  }
  try {
    long major = 0, minor = 0;
    if (stream != Py_None) {
      PyErr_SetString(PyExc_ValueError, "[__dlpack__] host memory has no streams: stream must be None");
      return nullptr;
    }
    if (max_version != Py_None && !is_pair_of_integers(max_version, &major, &minor)) {
      PyErr_SetString(PyExc_TypeError, "[__dlpack__] max_version must be a pair of integers or None");
      return nullptr;
    }
    long device_type = kHost, device_id = 0;
    if (dl_device != Py_None) {
      // The kind may be an enumeration: both parts are asked for their number.
      const py::tuple pair = py::tuple(py::reinterpret_borrow<py::object>(dl_device));
      device_type = py::cast<long>(py::int_(pair[0]));
      device_id = py::cast<long>(py::int_(pair[1]));
    }
    if (device_type != kHost || device_id != 0) {
      PyErr_SetString(PyExc_BufferError,
                      "[__dlpack__] the elements are in host memory: dl_device must be (1, 0)");
      return nullptr;
    }
    Tensor tensor = tensor_in(self);
    const bool copied = copy == Py_True;
    if (copied) tensor = ops::copy(tensor);
    if (tensor.grad_link() != nullptr) tensor = tensor.alias();
    const bool writeable = copied || (!tensor.storage().owned() && tensor.storage().writeable());
    if (major >= 1) {
      auto* const managed = make_managed<DLManagedTensorVersioned>(tensor);
      managed->version = {1, 0};
      managed->flags = (writeable ? 0 : kReadOnly) | (copied ? kCopied : 0);
      PyObject* const capsule =
          PyCapsule_New(managed, "dltensor_versioned", destroy_capsule<DLManagedTensorVersioned>);
      if (capsule == nullptr) managed->deleter(managed);
      return capsule;
    }
    // The old capsule cannot say that memory must not be written to; who asks for it wants to read.
    auto* const managed = make_managed<DLManagedTensor>(tensor);
    PyObject* const capsule = PyCapsule_New(managed, "dltensor", destroy_capsule<DLManagedTensor>);
    if (capsule == nullptr) managed->deleter(managed);
    return capsule;
  } catch (...) {
    set_python_error();
    return nullptr;
  }
}

Tensor from_dlpack_capsule(PyObject* capsule) {
  if (PyCapsule_IsValid(capsule, "dltensor_versioned") != 0) {
    auto* const managed =
        static_cast<DLManagedTensorVersioned*>(PyCapsule_GetPointer(capsule, "dltensor_versioned"));
    if (managed->version.major > 1) {
      throw ValueError(
          text("[from_dlpack] only version 1 can be read. Received: version ", managed->version.major));
    }
    Tensor tensor = import(managed, (managed->flags & kReadOnly) == 0);
    PyCapsule_SetName(capsule, "used_dltensor_versioned");
    return tensor;
  }
  if (PyCapsule_IsValid(capsule, "dltensor") != 0) {
    Tensor tensor = import(static_cast<DLManagedTensor*>(PyCapsule_GetPointer(capsule, "dltensor")), true);
    PyCapsule_SetName(capsule, "used_dltensor");
    return tensor;
  }
  throw TypeError("[from_dlpack] an unused DLPack capsule is needed");
}

}  // namespace lamina::bindings
