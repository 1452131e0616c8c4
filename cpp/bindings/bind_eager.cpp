// Layers, losses and optimizers on the tape.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <optional>

#include "autograd/apply.h"
#include "autograd/batch_loss.h"
#include "autograd/functions.h"
#include "autograd/layers.h"
#include "autograd/tape.h"
#include "bindings/bind_layers.h"
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

/// Work (in multiplications) that is over before another thread could make use of the interpreter.
constexpr double kBrief = 2e5;

py::object object_of(const Tensor& tensor) {
  if (!tensor.defined()) return py::none();
  PyObject* const object = wrap(tensor);
  if (object == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(object);
}

/// Runs `body` without the interpreter lock, unless that takes longer than the body.
template <class Body>
void run(double work, const Body& body) {
  if (work < kBrief) return body();
  const py::gil_scoped_release release;
  body();
}

/// Tapes compute on the CPU.
void require_host(const Trainer& model, const char* where) {
  if (model.network.device().is_host()) return;
  throw StateError(text("[", where, "] this is computed on the CPU, and the network is on '",
                        model.network.device().name(), "'"));
}

py::tuple call_layers(const Layers& layers, const py::object& x, bool training, std::uint64_t step) {
  const Tensor input = to_tensor(x.ptr());
  Layers::Answer answer;
  const double rows = input.rank() == 0 ? 0.0 : static_cast<double>(input.extent(0));
  run(rows * layers.network().work(), [&] { answer = layers.call(input, training, step); });
  return py::make_tuple(object_of(answer.y), object_of(answer.penalty), answer.penalty_value);
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

/// One step. `variables` hold the values, when that is not the network's own memory.
double apply_gradients(Trainer& model, const std::vector<std::size_t>& places, const py::list& gradients_in,
                       bool penalties, const std::vector<std::shared_ptr<Variable>>& variables) {
  model.network.build();
  std::vector<Tensor> gradients;
  for (std::size_t i = 0; i < places.size(); ++i) {
    gradients.push_back(to_tensor(py::object(gradients_in[i]).ptr()));
  }
  double penalty = 0.0;
  run(static_cast<double>(model.network.layout().elements()) * 8.0,
      [&] { penalty = autograd::apply_gradients(model, places, gradients, penalties, variables); });
  return penalty;
}

/// A parameter of a network, which other networks may have too.
class NetworkPlace final : public autograd::Place {
 public:
  NetworkPlace(std::shared_ptr<Trainer> model, std::size_t parameter)
      : model_(std::move(model)), parameter_(parameter) {}
  void fetch() override { model_->shared().fetch(false); }
  void changed() override {
    model_->network.values();  // copies that were made of the old value are no use any more
    model_->shared().changed(parameter_);
  }

 private:
  std::shared_ptr<Trainer> model_;
  std::size_t parameter_;
};

/// The same on a device whose memory is not the host's. What tapes compute with is a copy in host memory.
class DevicePlace final : public autograd::Place {
 public:
  DevicePlace(std::shared_ptr<Trainer> model, std::size_t parameter)
      : model_(std::move(model)),
        parameter_(parameter),
        newest_(model_->parameter_bytes(parameter)),
        copy_(element_type(model_->network.dtype()),
              ArrayShape(model_->network.layout().parameters().at(parameter).shape), &device("cpu")) {
    read();
    std::copy(newest_.begin(), newest_.end(), static_cast<char*>(copy_.raw()));
  }
  const Tensor& copy() const { return copy_; }
  void fetch() override {
    const std::lock_guard guard(lock_);
    model_->shared().fetch(false);
    read();
    if (std::memcmp(newest_.data(), copy_.raw(), newest_.size()) == 0) return;
    std::copy(newest_.begin(), newest_.end(), static_cast<char*>(copy_.raw()));
    copy_.storage().changed();  // tapes that need the old value say so
  }
  void changed() override {
    model_->write(model_->network.values(), parameter_, copy_.raw());
    model_->shared().changed(parameter_);
  }

 private:
  void read() { model_->read(model_->network.values(), parameter_, newest_.data()); }

  std::shared_ptr<Trainer> model_;
  std::size_t parameter_;
  std::vector<char> newest_;
  Tensor copy_;
  std::mutex lock_;
};

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
           "The answer, what penalties on outputs add to the loss (a tensor or None), and the same as a "
           "number.");
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
  NetworkClass(py::object(m.attr("Network")))
      .def(
          "parameter_tensor",
          [](Trainer& s, std::size_t i) {
            s.network.build();
            require_host(s, "parameter_tensor");
            s.shared().fetch(false);
            return object_of(s.network.parameter(i));
          },
          py::arg("i"), "A view of a parameter.")
      .def(
          "lend_parameter",
          [](const std::shared_ptr<Trainer>& s, std::size_t i, Variable& variable) {
            s->network.build();
            s->shared().fetch(false);
            if (!s->network.device().is_host()) {
              const auto place = std::make_shared<DevicePlace>(s, i);
              return variable.move_to(place->copy(), place);
            }
            variable.move_to(s->network.parameter(i), std::make_shared<NetworkPlace>(s, i));
          },
          py::arg("i"), py::arg("variable"), "From now on the variable's value is this parameter.")
      .def("apply_gradients", &apply_gradients, py::arg("places"), py::arg("gradients"),
           py::arg("penalties") = false, py::arg("variables") = std::vector<std::shared_ptr<Variable>>(),
           "One step of the optimizer; returns the value of the penalties that were asked for.")
      .def_property_readonly(
          "loss_scale", [](Trainer& s) { return s.optimizer().loss_scale(); },
          "By what the gradient of the loss is to be multiplied.")
      .def(
          "penalty_value",
          [](const Trainer& s) {
            s.shared().fetch(true);
            return s.network.penalties(false);
          },
          "What the penalties on parameters add to the loss.")
      .def(
          "constrain",
          [](const Trainer& s) {
            s.shared().fetch(true);
            s.network.constrain();
            s.network.changed();
            s.shared().changed();
          },
          "The constraints on parameters hold again.");
}

}  // namespace lamina::bindings
