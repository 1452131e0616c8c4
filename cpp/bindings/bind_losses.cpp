// Losses: their settings, and their values and gradients on arrays outside of any network.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <mutex>
#include <optional>
#include <set>

#include "bindings/arrays.h"
#include "bindings/module.h"
#include "core/error.h"
#include "device/device.h"
#include "device/names.h"

namespace lamina::bindings {

namespace {

/// Losses are copied everywhere and so only point to their lists, which stay for good; there are few.
const double* kept_for_good(const std::vector<double>& numbers) {
  static std::mutex lock;
  static std::set<std::vector<double>> kept;
  if (numbers.empty()) return nullptr;
  const std::lock_guard guard(lock);
  return kept.insert(numbers).first->data();
}

LossSpecification make_loss(const std::string& kind, bool from_logits, double label_smoothing, double delta,
                            double alpha, double beta, double gamma, double quantile, bool class_balancing,
                            bool whole_batch, std::optional<std::int64_t> ignore_class, double exponent,
                            double margin, bool remove_diagonal, const std::vector<double>& alphas) {
  LossSpecification loss;
  loss.kind = loss_from_name(kind);
  loss.from_logits = from_logits;
  loss.label_smoothing = label_smoothing;
  loss.delta = delta;
  loss.alpha = alpha;
  loss.beta = beta;
  loss.gamma = gamma;
  loss.quantile = quantile;
  loss.class_balancing = class_balancing;
  loss.whole_batch = whole_batch;
  loss.exponent = exponent;
  loss.margin = margin;
  loss.remove_diagonal = remove_diagonal;
  loss.alphas = kept_for_good(alphas);
  loss.classes = static_cast<std::int64_t>(alphas.size());
  loss.ignores_class = ignore_class.has_value();
  loss.ignore_class = ignore_class.value_or(0);
  const auto require = [](bool right, const char* what, double received) {
    if (!right) throw ValueError(text("[loss] ", what, ". Received: ", received));
  };
  require(label_smoothing >= 0.0 && label_smoothing <= 1.0, "label_smoothing must be between 0 and 1",
          label_smoothing);
  require(delta > 0.0, "delta must be positive", delta);
  require(alpha >= 0.0, "alpha cannot be negative", alpha);
  require(beta >= 0.0, "beta cannot be negative", beta);
  require(gamma >= 0.0, "gamma cannot be negative", gamma);
  require(quantile > 0.0 && quantile < 1.0, "quantile must be between 0 and 1", quantile);
  require(exponent > 0.0 && exponent < 1.0, "q must be between 0 and 1", exponent);
  require(margin >= 0.0, "margin cannot be negative", margin);
  for (const double one : alphas) require(one >= 0.0, "alpha cannot be negative", one);
  if (!alphas.empty() && loss.kind != LossKind::categorical_focal_crossentropy) {
    throw ValueError(text(
        "[loss] only categorical_focal_crossentropy takes an alpha for each class. Received: '", kind, "'"));
  }
  if (whole_batch && loss.kind != LossKind::dice && loss.kind != LossKind::tversky) {
    throw ValueError(text("[loss] only dice and tversky take the whole batch. Received: '", kind, "'"));
  }
  if (loss.ignores_class && loss.kind != LossKind::sparse_categorical_crossentropy) {
    throw ValueError(
        text("[loss] only sparse_categorical_crossentropy ignores a class. Received: '", kind, "'"));
  }
  return loss;
}

/// Targets and predictions as the loss kernels take them.
class LossCall {
 public:
  LossCall(const LossSpecification& loss, const py::array& target, const py::array& prediction_input) {
    const DType dtype = computing_dtype(prediction_input, "loss");
    if (prediction_input.ndim() == 0)
      throw ValueError("[loss] predictions need at least one axis. Received: shape ()");
    prediction_ = py::array::ensure(prediction_input, py::array::c_style);
    full = shape_of(prediction_);
    leading = Shape(full.begin(), full.end() - 1);
    arguments.dtype = dtype;
    arguments.loss = loss;
    arguments.form = loss.from_logits ? PredictionForm::logits : PredictionForm::values;
    arguments.columns = full.back();
    arguments.rows = element_count(leading);
    arguments.prediction = prediction_.data();
    if (loss.alphas != nullptr && loss.classes != arguments.columns) {
      throw ValueError(text("[loss] alpha must have one number for each of the ", arguments.columns,
                            " classes. Received: ", loss.classes, " numbers"));
    }
    if (!takes_labels(loss.kind)) {
      target_ = dense_copy(target, dtype, full, "y_true");
      arguments.target = target_.data();
      return;
    }
    if (shape_of(target) != leading) {
      throw ValueError(text("[loss] integer labels of shape ", to_string(leading),
                            " are needed. Received: shape ", to_string(shape_of(target))));
    }
    const py::array flat = py::array::ensure(target, py::array::c_style).reshape({arguments.rows});
    const ArrayView view = view_rows(flat, "y_true");
    const std::int64_t classes = labels_are_columns(loss.kind) ? arguments.columns : std::int64_t{1} << 31;
    const LabelRule rule{classes, loss.ignores_class, loss.ignore_class, false};
    if (device("cpu").find_bad_label(view, rule) >= 0) {
      throw ValueError(text("[loss] labels must be integers from 0 to ", classes - 1));
    }
    labels_.resize(static_cast<std::size_t>(arguments.rows));
    GatherRowsArguments g;
    g.source = &view;
    g.rows = arguments.rows;
    g.out = labels_.data();
    device("cpu").gather_labels(g);
    arguments.target = labels_.data();
  }

