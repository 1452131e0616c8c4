// Models, losses, gradients and an optimizer's steps in a training loop by hand.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "autograd/apply.h"
#include "autograd/batch_loss.h"
#include "autograd/layers.h"
#include "autograd/tape.h"
#include "autograd/variable.h"
#include "bindings/bind_store.h"
#include "bindings/fast_path.h"
#include "bindings/metrics.h"
#include "bindings/tensor_object.h"
#include "nn/training/trainer.h"
#include "ops/ops.h"

namespace lamina::bindings {

namespace {

using autograd::Layers;
using autograd::Tape;
using autograd::Unconnected;
using autograd::Variable;
using nn::Trainer;

/// Random numbers of calls outside of a training have steps from here on (docs/numerics.md, section 10).
constexpr std::uint64_t kFirstCall = std::uint64_t{1} << 39;

PyTypeObject* variable_class = nullptr;

/// The variable in an object; null for other objects.
Variable* variable_in(PyObject* object) {
  return PyObject_TypeCheck(object, variable_class) != 0 ? held<Variable>(object) : nullptr;
}

PyObject* not_implemented() {
  Py_INCREF(Py_NotImplemented);
  return Py_NotImplemented;
}

template <class Body>
PyObject* guarded(const Body& body) {
  try {
    return body();
  } catch (...) {
    set_python_error();
    return nullptr;
  }
}

/// A tensor, or an array of an element type that tensors have, read where it lies; else not defined.
Tensor simple_tensor(PyObject* object) {
  if (is_tensor(object)) return tensor_in(object);
  if (Py_TYPE(object) != py::detail::npy_api::get().PyArray_Type_) return {};
  const auto* const array = py::detail::array_proxy(object);
  const auto* const descriptor = py::detail::array_descriptor_proxy(array->descr);
  if (descriptor->byteorder == '>') return {};
  switch (descriptor->type_num) {
    case py::detail::npy_api::NPY_BOOL_:
    case py::detail::npy_api::NPY_UBYTE_:
    case py::detail::npy_api::NPY_INT_:
    case py::detail::npy_api::NPY_LONG_:
    case py::detail::npy_api::NPY_LONGLONG_:
    case py::detail::npy_api::NPY_FLOAT_:
    case py::detail::npy_api::NPY_DOUBLE_:
      return from_array(object);
    default:
      return {};
  }
}

/// layers.try_call(x, training): the answer of layers that add nothing to the loss.
PyObject* call_layers(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  const Layers* const layers = held<Layers>(self);
  if (count != 2 || layers == nullptr) return not_implemented();
  const int training = PyObject_IsTrue(arguments[1]);
  if (training < 0) return nullptr;
  if (!autograd::is_recording() && !is_tensor(arguments[0])) return not_implemented();  // arrays for arrays
  return guarded([&] {
    const Tensor x = simple_tensor(arguments[0]);
    const nn::Network& network = layers->network();
    if (network.inputs() != 1 || network.outputs() != 1) return not_implemented();
    const Shape& sample = network.input_shape();
    if (!x.defined() || x.type() != element_type(network.dtype()) || x.rank() == 0 ||
        !std::equal(x.shape().begin() + 1, x.shape().end(), sample.begin(), sample.end())) {
      return not_implemented();
    }
    Trainer& model = layers->sequential();
    const std::uint64_t step = kFirstCall + model.calls_seen();
    if (training != 0) model.set_calls_seen(model.calls_seen() + 1);
    Layers::Outputs outputs;
    run(static_cast<double>(x.extent(0)) * network.work(),
        [&] { outputs = layers->call({&x, 1}, training != 0, step); });
    return wrap(std::move(outputs.y[0]));
  });
}

/// tape.try_gradient(target, sources): of one tensor, without seeds; None for what it does not depend on.
PyObject* tape_gradient(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  Tape* const tape = held<Tape>(self);
  if (count != 2 || tape == nullptr || !is_tensor(arguments[0])) return not_implemented();
  PyObject* const structure = arguments[1];
  const bool is_list = PyList_CheckExact(structure) != 0, is_tuple = PyTuple_CheckExact(structure) != 0;
  PyObject* const* const items = is_list    ? reinterpret_cast<PyListObject*>(structure)->ob_item
                                 : is_tuple ? reinterpret_cast<PyTupleObject*>(structure)->ob_item
                                            : &structure;
  const Py_ssize_t length = is_list || is_tuple ? Py_SIZE(structure) : 1;
  return guarded([&]() -> PyObject* {
    std::vector<Tensor> sources;
    sources.reserve(static_cast<std::size_t>(length));
    for (Py_ssize_t i = 0; i < length; ++i) {
      if (is_tensor(items[i])) {
        sources.push_back(tensor_in(items[i]));
      } else if (const Variable* const variable = variable_in(items[i]); variable != nullptr) {
        sources.push_back(variable->value());
      } else {
        return not_implemented();
      }
    }
    const Tensor targets[1] = {tensor_in(arguments[0])}, seeds[1] = {};
    std::vector<Tensor> gradients;
    {
      const py::gil_scoped_release release;
      gradients = tape->gradient(targets, seeds, sources, Unconnected::none);
    }
    const auto object_of = [](Tensor& gradient) {
      if (!gradient.defined()) return py::object(py::none());
      PyObject* const object = wrap(std::move(gradient));
      if (object == nullptr) throw py::error_already_set();
      return py::reinterpret_steal<py::object>(object);
    };
    if (!is_list && !is_tuple) return object_of(gradients[0]).release().ptr();
    if (is_list) {
      py::list result(length);
      for (Py_ssize_t i = 0; i < length; ++i) {
        PyList_SET_ITEM(result.ptr(), i, object_of(gradients[static_cast<std::size_t>(i)]).release().ptr());
      }
      return result.release().ptr();
    }
    py::tuple result(length);
    for (Py_ssize_t i = 0; i < length; ++i) {
      PyTuple_SET_ITEM(result.ptr(), i, object_of(gradients[static_cast<std::size_t>(i)]).release().ptr());
    }
    return result.release().ptr();
  });
}

/// A loss of the core with its settings, for targets and predictions that fit as they are.
struct FastLoss {
  autograd::BatchLoss loss;
  bool labels;
};

PyObject* call_loss(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  const FastLoss* const fast = held<FastLoss>(self);
  if (count != 2 || fast == nullptr || !is_tensor(arguments[1])) return not_implemented();
  return guarded([&] {
    const Tensor& prediction = tensor_in(arguments[1]);
    if (!ops::is_floating(prediction.type()) || prediction.rank() == 0) return not_implemented();
    const Tensor target = simple_tensor(arguments[0]);
    if (!target.defined() || target.rank() != prediction.rank() - (fast->labels ? 1 : 0) ||
        !std::equal(target.shape().begin(), target.shape().end(), prediction.shape().begin())) {
      return not_implemented();
    }
    autograd::BatchLoss::Answer answer;
    run(static_cast<double>(prediction.size()) * 16.0,
        [&] { answer = fast->loss(target, prediction, Tensor()); });
    return wrap(std::move(answer.loss));
  });
}

/// Steps of an optimizer for variables whose state a store keeps.
class FastSteps {
 public:
  /// `places` of the variables among the parameters. `copies`: the variables' values lie elsewhere.
  FastSteps(std::shared_ptr<nn::OptimizedParameters> parameters, std::vector<std::size_t> places,
            std::vector<std::shared_ptr<Variable>> variables, bool copies)
      : parameters_(std::move(parameters)),
        places_(std::move(places)),
        variables_(std::move(variables)),
        copies_(copies) {
    if (places_.size() != variables_.size()) throw ValueError("[FastSteps] one place for each variable");
    for (const std::size_t place : places_) {
      if (place >= parameters_->store().size()) throw ValueError("[FastSteps] there is no such parameter");
    }
    for (std::size_t i = 0; i < variables_.size(); ++i) numbers_[variables_[i].get()] = i;
  }

