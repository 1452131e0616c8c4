// Layers, losses and optimizers on the tape.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>

#include "autograd/batch_loss.h"
#include "autograd/functions.h"
#include "autograd/layers.h"
#include "autograd/tape.h"
#include "bindings/bind_layers.h"
#include "bindings/fast_path.h"
#include "bindings/metrics.h"
#include "bindings/module.h"
#include "bindings/tensor_object.h"
#include "core/error.h"
#include "nn/training/trainer.h"

namespace lamina::bindings {

namespace {

using autograd::Layers;
using autograd::Variable;
using nn::Trainer;

py::object object_of(const Tensor& tensor) {
  if (!tensor.defined()) return py::none();
  PyObject* const object = wrap(tensor);
  if (object == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(object);
}

/// Tapes compute on the CPU.
void require_host(const Trainer& model, const char* where) {
  if (model.network.device().is_host()) return;
  throw StateError(text("[", where, "] this is computed on the CPU, and the network is on '",
                        model.network.device().name(), "'"));
}

/// A tensor for a tensor; a list of all outputs for a list of inputs.
py::tuple call_layers(const Layers& layers, const py::object& x, bool training, std::uint64_t step) {
  const bool is_list = py::isinstance<py::list>(x);
  std::vector<Tensor> inputs;
  if (is_list) {
    for (const py::handle input : x) inputs.push_back(to_tensor(input.ptr()));
  } else {
    inputs.push_back(to_tensor(x.ptr()));
  }
  if (!is_list && layers.network().outputs() != 1) {
    throw ValueError(text("[layers] a list of inputs is needed where there are several outputs, here ",
                          layers.network().outputs()));
  }
  Layers::Outputs outputs;
  const double rows =
      inputs.empty() || inputs[0].rank() == 0 ? 0.0 : static_cast<double>(inputs[0].extent(0));
  run(rows * layers.network().work(), [&] { outputs = layers.call(inputs, training, step); });
  const py::object penalty = object_of(outputs.penalty);
  if (!is_list) return py::make_tuple(object_of(outputs.y[0]), penalty, outputs.penalty_value);
  py::list all;
  for (const Tensor& y : outputs.y) all.append(object_of(y));
  return py::make_tuple(all, penalty, outputs.penalty_value);
}

py::tuple batch_loss(const LossSpecification& loss, const std::string& reduction, double weight,
                     const py::object& target, const py::object& prediction, const py::object& weights) {
  const autograd::BatchLoss whole{loss, reduction_from_name(reduction), weight, false};
  const Tensor y = to_tensor(target.ptr()), p = to_tensor(prediction.ptr());
  const Tensor w = weights.is_none() ? Tensor() : to_tensor(weights.ptr());
  autograd::BatchLoss::Answer answer;
  run(static_cast<double>(p.size()) * 16.0, [&] { answer = whole(y, p, w); });
  return py::make_tuple(object_of(answer.loss), answer.value, answer.total, answer.rows);
}

/// While it is entered, no tape records in this thread.
class Unrecorded {
 public:
  void enter() { kept_.emplace_back(std::make_unique<autograd::NoRecording>()); }
  void exit() { kept_.pop_back(); }

 private:
  std::vector<std::unique_ptr<autograd::NoRecording>> kept_;
};

}  // namespace

void init_eager(py::module_& m) {
  py::class_<Layers>(m, "Layers", "A plan's layers, or a single one, as one call on the tape.")
      .def(py::init([](std::shared_ptr<Trainer> model, std::vector<std::shared_ptr<Variable>> variables) {
             require_host(*model, "layers");
             return Layers(std::move(model), std::move(variables));
           }),
           py::arg("network"), py::arg("variables"))
      .def("__call__", &call_layers, py::arg("x"), py::arg("training"), py::arg("step"),
           "The output for a tensor, or a list of outputs for a list of tensors; what penalties on outputs "
           "add to "
           "the loss (a tensor or None); and the same as a number.");
  py::class_<Unrecorded>(m, "Unrecorded", "Keeps tapes from recording.")
      .def(py::init<>())
      .def("__enter__", &Unrecorded::enter)
      .def("__exit__", [](Unrecorded& u, const py::args&) { u.exit(); });
  m.def("is_recording", &autograd::is_recording, "Whether a tape records in this thread.");
  m.def("batch_loss", &batch_loss, py::arg("loss"), py::arg("reduction"), py::arg("weight"),
        py::arg("target"), py::arg("prediction"), py::arg("weights"),
        "The loss of a batch as a tensor, in double, what it adds to the sum of an epoch, and for how many "
        "rows.");
  m.def(
      "row_losses",
      [](const LossSpecification& loss, const py::object& target, const py::object& prediction) {
        return object_of(autograd::row_losses(loss, to_tensor(target.ptr()), to_tensor(prediction.ptr())));
      },
      py::arg("loss"), py::arg("target"), py::arg("prediction"), "The loss of each row, as a tensor.");
  m.def(
      "activation",
      [](const Activation& function, const py::object& x) {
        return object_of(autograd::activation(function, to_tensor(x.ptr())));
      },
      py::arg("function"), py::arg("x"), "An activation of a tensor.");
}

}  // namespace lamina::bindings
