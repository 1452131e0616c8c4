// Steps on small batches and predictions of a few rows.
#include <algorithm>
#include <exception>
#include <optional>

#include "autograd/tapes.h"
#include "bindings/arrays.h"
#include "bindings/fast_path.h"
#include "nn/training/trainer.h"

namespace lamina::bindings {

namespace {

using nn::Monitor;
using nn::Samples;
using nn::Trainer;

bool is_array(PyObject* object) {
  return Py_TYPE(object) == py::detail::npy_api::get().PyArray_Type_;  // subclasses go the long way
}

ArrayView view_of(PyObject* object, const char* name) {
  return view_rows(py::reinterpret_borrow<py::array>(object), name);
}

bool same(const Extents& extents, const std::int64_t* begin, const std::int64_t* end) {
  return std::equal(extents.begin(), extents.end(), begin, end);
}

PyObject* none() {
  Py_INCREF(Py_None);
  return Py_None;
}

/// Signals, in a step that takes long.
class Signals final : public Monitor::Check {
 public:
  void operator()(std::int64_t, bool) override {
    const py::gil_scoped_acquire acquire;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  }
};

/// Calls body(monitor), and turns what it throws into Python's terms: Ctrl-C stays what it is; for
/// all else nothing has changed, and the ordinary method will say what is wrong.
template <class Body>
PyObject* guarded(double work, const Body& body) {
  try {
    if (work < kReleaseGilAbove) {
      Monitor silent;
      return body(silent);
    }
    Signals signals;
    Monitor monitor(signals);
    return body(monitor);
  } catch (py::error_already_set& error) {
    error.restore();
    return nullptr;
  } catch (const std::exception&) {
    return none();
  }
}

PyObject* means_of(const Trainer& model) {
  const nn::Objective& objective = model.objective();
  if (objective.size() == 1 && !objective.has_metrics()) return PyFloat_FromDouble(objective.mean_loss());
  const std::vector<double> values = model.metric_values();
  PyObject* const list = PyList_New(static_cast<Py_ssize_t>(values.size()));
  for (std::size_t i = 0; list != nullptr && i < values.size(); ++i) {
    PyObject* const mean = PyFloat_FromDouble(values[i]);
    if (mean == nullptr) {
      Py_DECREF(list);
      return nullptr;
    }
    PyList_SET_ITEM(list, static_cast<Py_ssize_t>(i), mean);
  }
  return list;
}

/// Calls take(i, array) for the arrays of an argument: one, or a list of them, None where there is none.
/// Returns how many there are; -1 for anything else, which goes the long way.
template <class Take>
Py_ssize_t take_arrays(PyObject* argument, const Take& take) {
  if (is_array(argument)) {
    take(0, argument);
    return 1;
  }
  if (!PyList_CheckExact(argument)) return -1;
  const Py_ssize_t count = PyList_GET_SIZE(argument);
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* const item = PyList_GET_ITEM(argument, i);
    if (item != Py_None && !is_array(item)) return -1;
    take(i, item == Py_None ? nullptr : item);
  }
  return count;
}

/// Whether a target has the shape that its output's loss and metrics take as it is.
bool fits(const nn::TargetRule& rule, const ArrayView& y, std::int64_t rows) {
  const Shape& output = rule.output;
  const std::int64_t* const end =
      output.data() + output.size() - (rule.form == nn::TargetForm::labels ? 1 : 0);
  return y.rows == rows && same(y.row_shape, output.data(), end);
}

PyObject* try_train_on_batch(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 2) {
    PyErr_SetString(PyExc_TypeError, "try_train_on_batch() takes exactly two arguments: x and y");
    return nullptr;
  }
  Trainer* const model = held<Trainer>(self);
  if (model == nullptr) return none();
  const std::size_t inputs = model->input_shapes().size(), outputs = model->objective().size();
  // The work is not known before the arrays are; a look at the first axis is enough.
  std::int64_t rows = 0;
  bool whole = true;
  const Py_ssize_t given = take_arrays(arguments[0], [&](Py_ssize_t i, PyObject* array) {
    whole = whole && array != nullptr;
    if (i > 0 || array == nullptr) return;
    const auto* const proxy = py::detail::array_proxy(array);
    if (proxy->nd > 0) rows = proxy->dimensions[0];
  });
  if (!whole || given != static_cast<Py_ssize_t>(inputs) || rows == 0) return none();
  const double work = 3.0 * model->network.work() * static_cast<double>(rows);
  return guarded(work, [&](Monitor& monitor) {
    static thread_local Samples samples;  // its memory is kept
    samples.x.resize(inputs);
    samples.y.resize(outputs);
    take_arrays(arguments[0], [&](Py_ssize_t i, PyObject* array) {
      samples.x[static_cast<std::size_t>(i)] = view_of(array, "x");
    });
    bool fit = true;
    const Py_ssize_t targets = take_arrays(arguments[1], [&](Py_ssize_t i, PyObject* array) {
      const auto place = static_cast<std::size_t>(i);
      if (place >= outputs) return;
      if (array == nullptr) {
        samples.y[place].reset();
        return;
      }
      samples.y[place] = view_of(array, "y");
      fit = fit && fits(model->objective().rules()[place], *samples.y[place], rows);
    });
    if (!fit || targets != static_cast<Py_ssize_t>(outputs)) return none();
    run(work, [&] { model->train_step(samples, true, monitor); });
    return means_of(*model);
  });
}

PyObject* try_predict(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 1) {
    PyErr_SetString(PyExc_TypeError, "try_predict() takes exactly one argument: x");
    return nullptr;
  }
  const Trainer* const model = held<Trainer>(self);
  if (model == nullptr || !model->network.built() || !is_array(arguments[0])) return none();
  if (model->input_shapes().size() != 1 || model->output_shapes().size() != 1) return none();
  if (autograd::is_recording()) return none();  // a tape wants tensors
  const auto* const proxy = py::detail::array_proxy(arguments[0]);
  const double work = proxy->nd < 1 ? 0.0 : model->network.work() * static_cast<double>(proxy->dimensions[0]);
  return guarded(work, [&](Monitor& monitor) {
    const ArrayView view = view_of(arguments[0], "x");
    const Shape& input = model->network.input_shape();
    if (view.rows == 0 || !same(view.row_shape, input.data(), input.data() + input.size())) return none();
    py::array out = make_rows(model->network.dtype(), view.rows, model->network.output_shape());
    void* const to = out.mutable_data();
    run(work, [&] { model->predict(view, to, monitor); });
    return out.release().ptr();
  });
}

}  // namespace

void add_fast_calls(const py::object& network_class) {
  add_fast_method(
      network_class, "try_train_on_batch", &try_train_on_batch,
      "try_train_on_batch(self: lamina._core.Network, x: object, y: object) -> float | list[float] | None\n\n"
      "One step on arrays that fit as they are, or lists of them: the mean loss, with metrics or several "
      "outputs a list of means. "
      "None, and nothing done, where train_on_batch() is to be called.");
  add_fast_method(network_class, "try_predict", &try_predict,
                  "try_predict(self: lamina._core.Network, x: object) -> numpy.ndarray | None\n\n"
                  "The output for an array that fits as it is. None where predict() is to be called.");
}

}  // namespace lamina::bindings
