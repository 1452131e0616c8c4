#include "bindings/tensor_functions.h"

#include "autograd/functions.h"
#include "bindings/tensor_arguments.h"
#include "bindings/tensor_dlpack.h"

namespace lamina::bindings {

// ---- The functions behind operators and `_core.ops`: those of autograd, which are those of ops/ where
// there is nothing to differentiate.

const Operators operators = {
    .add = autograd::add,
    .subtract = autograd::subtract,
    .multiply = autograd::multiply,
    .divide = autograd::divide,
    .floor_divide = autograd::floor_divide,
    .mod = autograd::mod,
    .power = autograd::power,
    .matmul = autograd::matmul,
    .bitwise_and = autograd::bitwise_and,
    .bitwise_or = autograd::bitwise_or,
    .bitwise_xor = autograd::bitwise_xor,
    .left_shift = autograd::left_shift,
    .right_shift = autograd::right_shift,
    .equal = autograd::equal,
    .not_equal = autograd::not_equal,
    .less = autograd::less,
    .less_equal = autograd::less_equal,
    .greater = autograd::greater,
    .greater_equal = autograd::greater_equal,
    .negative = autograd::negative,
    .positive = autograd::positive,
    .absolute = autograd::absolute,
    .invert = autograd::invert,
    .swapaxes = autograd::swapaxes,
    .slice = autograd::slice,
    .permute = autograd::transpose,
    .gather = autograd::gather,
};

namespace {

// Forms that Python calls.
Tensor transpose_all(const Tensor& x) { return autograd::transpose(x); }
Tensor transpose_axes(const Tensor& x, const ArrayShape& order) { return autograd::transpose(x, order); }
Tensor squeeze_all(const Tensor& x) { return autograd::squeeze(x); }
Tensor squeeze_axes(const Tensor& x, const ArrayShape& axes) { return autograd::squeeze(x, axes, false); }
Tensor alias(const Tensor& x) { return autograd::identity(x); }
py::object shape_of_tensor(const Tensor& x) {
  return py::reinterpret_steal<py::object>(shape_tuple(x.shape()));
}
Tensor from_dlpack(const py::object& capsule) { return from_dlpack_capsule(capsule.ptr()); }
Tensor item_of_tensor(const Tensor& x, const py::object& index) { return get_item(x, index.ptr()); }
/// A Python object as a tensor of its own type, or of `type`.
Tensor convert_any(const py::object& object) { return to_tensor(object.ptr()); }
Tensor where_any(const Tensor& condition, const py::object& x1, const py::object& x2) {
  const Operands operands = to_operands(x1.ptr(), x2.ptr());
  return autograd::where(condition, operands.first, operands.second);
}
bool shares_memory(const Tensor& x, const Tensor& y) { return &x.storage() == &y.storage(); }

Tensor item_set(const Tensor& x, const py::object& index, const Tensor& updates) {
  return set_item(x, index.ptr(), updates, ScatterKind::set);
}
Tensor item_joined(const Tensor& x, const py::object& index, const Tensor& updates, const std::string& kind) {
  return set_item(x, index.ptr(), updates,
                  kind == "add"   ? ScatterKind::add
                  : kind == "max" ? ScatterKind::max
                  : kind == "min" ? ScatterKind::min
                                  : ScatterKind::set);
}
Activation activation_of(const py::object& f) { return py::cast<Activation>(f); }
Tensor activate(const py::object& f, const Tensor& x) { return autograd::activate(activation_of(f), x); }
Tensor random_uniform(const ArrayShape& shape, ElementType type, double a, double b, std::uint64_t seed,
                      std::uint64_t stream) {
  return autograd::random(Distribution::uniform, type, shape, a, b, {seed, stream});
}
Tensor random_normal(const ArrayShape& shape, ElementType type, double a, double b, std::uint64_t seed,
                     std::uint64_t stream) {
  return autograd::random(Distribution::normal, type, shape, a, b, {seed, stream});
}
Tensor random_truncated_normal(const ArrayShape& shape, ElementType type, double a, double b,
                               std::uint64_t seed, std::uint64_t stream) {
  return autograd::random(Distribution::truncated_normal, type, shape, a, b, {seed, stream});
}
Tensor random_integers(const ArrayShape& shape, std::int64_t low, std::int64_t high, std::uint64_t seed,
                       std::uint64_t stream) {
  return autograd::random_integers(shape, low, high, {seed, stream});
}
Tensor permutation(std::int64_t n, std::uint64_t seed, std::uint64_t stream) {
  return autograd::permutation(n, {seed, stream});
}
Tensor dropout(const Tensor& x, double rate, std::uint64_t seed, std::uint64_t stream) {
  return autograd::dropout(x, rate, {seed, stream});
}

#define LAMINA_UNARY(name) {#name, Call<static_cast<Tensor (*)(const Tensor&)>(&autograd::name)>::call},
#define LAMINA_BINARY(name) {#name, call_binary<&autograd::name>},
#define LAMINA_CALL(name) {#name, Call<&autograd::name>::call}

const FunctionEntry functions[] = {
    LAMINA_UNARY_KINDS(LAMINA_UNARY) LAMINA_BINARY_KINDS(LAMINA_BINARY) LAMINA_BINARY(logical_and)
        LAMINA_BINARY(logical_or) LAMINA_BINARY(logical_xor) LAMINA_BINARY(matmul) LAMINA_CALL(positive),
    LAMINA_CALL(logical_not),
    LAMINA_CALL(cast),
    LAMINA_CALL(bitcast),
    LAMINA_CALL(copy),
    LAMINA_CALL(contiguous),
    {"where", Call<&where_any>::call},
    // Reductions: x, axes, keepdims.
    LAMINA_CALL(sum),
    LAMINA_CALL(prod),
    LAMINA_CALL(max),
    LAMINA_CALL(min),
    LAMINA_CALL(argmax),
    LAMINA_CALL(argmin),
    LAMINA_CALL(mean),
    LAMINA_CALL(var),
    LAMINA_CALL(std),
    LAMINA_CALL(any),
    LAMINA_CALL(all),
    LAMINA_CALL(count_nonzero),
    LAMINA_CALL(logsumexp),
    // Shaping.
    LAMINA_CALL(reshape),
    {"transpose", Call<&transpose_all>::call},
    {"permute", Call<&transpose_axes>::call},
    LAMINA_CALL(swapaxes),
    {"squeeze", Call<&squeeze_all>::call},
    {"squeeze_axes", Call<&squeeze_axes>::call},
    LAMINA_CALL(expand_dims),
    LAMINA_CALL(broadcast_to),
    LAMINA_CALL(flip),
    LAMINA_CALL(sum_to),
    LAMINA_CALL(concatenate),
    LAMINA_CALL(repeat),
    LAMINA_CALL(pad),
    LAMINA_CALL(tril),
    LAMINA_CALL(triu),
    // Indexing.
    {"get_item", Call<&item_of_tensor>::call},
    {"set_item", Call<&item_set>::call},
    {"join_item", Call<&item_joined>::call},
    LAMINA_CALL(take),
    LAMINA_CALL(take_along_axis),
    LAMINA_CALL(nonzero),
    LAMINA_CALL(one_hot),
    LAMINA_CALL(cumsum),
    LAMINA_CALL(cumprod),
    LAMINA_CALL(argsort),
    LAMINA_CALL(sort),
    LAMINA_CALL(searchsorted),
    // Activations and random numbers.
    {"activate", Call<&activate>::call},
    {"random_uniform", Call<&random_uniform>::call},
    {"random_normal", Call<&random_normal>::call},
    {"random_truncated_normal", Call<&random_truncated_normal>::call},
    {"random_integers", Call<&random_integers>::call},
    {"permutation", Call<&permutation>::call},
    {"dropout", Call<&dropout>::call},
    // Creation.
    LAMINA_CALL(full_of),
    LAMINA_CALL(zeros),
    LAMINA_CALL(arange),
    LAMINA_CALL(arange_integer),
    LAMINA_CALL(linspace),
    LAMINA_CALL(eye),
    // Conversions.
    {"convert", Call<&convert_any>::call},
    {"from_dlpack", Call<&from_dlpack>::call},
    {"alias", Call<&alias>::call},
    {"shape", Call<&shape_of_tensor>::call},
    {"shares_memory", Call<&shares_memory>::call},
};

py::object* dtype_objects = nullptr;  // by ElementType, for the process's life

}  // namespace

void add_functions(py::object& to, const FunctionEntry* entries, std::size_t count) {
  // The definitions live as long as the functions: for ever.
  auto* const definitions = new PyMethodDef[count];
  for (std::size_t i = 0; i < count; ++i) {
    definitions[i] = {entries[i].name,
                      reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(entries[i].call)),
                      METH_FASTCALL, nullptr};
    const py::object function = py::reinterpret_steal<py::object>(PyCFunction_New(&definitions[i], nullptr));
    if (!function) throw py::error_already_set();
    to.attr(entries[i].name) = function;
  }
}

PyObject* dtype_object(ElementType type) {
  PyObject* const object = dtype_objects[static_cast<int>(type)].ptr();
  Py_INCREF(object);
  return object;
}

void init_tensor_functions(py::module_& m) {
  dtype_objects = new py::object[static_cast<std::size_t>(ElementType::float64) + 1];
  for (int i = 0; i <= static_cast<int>(ElementType::float64); ++i) {
    dtype_objects[i] = py::str(std::string(name_of(static_cast<ElementType>(i))));
  }
  py::object table = py::module_::import("types").attr("SimpleNamespace")();
  add_functions(table, functions, std::size(functions));
  m.attr("ops") = table;
  m.def(
      "set_default_float",
      [](const std::string& name) { autograd::set_default_float(autograd::element_type_from_name(name)); },
      py::arg("dtype"), "Sets the type that functions of real numbers give for integers.");
  m.def(
      "set_dtype_object",
      [](const std::string& name, const py::object& object) {
        dtype_objects[static_cast<int>(autograd::element_type_from_name(name))] = object;
      },
      py::arg("name"), py::arg("object"), "Sets what Tensor.dtype gives for a type.");
}

}  // namespace lamina::bindings
