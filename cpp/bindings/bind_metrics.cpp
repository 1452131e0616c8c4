// Metrics: their settings, and on their own their state and values.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <optional>

#include "bindings/arrays.h"
#include "bindings/metrics.h"
#include "bindings/module.h"
#include "core/error.h"
#include "core/float_environment.h"
#include "cpu/metric/metric.h"
#include "device/device.h"
#include "device/names.h"

namespace lamina::bindings {

namespace {

template <class Kind>
Kind one_of(const char* what, const std::string& name, const std::vector<const char*>& names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (name == names[i]) return static_cast<Kind>(i);
  }
  throw ValueError(text("[metric] unknown ", what, ". Received: '", name, "'"));
}

const std::vector<const char*> kResults = {
    "true_positives",
    "false_positives",
    "true_negatives",
    "false_negatives",
    "precision",
    "recall",
    "sensitivity_at_specificity",
    "specificity_at_sensitivity",
    "precision_at_recall",
    "recall_at_precision",
    "auc",
};
const std::vector<const char*> kCurves = {"ROC", "PR", "PRGAIN"};
const std::vector<const char*> kSummations = {"interpolation", "minoring", "majoring"};
const std::vector<const char*> kAverages = {"none", "micro", "macro", "weighted"};

/// Sets the fields that keyword arguments name.
void set_field(MetricSpecification& m, const std::string& name, const py::handle& value) {
  if (name == "threshold") {
    m.a = value.cast<double>();
    m.has_threshold = true;
  } else if (name == "loss") {
    m.loss = value.cast<LossSpecification>();
  } else if (name == "negated") {
    m.negated = value.cast<bool>();
  } else if (name == "root") {
    m.root = value.cast<bool>();
  } else if (name == "k") {
    m.k = value.cast<std::int64_t>();
  } else if (name == "sorted_ids") {
    m.sorted_ids = value.cast<bool>();
  } else if (name == "result") {
    m.result = one_of<ConfusionResult>("result", value.cast<std::string>(), kResults);
  } else if (name == "thresholds") {
    m.thresholds = value.cast<std::vector<double>>();
  } else if (name == "even") {
    m.even = value.cast<bool>();
  } else if (name == "beyond") {
    m.beyond = value.cast<bool>();
  } else if (name == "top_k") {
    m.top_k = value.cast<std::int64_t>();
  } else if (name == "class_id") {
    m.class_id = value.cast<std::int64_t>();
  } else if (name == "from_logits") {
    m.from_logits = value.cast<bool>();
  } else if (name == "multi_label") {
    m.multi_label = value.cast<bool>();
  } else if (name == "label_weights") {
    m.label_weights = value.cast<std::vector<double>>();
  } else if (name == "least") {
    m.least = value.cast<double>();
  } else if (name == "curve") {
    m.curve = one_of<Curve>("curve", value.cast<std::string>(), kCurves);
  } else if (name == "summation") {
    m.summation = one_of<Summation>("summation", value.cast<std::string>(), kSummations);
  } else if (name == "beta") {
    m.beta = value.cast<double>();
  } else if (name == "average") {
    m.average = one_of<Average>("average", value.cast<std::string>(), kAverages);
  } else if (name == "by_variance") {
    m.by_variance = value.cast<bool>();
  } else if (name == "regressors") {
    m.regressors = value.cast<std::int64_t>();
  } else if (name == "classes") {
    m.classes = value.cast<std::int64_t>();
  } else if (name == "class_ids") {
    m.class_ids = value.cast<std::vector<std::int64_t>>();
  } else if (name == "ignore_class") {
    m.ignore_class = value.cast<std::int64_t>();
    m.ignores_class = true;
  } else if (name == "sparse_target") {
    m.sparse_target = value.cast<bool>();
  } else if (name == "sparse_prediction") {
    m.sparse_prediction = value.cast<bool>();
  } else {
    throw TypeError(text("[metric] there is no setting '", name, "'"));
  }
}

void require(bool right, const char* what) {
  if (!right) throw ValueError(text("[metric] ", what));
}

MetricSpecification make_metric(const std::string& kind, double a, const py::kwargs& settings) {
  MetricSpecification m;
  m.kind = metric_from_name(kind);
  m.a = a;
  for (const auto& [name, value] : settings) set_field(m, name.cast<std::string>(), value);
  require(m.kind != MetricKind::confusion || !m.thresholds.empty(), "thresholds are needed");
  require(m.thresholds.size() < (std::size_t{1} << 24), "there are too many thresholds");
  require(!m.even || m.thresholds.size() > 1, "even thresholds must be at least two");
  require(m.k > 0 && m.top_k >= 0 && m.class_id >= -1, "k must be positive, class_id a column");
  require(m.kind != MetricKind::iou || (m.classes > 0 && m.classes <= 46340),
          "num_classes must be in 1..46340");
  for (const std::int64_t id : m.class_ids) require(id >= 0 && id < m.classes, "a target class is no class");
  return m;
}

/// Keeps the arrays of a call alive, as the kernels take them.
class MetricCall {
 public:
  MetricCall(const MetricSpecification& metric, const py::array& target, const py::array& prediction_input,
             const std::optional<py::array>& weights) {
    const DType dtype = computing_dtype(prediction_input, "metric");
    prediction_ = py::array::ensure(prediction_input, py::array::c_style);
    if (prediction_.ndim() == 0)
      throw ValueError("[metric] predictions need at least one axis. Received: shape ()");
    const Shape full = shape_of(prediction_);
    arguments.dtype = dtype;
    arguments.metric = &metric;
    arguments.columns = full.back();
    arguments.rows = element_count(Shape(full.begin(), full.end() - 1));
    arguments.prediction = prediction_.data();
    const Shape given = shape_of(target);
    if (takes_labels(metric)) {
      if (element_count(given) != arguments.rows) throw mismatch(full, given);
      const py::array flat = py::array::ensure(target, py::array::c_style).reshape({arguments.rows});
      const ArrayView view = view_rows(flat, "y_true");
      labels_.resize(static_cast<std::size_t>(arguments.rows));
      GatherRowsArguments g;
      g.source = &view;
      g.rows = arguments.rows;
      g.out = labels_.data();
      device("cpu").gather_labels(g);
      arguments.target = labels_.data();
    } else {
      if (given.empty() ||
          (given.back() == 0 ? given != full : element_count(given) / given.back() != arguments.rows)) {
        throw mismatch(full, given);
      }
      const bool free_width = metric.kind == MetricKind::iou && !metric.sparse_target;
      if (!free_width && given.back() != full.back()) throw mismatch(full, given);
      arguments.target_columns = given.back();
      target_ = dense_copy(target, dtype, given, "y_true");
      arguments.target = target_.data();
    }
    if (weights) {
      if (element_count(shape_of(*weights)) != arguments.rows) {
        throw ValueError(text("[metric] one weight a row is needed. Received: weights of shape ",
                              to_string(shape_of(*weights)), " for predictions of shape ", to_string(full)));
      }
      weights_ = dense_copy(*weights, dtype, shape_of(*weights), "sample_weight");
      arguments.weights = weights_.data();
    }
  }