  /// A step, if `pairs` are gradients and variables that fit as they are.
  PyObject* step(PyObject* pairs) {
    struct Pair {
      std::size_t place;
      Tensor gradient;
      const std::shared_ptr<Variable>* variable;
    };
    if (!PyList_CheckExact(pairs)) return not_implemented();
    const Py_ssize_t length = PyList_GET_SIZE(pairs);
    if (length == 0) return not_implemented();
    const nn::ParameterStore& store = parameters_->store();
    const auto& parameters = store.layout().parameters();
    std::vector<Pair> found;
    found.reserve(static_cast<std::size_t>(length));
    bool sorted = true;
    for (Py_ssize_t i = 0; i < length; ++i) {
      PyObject* const pair = PyList_GET_ITEM(pairs, i);
      if (!PyTuple_CheckExact(pair) || PyTuple_GET_SIZE(pair) != 2) return not_implemented();
      PyObject* const gradient = PyTuple_GET_ITEM(pair, 0);
      const Variable* const variable = variable_in(PyTuple_GET_ITEM(pair, 1));
      if (!is_tensor(gradient) || variable == nullptr) return not_implemented();
      const auto number = static_cast<std::size_t>(i);  // nearly always: the same order again
      const std::size_t at =
          number < variables_.size() && variables_[number].get() == variable ? number : number_of(variable);
      if (at == variables_.size()) return not_implemented();
      const nn::PlacedParameter& p = parameters[places_[at]];
      const Tensor& g = tensor_in(gradient);
      if (g.type() != element_type(store.dtype()) ||
          !std::equal(g.shape().begin(), g.shape().end(), p.shape.begin(), p.shape.end())) {
        return not_implemented();
      }
      if (!copies_ && !lies_in_store(*variable, places_[at])) return not_implemented();
      sorted = sorted && (found.empty() || found.back().place < places_[at]);
      found.push_back({places_[at], g, &variables_[at]});
    }
    if (!sorted) return not_implemented();
    std::vector<std::size_t> places;
    std::vector<Tensor> gradients;
    std::vector<std::shared_ptr<Variable>> variables;
    places.reserve(found.size());
    gradients.reserve(found.size());
    for (Pair& pair : found) {
      places.push_back(pair.place);
      gradients.push_back(std::move(pair.gradient));
      if (copies_) variables.push_back(*pair.variable);
    }
    run(static_cast<double>(store.layout().elements()) * 8.0,
        [&] { autograd::apply_gradients(*parameters_, places, gradients, false, variables); });
    return PyLong_FromLongLong(static_cast<long long>(parameters_->optimizer().iterations()));
  }

