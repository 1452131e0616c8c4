// Optimizers: their settings, schedules, and the state that a network keeps for them.
#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include "bindings/arrays.h"
#include "bindings/bind_store.h"
#include "bindings/module.h"
#include "device/names.h"

namespace lamina::bindings {

namespace {

using nn::OptimizedParameters;
using nn::OptimizerSettings;

/// One slot of one parameter.
struct Place {
  void* flat;
  std::size_t parameter;
  std::optional<Shape> shape;
};

Place place(const OptimizedParameters& s, std::int64_t slot, std::int64_t parameter) {
  const auto& parameters = s.store().layout().parameters();
  const std::size_t i = checked(slot, s.optimizer().slot_names().size(), "optimizer slots");
  const std::size_t p = checked(parameter, parameters.size(), "parameters");
  return {s.optimizer().slot(i), p, s.optimizer().slot_shape(i, parameters[p], p)};
}

Place held(const OptimizedParameters& s, std::int64_t slot, std::int64_t parameter) {
  Place found = place(s, slot, parameter);
  if (!found.shape) {
    throw ValueError(text("[Network] this optimizer keeps no slot ", slot, " of parameter ", parameter));
  }
  return found;
}

void init_settings(py::module_& m) {
  py::class_<nn::Schedule>(m, "Schedule", "A learning rate as a function of the step.")
      .def(py::init([](const std::string& name, std::vector<double> numbers) {
             return nn::make_schedule(name, std::move(numbers));
           }),
           py::arg("name"), py::arg("numbers"))
      .def("__call__", &nn::Schedule::at, py::arg("step"));

  py::class_<OptimizerSettings> settings(m, "Optimizer", "An optimizer's rule and settings.");
  settings
      .def(py::init([](const std::string& kind, double learning_rate, double momentum, double beta_1,
                       double beta_2, double epsilon) {
             return OptimizerSettings{
                 optimizer_from_name(kind), learning_rate, momentum, beta_1, beta_2, epsilon};
           }),
           py::arg("kind"), py::arg("learning_rate"), py::arg("momentum") = 0.0, py::arg("beta_1") = 0.9,
           py::arg("beta_2") = 0.999, py::arg("epsilon") = 1e-7)
      .def_readwrite("warmup_steps", &OptimizerSettings::warmup_steps)
      .def_readwrite("rho", &OptimizerSettings::rho)
      .def_readwrite("initial_accumulator_value", &OptimizerSettings::initial_accumulator_value)
      .def_readwrite("weight_decay", &OptimizerSettings::weight_decay)
      .def_readwrite("without_decay", &OptimizerSettings::without_decay)
      .def_readwrite("clipnorm", &OptimizerSettings::clipnorm)
      .def_readwrite("clipvalue", &OptimizerSettings::clipvalue)
      .def_readwrite("global_clipnorm", &OptimizerSettings::global_clipnorm)
      .def_readwrite("use_ema", &OptimizerSettings::use_ema)
      .def_readwrite("ema_momentum", &OptimizerSettings::ema_momentum)
      .def_readwrite("ema_overwrite_frequency", &OptimizerSettings::ema_overwrite_frequency)
      .def_readwrite("gradient_accumulation_steps", &OptimizerSettings::gradient_accumulation_steps)
      .def_readwrite("loss_scale_factor", &OptimizerSettings::loss_scale_factor)
      .def_readwrite("dynamic_scale", &OptimizerSettings::dynamic_scale)
      .def_readwrite("dynamic_growth_steps", &OptimizerSettings::dynamic_growth_steps)
      .def_readwrite("schedule", &OptimizerSettings::schedule)
      .def(
          "set_rate_function",
          [](OptimizerSettings& s, const py::function& function) {
            // Released with the lock held, whoever lets the last copy go.
            const std::shared_ptr<py::function> shared(new py::function(function), [](py::function* f) {
              const py::gil_scoped_acquire acquire;
              delete f;
            });
            s.rate_function = [shared](std::int64_t step) {
              const py::gil_scoped_acquire acquire;
              return (*shared)(step).cast<double>();
            };
          },
          py::arg("function"), "A function of the step that is asked for each learning rate.")
      .def(
          "set_ftrl",
          [](OptimizerSettings& s, double power, double l1, double l2, double l2_shrinkage, double beta) {
            s.ftrl = {power, l1, l2, l2_shrinkage, beta};
          },
          py::arg("learning_rate_power"), py::arg("l1"), py::arg("l2"), py::arg("l2_shrinkage"),
          py::arg("beta"))
      .def(
          "set_adafactor",
          [](OptimizerSettings& s, double beta_2_decay, double epsilon_1, double epsilon_2,
             double clip_threshold) { s.adafactor = {beta_2_decay, epsilon_1, epsilon_2, clip_threshold}; },
          py::arg("beta_2_decay"), py::arg("epsilon_1"), py::arg("epsilon_2"), py::arg("clip_threshold"))
      .def(
          "set_muon",
          [](OptimizerSettings& s, double a, double b, double c, std::int64_t iterations, bool nesterov,
             std::optional<double> rms_rate, double adam_lr_ratio, std::optional<double> adam_weight_decay,
             std::vector<std::int64_t> adam_parameters) {
            s.muon = {a,
                      b,
                      c,
                      iterations,
                      nesterov,
                      rms_rate,
                      adam_lr_ratio,
                      adam_weight_decay,
                      std::move(adam_parameters)};
          },
          py::arg("a"), py::arg("b"), py::arg("c"), py::arg("iterations"), py::arg("nesterov"),
          py::arg("rms_rate"), py::arg("adam_lr_ratio"), py::arg("adam_weight_decay"),
          py::arg("adam_parameters"))
      .def(
          "set_lbfgs",
          [](OptimizerSettings& s, std::int64_t history, std::int64_t iterations_per_epoch,
             std::int64_t max_evaluations, double sufficient_decrease, double curvature,
             double tolerance_gradient, double tolerance_change) {
            s.lbfgs = {history,   iterations_per_epoch, max_evaluations, sufficient_decrease,
                       curvature, tolerance_gradient,   tolerance_change};
          },
          py::arg("history"), py::arg("iterations_per_epoch"), py::arg("max_evaluations"),
          py::arg("sufficient_decrease"), py::arg("curvature"), py::arg("tolerance_gradient"),
          py::arg("tolerance_change"));
}

template <class Model, class... Options>
void bind_optimizer_state(py::class_<Model, Options...>& c) {
  c.def_property(
       "learning_rate", [](Model& m) { return parameters_of(m).optimizer().learning_rate(); },
       [](Model& m, double rate) { parameters_of(m).optimizer().set_learning_rate(rate); },
       "The learning rate of the coming step.")
      .def_property(
          "iterations", [](Model& m) { return parameters_of(m).optimizer().iterations(); },
          [](Model& m, std::int64_t n) { parameters_of(m).optimizer().set_iterations(n); },
          "Steps taken, also those that only added up gradients.")
      .def("slot_names", [](Model& m) { return parameters_of(m).optimizer().slot_names(); })
      .def(
          "slot_shape",
          [](Model& m, std::int64_t slot, std::int64_t parameter) -> std::optional<py::tuple> {
            const Place found = place(parameters_of(m), slot, parameter);
            if (!found.shape) return std::nullopt;
            return to_tuple(*found.shape);
          },
          py::arg("slot"), py::arg("parameter"), "None where the parameter does without this slot.")
      .def(
          "get_slot",
          [](Model& m, std::int64_t slot, std::int64_t parameter) {
            const Place found = held(parameters_of(m), slot, parameter);
            py::array out = make_array(parameters_of(m).store().dtype(), *found.shape);
            void* to = out.mutable_data();
            const std::int64_t count = element_count(*found.shape);
            const py::gil_scoped_release release;
            parameters_of(m).store().read(found.flat, found.parameter, to, count);
            return out;
          },
          py::arg("slot"), py::arg("parameter"))
      .def(
          "set_slot",
          [](Model& m, std::int64_t slot, std::int64_t parameter, const py::object& value) {
            const Place found = held(parameters_of(m), slot, parameter);
            const py::array dense =
                dense_copy(value, parameters_of(m).store().dtype(), *found.shape,
                           parameters_of(m).optimizer().slot_names()[static_cast<std::size_t>(slot)]);
            const void* from = dense.data();
            const std::int64_t count = element_count(*found.shape);
            const py::gil_scoped_release release;
            parameters_of(m).store().write(found.flat, found.parameter, from, count);
          },
          py::arg("slot"), py::arg("parameter"), py::arg("value"))
      .def(
          "optimizer_numbers", [](Model& m) { return parameters_of(m).optimizer().number_names(); },
          "The names of the optimizer's state that is one number each.")
      .def(
          "get_optimizer_number",
          [](Model& m, std::int64_t i) {
            return parameters_of(m).optimizer().number(
                checked(i, parameters_of(m).optimizer().number_names().size(), "numbers"));
          },
          py::arg("i"))
      .def(
          "set_optimizer_number",
          [](Model& m, std::int64_t i, double value) {
            parameters_of(m).optimizer().set_number(
                checked(i, parameters_of(m).optimizer().number_names().size(), "numbers"), value);
          },
          py::arg("i"), py::arg("value"))
      .def_property_readonly(
          "converged", [](Model& m) { return parameters_of(m).optimizer().converged(); },
          "Whether L-BFGS found nothing left to do.")
      .def(
          "swap_average", [](Model& m) { parameters_of(m).swap_average(); },
          py::call_guard<py::gil_scoped_release>(), "Exchanges the parameters with their moving averages.")
      .def_property_readonly(
          "swapped", [](Model& m) { return parameters_of(m).optimizer().swapped(); },
          "Whether the parameters are exchanged with their moving averages now.")
      .def(
          "follow",
          [](Model& m, const OptimizerSettings& other) { parameters_of(m).optimizer().follow(other); },
          py::arg("settings"), "From now on the learning rate or schedule of these settings.")
      .def(
          "adopt_average", [](Model& m) { parameters_of(m).adopt_average(); },
          py::call_guard<py::gil_scoped_release>(),
          "The parameters become their moving averages, if there are any.")
      .def_property_readonly(
          "loss_scale", [](Model& m) { return parameters_of(m).optimizer().loss_scale(); },
          "By what the gradient of the loss is to be multiplied.");
}

}  // namespace

void init_optimizer(py::module_& m) { init_settings(m); }

void init_optimizer_state(py::module_& m) {
  NetworkClass network(py::object(m.attr("Network")));
  bind_optimizer_state(network);
  StoreClass store(py::object(m.attr("ParameterStore")));
  bind_optimizer_state(store);
}

}  // namespace lamina::bindings