  MetricArguments arguments;

 private:
  static ValueError mismatch(const Shape& prediction, const Shape& target) {
    return ValueError(text("[metric] targets do not fit predictions. Received: shapes ", to_string(target),
                           " and ", to_string(prediction)));
  }
  py::array prediction_, target_, weights_;
  std::vector<std::int32_t> labels_;
};

/// A metric on its own.
class MetricState {
 public:
  explicit MetricState(MetricSpecification metric) : metric_(std::move(metric)) {}

  void update(const py::array& target, const py::array& prediction, const std::optional<py::array>& weights) {
    MetricCall call(metric_, target, prediction, weights);
    if (columns_ >= 0 && columns_ != call.arguments.columns && depends_on_columns()) {
      throw ValueError(
          text("[metric] predictions had ", columns_, " columns before. Received: ", call.arguments.columns));
    }
    check_metric(metric_, call.arguments.columns);
    std::vector<double> next = state_;
    next.resize(static_cast<std::size_t>(state_size(metric_, call.arguments.columns)));
    {
      const py::gil_scoped_release release;
      device("cpu").add_metric(call.arguments, next.data());
    }
    state_ = std::move(next);
    columns_ = call.arguments.columns;
  }
  std::vector<double> result() const {
    std::vector<double> out;
    if (columns_ < 0 && depends_on_columns()) return out;
    const std::int64_t columns = std::max<std::int64_t>(columns_, 0);
    if (columns_ >= 0) {
      append_result(metric_, columns, state_.data(), out);
    } else {
      const std::vector<double> zeros(static_cast<std::size_t>(state_size(metric_, columns)));
      append_result(metric_, columns, zeros.data(), out);
    }
    return out;
  }
  std::int64_t result_size() const {
    return lamina::result_size(metric_, std::max<std::int64_t>(columns_, 0));
  }
  py::list variables() const {
    if (columns_ < 0 && depends_on_columns()) return py::list();
    const std::int64_t columns = std::max<std::int64_t>(columns_, 0);
    if (columns_ >= 0) return variables_of(metric_, columns, state_.data());
    const std::vector<double> zeros(static_cast<std::size_t>(state_size(metric_, columns)));
    return variables_of(metric_, columns, zeros.data());
  }
  void reset() { std::fill(state_.begin(), state_.end(), 0.0); }
  std::pair<std::int64_t, std::vector<double>> get() const { return {columns_, state_}; }
  void set(std::int64_t columns, std::vector<double> state) {
    if (columns >= 0 && static_cast<std::int64_t>(state.size()) != state_size(metric_, columns)) {
      throw ValueError("[metric] this state does not fit the metric");
    }
    columns_ = columns;
    state_ = std::move(state);
  }