 private:
  std::size_t number_of(const Variable* variable) const {
    const auto found = numbers_.find(variable);
    return found == numbers_.end() ? variables_.size() : found->second;
  }
  bool lies_in_store(const Variable& variable, std::size_t place) const {
    if (!variable.in_place()) return false;
    const Tensor here = parameters_->store().view(place);
    return &variable.value().storage() == &here.storage() && variable.value().raw() == here.raw();
  }

  std::shared_ptr<nn::OptimizedParameters> parameters_;
  std::vector<std::size_t> places_;
  std::vector<std::shared_ptr<Variable>> variables_;
  std::unordered_map<const Variable*, std::size_t> numbers_;
  bool copies_;
};

PyObject* take_step(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  FastSteps* const steps = held<FastSteps>(self);
  if (count != 1 || steps == nullptr) return not_implemented();
  return guarded([&] { return steps->step(arguments[0]); });
}

}  // namespace

void init_fast_path(py::module_& m) {
  variable_class = reinterpret_cast<PyTypeObject*>(py::object(m.attr("Variable")).ptr());
  add_fast_method(m.attr("Layers"), "try_call", &call_layers,
                  "try_call(self: lamina._core.Layers, x: object, training: bool) -> object\n\n"
                  "The output for a tensor, or for an array while a tape records; NotImplemented where "
                  "__call__ is to be called.");
  add_fast_method(m.attr("Tape"), "try_gradient", &tape_gradient,
                  "try_gradient(self: lamina._core.Tape, target: object, sources: object) -> object\n\n"
                  "The gradient of one tensor; NotImplemented where gradient() is to be called.");
  py::class_<FastLoss> loss(m, "FastLoss", "A loss for targets and predictions that fit as they are.");
  loss.def(py::init([](const LossSpecification& specification, const std::string& reduction) {
             return FastLoss{{specification, reduction_from_name(reduction), 1.0, false},
                             takes_labels(specification.kind)};
           }),
           py::arg("loss"), py::arg("reduction"));
  add_fast_method(
      loss, "try_call", &call_loss,
      "try_call(self: lamina._core.FastLoss, y_true: object, y_pred: object) -> object\n\n"
      "The loss of a batch as a tensor; NotImplemented where the shapes are to be aligned first.");
  py::class_<FastSteps> steps(m, "FastSteps",
                              "Steps of an optimizer for variables whose state a network or a store keeps.");
  steps
      .def(py::init([](const std::shared_ptr<Trainer>& network, std::vector<std::size_t> places,
                       std::vector<std::shared_ptr<Variable>> variables, bool copies) {
             return FastSteps(share(network), std::move(places), std::move(variables), copies);
           }),
           py::arg("parameters"), py::arg("places"), py::arg("variables"), py::arg("copies"))
      .def(py::init<std::shared_ptr<nn::OptimizedParameters>, std::vector<std::size_t>,
                    std::vector<std::shared_ptr<Variable>>, bool>(),
           py::arg("parameters"), py::arg("places"), py::arg("variables"), py::arg("copies"));
  add_fast_method(steps, "try_apply", &take_step,
                  "try_apply(self: lamina._core.FastSteps, grads_and_vars: object) -> object\n\n"
                  "One step; the number of steps so far. NotImplemented, and nothing done, where apply() is "
                  "to be called.");
}

}  // namespace lamina::bindings
