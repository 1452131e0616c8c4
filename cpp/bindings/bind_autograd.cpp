// Tapes and variables.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <set>

#include "autograd/functions.h"
#include "autograd/jacobian.h"
#include "autograd/record.h"
#include "autograd/tape.h"
#include "autograd/variable.h"
#include "bindings/module.h"
#include "bindings/tensor_object.h"
#include "core/error.h"

namespace lamina::bindings {

namespace {

using autograd::Tape;
using autograd::Unconnected;
using autograd::Variable;

Unconnected unconnected(bool zero) { return zero ? Unconnected::zero : Unconnected::none; }

std::string type_name(const py::handle& value) { return py::str(py::type::of(value).attr("__name__")); }

/// The tensor that a gradient is asked for or by, without reading a variable.
Tensor recorded(const py::handle& value, const char* what) {
  if (is_tensor(value.ptr())) return tensor_in(value.ptr());
  if (py::isinstance<Variable>(value)) return py::cast<Variable&>(value).value();
  throw TypeError(
      text("[GradientTape] ", what, " must be tensors or variables. Received: ", type_name(value)));
}

std::vector<Tensor> recorded_list(const py::list& values, const char* what) {
  std::vector<Tensor> tensors;
  for (const py::handle& value : values) tensors.push_back(recorded(value, what));
  return tensors;
}

py::list optional_list(const std::vector<Tensor>& tensors) {
  py::list result;
  for (const Tensor& tensor : tensors) {
    result.append(tensor.defined() ? py::cast(tensor) : py::object(py::none()));
  }
  return result;
}

void watch(Tape& tape, const py::handle& value) {
  if (py::isinstance<Variable>(value)) {
    const auto variable = py::cast<std::shared_ptr<Variable>>(value);
    return tape.watch(variable, variable->value());
  }
  tape.watch(recorded(value, "what is watched"));
}

py::list gradient(Tape& tape, const py::list& targets_in, const py::list& seeds_in,
                  const py::list& sources_in, bool zero) {
  const std::vector<Tensor> targets = recorded_list(targets_in, "targets");
  const std::vector<Tensor> sources = recorded_list(sources_in, "sources");
  std::vector<Tensor> seeds;
  for (const py::handle& seed : seeds_in) seeds.push_back(seed.is_none() ? Tensor() : to_tensor(seed.ptr()));
  std::vector<Tensor> gradients;
  {
    const py::gil_scoped_release release;
    gradients = tape.gradient(targets, seeds, sources, unconnected(zero));
  }
  return optional_list(gradients);
}

/// A Python object whose last owner may be in any thread.
std::shared_ptr<PyObject> share(const py::object& object) {
  return {object.inc_ref().ptr(), [](PyObject* kept) {
            if (Py_IsInitialized() == 0) return;
            const py::gil_scoped_acquire acquire;
            Py_DECREF(kept);
          }};
}

/// A name that outlives every node.
std::string_view lasting(const std::string& name) {
  static std::set<std::string> names;
  return *names.insert(name).first;
}

/// The outputs as results of a call whose rule is a Python function: list of gradients to list of gradients
/// or None.
py::list record_custom(const std::string& name, const py::list& outputs_in, const py::list& inputs_in,
                       const py::object& rule) {
  std::vector<Tensor> outputs, inputs;
  for (const py::handle& value : outputs_in) outputs.push_back(to_tensor(value.ptr()).alias());
  for (const py::handle& value : inputs_in) inputs.push_back(to_tensor(value.ptr()));
  std::vector<Tensor*> output_pointers;
  std::vector<const Tensor*> input_pointers;
  for (Tensor& tensor : outputs) output_pointers.push_back(&tensor);
  for (const Tensor& tensor : inputs) input_pointers.push_back(&tensor);
  autograd::record(lasting(name), output_pointers, input_pointers, [&] {
    return
        [kept = share(rule), results = outputs.size(), arguments = inputs.size()](autograd::Backward& pass) {
          const py::gil_scoped_acquire acquire;
          py::list upstream;
          for (std::uint32_t i = 0; i < results; ++i) upstream.append(py::cast(pass.dy(i)));
          const auto gradients =
              py::reinterpret_borrow<py::object>(kept.get())(upstream).template cast<py::list>();
          for (std::uint32_t i = 0; i < arguments; ++i) {
            if (!gradients[i].is_none())
              pass.accumulate_grad_exact(i, to_tensor(py::object(gradients[i]).ptr()));
          }
        };
  });
  py::list result;
  for (const Tensor& tensor : outputs) result.append(py::cast(tensor));
  return result;
}

/// What grad() differentiates by: a value of its own, connected with what it was made of.
Tensor differentiable(const py::object& value) {
  const Tensor x = to_tensor(value.ptr());
  return autograd::identity(autograd::cast(x, ops::floating(x.type())));
}

void init_variable(py::module_& m) {
  py::class_<Variable, std::shared_ptr<Variable>>(m, "Variable", "A value that training changes.")
      .def(py::init([](const Tensor& value, bool trainable) {
             return std::make_shared<Variable>(
                 value.contiguous() && value.storage().owned() ? value : ops::copy(value), trainable);
           }),
           py::arg("value"), py::arg("trainable"))
      .def(py::init<>(), "One whose value comes later.")
      .def(
          "hold", [](Variable& v, const py::object& value) { v.hold(to_tensor(value.ptr())); },
          py::arg("value"), "From now on the value is this one, in memory of the variable's own.")
      .def(
          "move_to", [](Variable& v, const py::object& place) { v.move_to(to_tensor(place.ptr())); },
          py::arg("place"), "From now on the value lies in the memory of this tensor.")
      .def(
          "__lamina_tensor__", [](Variable& v) { return v.read(); },
          "The value, watched where a tape records.")
      .def(
          "snapshot", [](Variable& v) { return v.snapshot(); },
          "The value as it is now, which no assignment changes.")
      .def(
          "peek", [](Variable& v) { return v.current(); }, "The value, without being watched.")
      .def(
          "store", [](Variable& v, const Tensor& value) { v.assign(value); }, py::arg("value"),
          "Sets the value.")
      .def(
          "store_sum",
          [](Variable& v, const py::object& delta, bool negative) {
            const Tensor value = v.current();
            const Tensor term = to_operand(delta.ptr(), value);
            const Tensor change = ops::cast(term, v.type());
            v.assign(negative ? ops::subtract(value, change) : ops::add(value, change));
          },
          py::arg("delta"), py::arg("negative"), "Adds to the value, or subtracts.")
      .def_property("trainable", &Variable::trainable, &Variable::set_trainable);
}

/// The fused functions, beside the others of `_core.ops`.
void init_fused(py::module_& m) {
  const py::object functions = m.attr("ops");
  functions.attr("activation") = py::cpp_function(
      [](const py::object& f, const Tensor& x) { return autograd::activation(py::cast<Activation>(f), x); },
      py::arg("function"), py::arg("x"));
  functions.attr("dense") = py::cpp_function(
      [](const Tensor& x, const Tensor& kernel, const py::object& bias, const py::object& f) {
        return autograd::dense(x, kernel, bias.is_none() ? Tensor() : to_tensor(bias.ptr()),
                               py::cast<Activation>(f));
      },
      py::arg("x"), py::arg("kernel"), py::arg("bias"), py::arg("function"));
  functions.attr("row_losses") = py::cpp_function(
      [](const py::object& loss, const Tensor& target, const Tensor& prediction) {
        return autograd::row_losses(py::cast<LossSpecification>(loss), target, prediction);
      },
      py::arg("loss"), py::arg("target"), py::arg("output"));
}

}  // namespace

void init_autograd(py::module_& m) {
  init_variable(m);
  init_fused(m);
  py::class_<Tape>(m, "Tape", "Records differentiable calls.")
      .def(py::init<bool, bool>(), py::arg("persistent"), py::arg("watch_variables"))
      .def_property_readonly("recording", &Tape::recording)
      .def_property_readonly("persistent", &Tape::persistent)
      .def("start", &Tape::start)
      .def("stop", &Tape::stop)
      .def("reset", &Tape::reset)
      .def("watch", &watch, py::arg("value"))
      .def("watched_variables", [](const Tape& tape) { return tape.variables(); })
      .def("gradient", &gradient, py::arg("targets"), py::arg("seeds"), py::arg("sources"), py::arg("zero"))
      .def(
          "jacobian",
          [](Tape& tape, const py::object& target_in, const py::list& sources_in, bool zero) {
            const Tensor target = recorded(target_in, "the target");
            const std::vector<Tensor> sources = recorded_list(sources_in, "sources");
            std::vector<Tensor> result;
            {
              const py::gil_scoped_release release;
              result = autograd::jacobian(tape, target, sources, unconnected(zero));
            }
            return optional_list(result);
          },
          py::arg("target"), py::arg("sources"), py::arg("zero"))
      .def(
          "batch_jacobian",
          [](Tape& tape, const py::object& target_in, const py::object& source_in, bool zero) {
            const Tensor target = recorded(target_in, "the target"),
                         source = recorded(source_in, "the source");
            std::vector<Tensor> result(1);
            {
              const py::gil_scoped_release release;
              result[0] = autograd::batch_jacobian(tape, target, source, unconnected(zero));
            }
            return py::object(optional_list(result)[0]);
          },
          py::arg("target"), py::arg("source"), py::arg("zero"));
  m.def("live_nodes", &autograd::live_nodes, "How many recorded calls and watched values there are.");
  m.def(
      "mark_changed", [](const Tensor& x) { x.storage().changed(); }, py::arg("tensor"),
      "Tells tapes that the tensor's memory was changed in place.");
  m.def("record_custom", &record_custom, py::arg("name"), py::arg("outputs"), py::arg("inputs"),
        py::arg("rule"));
  m.def("convert", [](const py::object& value) { return to_tensor(value.ptr()); }, py::arg("value"));
  m.def("differentiable", &differentiable, py::arg("value"));
  m.def(
      "stop_gradient",
      [](const py::object& value) { return autograd::stop_gradient(to_tensor(value.ptr())); },
      py::arg("value"));
}

}  // namespace lamina::bindings