  LossArguments arguments;
  Shape full, leading;

 private:
  py::array prediction_, target_;
  std::vector<std::int32_t> labels_;
};

py::array loss_values(const LossSpecification& loss, const py::array& target, const py::array& prediction) {
  LossCall call(loss, target, prediction);
  py::array out = make_array(call.arguments.dtype, call.leading);
  call.arguments.row_losses = out.mutable_data();
  const py::gil_scoped_release release;
  device("cpu").loss(call.arguments);
  return out;
}

py::array loss_gradient(const LossSpecification& loss, const py::array& target, const py::array& prediction) {
  LossCall call(loss, target, prediction);
  py::array out = make_array(call.arguments.dtype, call.full);
  call.arguments.gradient = out.mutable_data();
  const py::gil_scoped_release release;
  device("cpu").loss(call.arguments);
  return out;
}

}  // namespace

void init_losses(py::module_& m) {
  py::class_<LossSpecification>(m, "Loss", "A loss and its parameters.")
      .def(py::init(&make_loss), py::arg("kind"), py::arg("from_logits") = false,
           py::arg("label_smoothing") = 0.0, py::arg("delta") = 1.0, py::arg("alpha") = 0.25,
           py::arg("beta") = 0.5, py::arg("gamma") = 2.0, py::arg("quantile") = 0.5,
           py::arg("class_balancing") = false, py::arg("whole_batch") = false,
           py::arg("ignore_class") = std::nullopt, py::arg("exponent") = 0.5, py::arg("margin") = 0.4,
           py::arg("remove_diagonal") = true, py::arg("alphas") = std::vector<double>())
      .def_property_readonly("kind",
                             [](const LossSpecification& loss) { return std::string(name_of(loss.kind)); })
      .def_property_readonly(
          "takes_labels", [](const LossSpecification& loss) { return takes_labels(loss.kind); },
          "Whether targets are one integer for each row.");

  m.def("loss_values", &loss_values, py::arg("loss"), py::arg("target"), py::arg("prediction"),
        "The loss of each row: an array shaped like the prediction without its last axis.");
  m.def("loss_gradient", &loss_gradient, py::arg("loss"), py::arg("target"), py::arg("prediction"),
        "The gradient of the sum of the rows' losses with respect to the prediction.");
}

}  // namespace lamina::bindings
