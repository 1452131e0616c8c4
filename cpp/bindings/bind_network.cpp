// The planned network: building, parameters, training, prediction.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <chrono>
#include <optional>

#include "bindings/arrays.h"
#include "bindings/bind_layers.h"
#include "bindings/fast_path.h"
#include "bindings/metrics.h"
#include "bindings/module.h"
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

py::array array_in(const py::handle& object, const char* name) {
  if (py::isinstance<py::array>(object)) return py::reinterpret_borrow<py::array>(object);
  throw TypeError(text("[", name, "] an array is needed. Received: ",
                       std::string(py::str(py::type::of(object).attr("__name__")))));
}

std::vector<py::array> arrays_in(const py::object& object, const char* name) {
  if (!py::isinstance<py::list>(object) && !py::isinstance<py::tuple>(object))
    return {array_in(object, name)};
  std::vector<py::array> arrays;
  for (const py::handle& each : object) arrays.push_back(array_in(each, name));
  return arrays;
}

/// One array, or a list of them: as views, which the arrays outlive.
std::vector<ArrayView> view_all(const py::object& arrays, const char* name) {
  std::vector<ArrayView> views;
  for (const py::array& array : arrays_in(arrays, name)) views.push_back(view_rows(array, name));
  return views;
}

/// The same where entries may be None.
std::vector<std::optional<ArrayView>> view_some(const py::object& arrays, const char* name) {
  std::vector<std::optional<ArrayView>> views;
  if (!py::isinstance<py::list>(arrays) && !py::isinstance<py::tuple>(arrays)) {
    if (!arrays.is_none()) views.emplace_back(view_rows(array_in(arrays, name), name));
    return views;
  }
  for (const py::handle& each : arrays) {
    views.emplace_back(each.is_none() ? std::nullopt
                                      : std::optional<ArrayView>(view_rows(array_in(each, name), name)));
  }
  return views;
}

/// One array of weights for several outputs are the weights of all.
Samples make_samples(const Trainer& model, const py::object& x, const py::object& y,
                     const py::object& weights) {
  Samples samples;
  samples.x = view_all(x, "x");
  samples.y = view_some(y, "y");
  samples.weights = view_some(weights, "sample_weight");
  const bool one = !py::isinstance<py::list>(weights) && !py::isinstance<py::tuple>(weights);
  if (one && samples.weights.size() == 1)
    samples.weights.resize(model.output_shapes().size(), samples.weights[0]);
  return samples;
}

std::vector<double> train(Trainer& model, const py::object& x, const py::object& y, const py::object& weights,
                          std::int64_t batch_size, bool shuffle, const py::object& poll, bool scanned) {
  const Samples samples = make_samples(model, x, y, weights);
  Check check(poll, model);
  Monitor monitor(check);
  const py::gil_scoped_release release;
  model.train_epoch(samples, batch_size, shuffle, monitor, scanned);
  return model.metric_values();
}

std::vector<double> train_on_batch(Trainer& model, const py::object& x, const py::object& y,
                                   const py::object& weights, bool fresh) {
  const Samples samples = make_samples(model, x, y, weights);
  const py::none silent;
  Check check(silent, model);
  Monitor monitor(check);
  const py::gil_scoped_release release;
  model.train_step(samples, fresh, monitor);
  return model.metric_values();
}

std::vector<double> evaluate(Trainer& model, const py::object& x, const py::object& y,
                             const py::object& weights, std::int64_t batch_size, const py::object& poll,
                             bool fresh, bool scanned) {
  const Samples samples = make_samples(model, x, y, weights);
  Check check(poll, model);
  Monitor monitor(check);
  const py::gil_scoped_release release;
  model.evaluate(samples, batch_size, fresh, monitor, scanned);
  return model.metric_values();
}

std::vector<double> test_on_batch(Trainer& model, const py::object& x, const py::object& y,
                                  const py::object& weights, bool fresh) {
  const Samples samples = make_samples(model, x, y, weights);
  const py::none silent;
  Check check(silent, model);
  Monitor monitor(check);
  const py::gil_scoped_release release;
  model.evaluate(samples, std::max<std::int64_t>(1, samples.rows()), fresh, monitor);
  return model.metric_values();
}

/// Arrays for the outputs, and where they are.
struct Outputs {
  Outputs(const Trainer& model, std::int64_t rows) {
    for (const Shape& shape : model.output_shapes()) {
      arrays.push_back(make_rows(model.network.dtype(), rows, shape));
      places.push_back(arrays.back().mutable_data());
    }
  }
  /// One array, or a list of several.
  py::object object() const {
    return arrays.size() == 1 ? py::object(arrays[0]) : py::object(py::cast(arrays));
  }
  std::vector<py::array> arrays;
  std::vector<void*> places;
};

py::object predict(Trainer& model, const py::object& x, std::int64_t batch_size, const py::object& poll) {
  if (batch_size < 1) throw ValueError(text("[predict] batch_size must be positive. Received: ", batch_size));
  model.network.build();
  const std::vector<ArrayView> views = view_all(x, "x");
  nn::check_inputs(views, model.input_shapes());
  const Outputs outputs(model, views.front().rows);
  Check check(poll, model);
  Monitor monitor(check);
  {
    const py::gil_scoped_release release;
    model.predict(views, outputs.places, monitor);
  }
  return outputs.object();
}

