// The planned network: building, parameters, training, prediction.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <chrono>
#include <optional>

#include "bindings/arrays.h"
#include "bindings/bind_layers.h"
#include "bindings/metrics.h"
#include "bindings/module.h"
#include "bindings/quick_calls.h"
#include "core/error.h"
#include "device/names.h"
#include "nn/training/trainer.h"

namespace lamina::bindings {

namespace {

using nn::Monitor;
using nn::Samples;
using nn::Trainer;

/// Looks for signals, and now and then calls the user's poll between batches.
class Check final : public Monitor::Check {
 public:
  Check(const py::object& poll, const Trainer& model) : poll_(poll), model_(model) {
    if (!poll_.is_none()) last_ = Clock::now();
  }
  void operator()(std::int64_t batches, bool between) override {
    const py::gil_scoped_acquire acquire;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (!between || poll_.is_none() || Clock::now() - last_ < kInterval) return;
    poll_(batches, model_.metric_values());
    last_ = Clock::now();
  }

 private:
  using Clock = Monitor::Clock;
  static constexpr std::chrono::milliseconds kInterval{100};
  const py::object& poll_;
  const Trainer& model_;
  Clock::time_point last_{};
};

Samples make_samples(const py::array& x, const py::array& y, const std::optional<py::array>& weights) {
  Samples samples;
  samples.x = view_rows(x, "x");
  samples.y = view_rows(y, "y");
  if (weights) samples.weights = view_rows(*weights, "sample_weight");
  return samples;
}

std::vector<double> train(Trainer& model, const py::array& x, const py::array& y,
                          const std::optional<py::array>& weights, std::int64_t batch_size, bool shuffle,
                          const py::object& poll) {
  const Samples samples = make_samples(x, y, weights);
  Check check(poll, model);
  Monitor monitor(check);
  const py::gil_scoped_release release;
  model.train_epoch(samples, batch_size, shuffle, monitor);
  return model.metric_values();
}

std::vector<double> train_on_batch(Trainer& model, const py::array& x, const py::array& y,
                                   const std::optional<py::array>& weights, bool fresh) {
  const Samples samples = make_samples(x, y, weights);
  const py::none silent;
  Check check(silent, model);
  Monitor monitor(check);
  const py::gil_scoped_release release;
  model.train_step(samples, fresh, monitor);
  return model.metric_values();
}

std::vector<double> evaluate(Trainer& model, const py::array& x, const py::array& y,
                             const std::optional<py::array>& weights, std::int64_t batch_size,
                             const py::object& poll, bool fresh) {
  const Samples samples = make_samples(x, y, weights);
  Check check(poll, model);
  Monitor monitor(check);
  const py::gil_scoped_release release;
  model.evaluate(samples, batch_size, fresh, monitor);
  return model.metric_values();
}

std::vector<double> test_on_batch(Trainer& model, const py::array& x, const py::array& y,
                                  const std::optional<py::array>& weights, bool fresh) {
  const std::int64_t rows = x.ndim() > 0 ? x.shape(0) : 1;
  return evaluate(model, x, y, weights, std::max<std::int64_t>(1, rows), py::none(), fresh);
}

py::array predict(Trainer& model, const py::array& x, std::int64_t batch_size, const py::object& poll) {
  if (batch_size < 1) throw ValueError(text("[predict] batch_size must be positive. Received: ", batch_size));
  model.network.build();
  const ArrayView view = view_rows(x, "x");
  nn::check_inputs(view, model.network.input_shape());
  py::array out = make_rows(model.network.dtype(), view.rows, model.network.output_shape());
  void* to = out.mutable_data();
  Check check(poll, model);
  Monitor monitor(check);
  const py::gil_scoped_release release;
  model.predict(view, to, monitor);
  return out;
}

}  // namespace

void init_network(py::module_& m) {
  py::class_<nn::PlacedParameter>(m, "ParameterInfo", "Which parameter of which layer.")
      .def_readonly("layer", &nn::PlacedParameter::layer)
      .def_readonly("name", &nn::PlacedParameter::name)
      .def_readonly("trained", &nn::PlacedParameter::trained)
      .def_property_readonly("shape", [](const nn::PlacedParameter& p) { return to_tuple(p.shape); });

  NetworkClass network(m, "Network", "A stack of layers with its parameters, planned for training.");
  bind_layers(network);
  network
      .def(py::init([](const Shape& input_shape, const std::string& dtype, const std::string& on,
                       std::uint64_t seed, const std::string& precision) {
             return std::make_shared<Trainer>(input_shape, dtype_from_name(dtype),
                                              device(on, precision_from_name(precision)), seed);
           }),
           py::arg("input_shape"), py::arg("dtype") = "float32", py::arg("device") = "cpu",
           py::arg("seed") = 0, py::arg("precision") = "strict")
      .def(
          "output_shape",
          [](const Trainer& s, std::int64_t i) { return to_tuple(s.network.output_shape(i)); },
          py::arg("layer") = -1)
      .def_property_readonly("device",
                             [](const Trainer& s) { return std::string(s.network.device().name()); })
      .def_property_readonly(
          "precision", [](const Trainer& s) { return std::string(name_of(s.network.device().precision())); })
      .def_property("fuses_updates", &Trainer::fuses_updates, &Trainer::set_fuses_updates,
                    "Whether large kernels are updated while their gradients are computed.")
      .def(
          "compile",
          [](Trainer& s, const LossSpecification& loss, const nn::OptimizerSettings& optimizer,
             const std::vector<MetricSpecification>& metrics, const std::string& reduction,
             double loss_weight, bool skip_missing) {
            s.compile({loss, metrics, reduction_from_name(reduction), loss_weight, skip_missing}, optimizer);
          },
          py::arg("loss"), py::arg("optimizer"), py::arg("metrics"), py::arg("reduction") = "mean",
          py::arg("loss_weight") = 1.0, py::arg("skip_missing") = false)
      .def(
          "add_parameter",
          [](Trainer& s, const std::string& name, const Shape& shape, bool trained) {
            s.network.add_parameter({name, shape, trained});
          },
          py::arg("name"), py::arg("shape"), py::arg("trained") = true,
          "A parameter that no layer of the plan uses.")
      .def(
          "build_in",
          [](Trainer& s, Trainer& other) {
            other.network.build();
            s.network.build_in(other.network);
          },
          py::arg("other"), "Shares the parameters of another network that has the same ones.")
      .def("set_optimizer", &Trainer::set_optimizer, py::arg("optimizer"),
           "An optimizer without a loss, for gradients that come from a tape.")
      .def(
          "metric_variables",
          [](Trainer& s, std::size_t i) {
            if (i >= s.metrics().size()) throw py::index_error("no such metric");
            return variables_of(s.metrics()[i], s.network.output_shape().back(), s.state_of_metric(i));
          },
          py::arg("i"), "The state of a metric: names and arrays.")
      .def_property("epochs_seen", &Trainer::epochs_seen, &Trainer::set_epochs_seen,
                    "How many epochs were trained: chooses the next shuffle.")
      .def_property("steps_seen", &Trainer::steps_seen, &Trainer::set_steps_seen,
                    "How many steps were trained: chooses the next dropout masks.")
      .def_property_readonly("seed", &Trainer::seed)
      .def("reset_metrics", &Trainer::reset_metrics)
      .def("metric_values", &Trainer::metric_values)
      .def("metric_state", &Trainer::metric_state)
      .def("set_metric_state", &Trainer::set_metric_state, py::arg("state"))
      .def_property("watch", &Trainer::watch, &Trainer::set_watch,
                    "Whether a training step whose loss is not finite is a FloatingPointError.")
      .def_property_readonly("batches_done", &Trainer::batches_done,
                             "How many batches the last training or evaluation finished.")
      .def("train", &train, py::arg("x"), py::arg("y"), py::arg("sample_weight"), py::arg("batch_size"),
           py::arg("shuffle"), py::arg("poll"))
      .def("train_on_batch", &train_on_batch, py::arg("x"), py::arg("y"), py::arg("sample_weight"),
           py::arg("fresh") = false)
      .def("evaluate", &evaluate, py::arg("x"), py::arg("y"), py::arg("sample_weight"), py::arg("batch_size"),
           py::arg("poll"), py::arg("fresh") = false)
      .def("test_on_batch", &test_on_batch, py::arg("x"), py::arg("y"), py::arg("sample_weight"),
           py::arg("fresh") = false)
      .def("predict", &predict, py::arg("x"), py::arg("batch_size"), py::arg("poll"));
  add_quick_calls(network);

  m.def(
      "has_nan",
      [](const py::array& array) {
        const ArrayView view =
            view_rows(array.ndim() == 0 ? py::array(array.attr("reshape")(1)) : array, "array");
        const py::gil_scoped_release release;
        return device("cpu").has_nan(view);
      },
      py::arg("array"), "Whether any element is NaN.");
  m.def(
      "find_bad_label",
      [](const py::array& array, std::int64_t classes, std::optional<std::int64_t> ignore_class,
         bool missing) {
        const ArrayView view = view_rows(array, "labels");
        const LabelRule rule{classes, ignore_class.has_value(), ignore_class.value_or(0), missing};
        const py::gil_scoped_release release;
        return device("cpu").find_bad_label(view, rule);
      },
      py::arg("array"), py::arg("classes"), py::arg("ignore_class") = std::nullopt,
      py::arg("missing") = false,
      "The index of the first label that is NaN (unless `missing`), fractional, or outside [0, classes) "
      "without being the ignored class; -1 if there is none.");
}

}  // namespace lamina::bindings