 private:
  bool depends_on_columns() const { return state_size(metric_, 1) != state_size(metric_, 2); }

  MetricSpecification metric_;
  std::int64_t columns_ = -1;  ///< of the predictions; -1 before any
  std::vector<double> state_;
};

py::array metric_values(const MetricSpecification& metric, const py::array& target,
                        const py::array& prediction) {
  MetricCall call(metric, target, prediction, std::nullopt);
  Shape shape = shape_of(prediction);
  shape.pop_back();
  py::array out = make_array(DType::float64, shape);
  auto* values = static_cast<double*>(out.mutable_data());
  const py::gil_scoped_release release;
  const FloatEnvironment environment;
  cpu::metric_values(call.arguments, values);
  return out;
}

}  // namespace

py::list variables_of(const MetricSpecification& metric, std::int64_t columns, const double* state) {
  py::list all;
  for (const StateVariable& v : state_variables(metric, columns, state)) {
    py::array array = make_array(DType::float64, Shape(v.shape.begin(), v.shape.end()));
    std::copy(v.values.begin(), v.values.end(), static_cast<double*>(array.mutable_data()));
    all.append(py::make_tuple(v.name, array));
  }
  return all;
}

LossReduction reduction_from_name(const std::string& name) {
  if (name == "mean") return LossReduction::mean;
  if (name == "weighted_mean") return LossReduction::weighted_mean;
  if (name == "sum") return LossReduction::sum;
  throw ValueError(
      text("[compile] reduction must be 'mean', 'weighted_mean' or 'sum'. Received: '", name, "'"));
}

void init_metrics(py::module_& m) {
  py::class_<MetricSpecification>(m, "Metric", "A metric and its settings.")
      .def(py::init(&make_metric), py::arg("kind"), py::arg("a") = 0.5)
      .def_readwrite("weighted", &MetricSpecification::weighted,
                     "Whether a model weighs its rows by the samples' weights.")
      .def_property_readonly("takes_labels", [](const MetricSpecification& s) { return takes_labels(s); })
      .def(
          "result_size",
          [](const MetricSpecification& s, std::int64_t columns) { return result_size(s, columns); },
          py::arg("columns"), "How many numbers the result has; 0 for a single one.");

  py::class_<MetricState>(m, "MetricState", "A metric's state on its own.")
      .def(py::init<MetricSpecification>(), py::arg("metric"))
      .def("update", &MetricState::update, py::arg("target"), py::arg("prediction"), py::arg("weights"))
      .def("result", &MetricState::result,
           "The numbers of the result; none before any data where their "
           "number depends on it.")
      .def("result_size", &MetricState::result_size)
      .def("variables", &MetricState::variables)
      .def("reset", &MetricState::reset)
      .def("get", &MetricState::get, "The number of columns (-1 before any data) and the raw state.")
      .def("set", &MetricState::set, py::arg("columns"), py::arg("state"));

  m.def("metric_values", &metric_values, py::arg("metric"), py::arg("target"), py::arg("prediction"),
        "The value of each row of a metric that is their mean.");
}

}  // namespace lamina::bindings