py::object call_training(Trainer& model, const py::object& x) {
  const std::vector<ArrayView> views = view_all(x, "x");
  nn::check_inputs(views, model.input_shapes());
  const Outputs outputs(model, views.front().rows);
  {
    const py::gil_scoped_release release;
    model.call_training(views, outputs.places);
  }
  return outputs.object();
}

nn::OutputObjective make_objective(const std::optional<LossSpecification>& loss, const std::string& reduction,
                                   double weight, const std::vector<MetricSpecification>& metrics,
                                   bool skip_missing) {
  return {loss, reduction_from_name(reduction), weight, metrics, skip_missing};
}

}  // namespace

void init_network(py::module_& m) {
  py::class_<nn::PlacedParameter>(m, "ParameterInfo", "Which parameter of which layer.")
      .def_readonly("layer", &nn::PlacedParameter::layer)
      .def_readonly("name", &nn::PlacedParameter::name)
      .def_readonly("trained", &nn::PlacedParameter::trained)
      .def_property_readonly("shape", [](const nn::PlacedParameter& p) { return to_tuple(p.shape); });

  py::class_<nn::OutputObjective>(m, "OutputObjective", "What an output is trained for and measured by.")
      .def(py::init(&make_objective), py::arg("loss") = std::nullopt, py::arg("reduction") = "mean",
           py::arg("weight") = 1.0, py::arg("metrics") = std::vector<MetricSpecification>(),
           py::arg("skip_missing") = false);

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
            s.compile({make_objective(loss, reduction, loss_weight, metrics, skip_missing)}, optimizer);
          },
          py::arg("loss"), py::arg("optimizer"), py::arg("metrics"), py::arg("reduction") = "mean",
          py::arg("loss_weight") = 1.0, py::arg("skip_missing") = false)
      .def(
          "compile",
          [](Trainer& s, const std::vector<std::optional<nn::OutputObjective>>& objectives,
             const nn::OptimizerSettings& optimizer) {
            std::vector<nn::OutputObjective> all;
            for (const auto& objective : objectives) all.push_back(objective.value_or(nn::OutputObjective{}));
            s.compile(std::move(all), optimizer);
          },
          py::arg("objectives"), py::arg("optimizer"),
          "An objective for each output; None for one that is neither trained nor measured.")
      .def(
          "add_parameter",
          [](Trainer& s, const std::string& name, const Shape& shape, bool trained) {
            s.network.add_parameter({name, shape, trained});
          },
          py::arg("name"), py::arg("shape"), py::arg("trained") = true,
          "A parameter that no layer of the plan uses.")
      .def("set_optimizer", &Trainer::set_optimizer, py::arg("optimizer"),
           "An optimizer without a loss, for gradients that come from a tape.")
      .def(
          "metric_variables",
          [](Trainer& s, std::size_t i) {
            const nn::Objective& all = s.objective();
            if (i >= all.metric_count()) throw py::index_error("no such metric");
            return variables_of(all.metric(i), all.columns_of_metric(i), all.metric_state(i));
          },
          py::arg("i"), "The state of metric i, counted over all outputs: names and arrays.")
      .def_property("epochs_seen", &Trainer::epochs_seen, &Trainer::set_epochs_seen,
                    "How many epochs were trained: chooses the next shuffle.")
      .def_property("steps_seen", &Trainer::steps_seen, &Trainer::set_steps_seen,
                    "How many steps were trained: chooses the next dropout masks.")
      .def_property_readonly("seed", &Trainer::seed)
      .def("reset_metrics", &Trainer::reset_metrics)
      .def("metric_values", &Trainer::metric_values,
           "The whole loss's mean, with several outputs that of each output's loss, then the metrics of the "
           "outputs in turn.")
      .def("metric_state", &Trainer::metric_state)
      .def("set_metric_state", &Trainer::set_metric_state, py::arg("state"))
      .def_property("watch", &Trainer::watch, &Trainer::set_watch,
                    "Whether a training step whose loss is not finite is a FloatingPointError.")
      .def_property_readonly("batches_done", &Trainer::batches_done,
                             "How many batches the last training or evaluation finished.")
      .def("train", &train, py::arg("x"), py::arg("y"), py::arg("sample_weight"), py::arg("batch_size"),
           py::arg("shuffle"), py::arg("poll"), py::arg("scanned") = false,
           "An epoch. Arrays, or lists of one for each input or output, with None for targets and weights "
           "that there are not. `scanned`: the targets' values were checked before.")
      .def("train_on_batch", &train_on_batch, py::arg("x"), py::arg("y"), py::arg("sample_weight"),
           py::arg("fresh") = false)
      .def("evaluate", &evaluate, py::arg("x"), py::arg("y"), py::arg("sample_weight"), py::arg("batch_size"),
           py::arg("poll"), py::arg("fresh") = false, py::arg("scanned") = false)
      .def("test_on_batch", &test_on_batch, py::arg("x"), py::arg("y"), py::arg("sample_weight"),
           py::arg("fresh") = false)
      .def("predict", &predict, py::arg("x"), py::arg("batch_size"), py::arg("poll"),
           "An array, or a list of one for each of several outputs.")
      .def("call_training", &call_training, py::arg("x"),
           "The outputs as in training; moving averages move.");
  add_fast_calls(network);

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
