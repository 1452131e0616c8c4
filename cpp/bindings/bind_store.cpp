// Parameters for Python: those of a network, and stores without one.
#include "bindings/bind_store.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <optional>
#include <tuple>

#include "autograd/apply.h"
#include "bindings/arrays.h"
#include "bindings/fast_path.h"
#include "bindings/tensor_object.h"
#include "device/names.h"

namespace lamina::bindings {

namespace {

using autograd::Variable;
using nn::OptimizedParameters;
using nn::ParameterStore;
using nn::Trainer;

std::size_t checked_parameter(const ParameterStore& store, std::int64_t i) {
  return checked(i, store.size(), "parameters");
}

py::array read(const ParameterStore& store, const void* flat, std::size_t i) {
  py::array out = make_array(store.dtype(), store.layout().parameters()[i].shape);
  void* to = out.mutable_data();
  const py::gil_scoped_release release;
  store.read(flat, i, to);
  return out;
}

void set_parameter(const ParameterStore& store, std::int64_t parameter, const py::object& value) {
  const std::size_t i = checked_parameter(store, parameter);
  const nn::PlacedParameter& p = store.layout().parameters()[i];
  const py::array dense = dense_copy(value, store.dtype(), p.shape, p.name);
  const void* from = dense.data();
  const py::gil_scoped_release release;
  store.write(store.values(), i, from);
  store.shared().changed(i);
}

void set_gradient(ParameterStore& store, std::int64_t parameter, const py::object& value) {
  store.build_gradients();
  const std::size_t i = checked_parameter(store, parameter);
  const nn::PlacedParameter& p = store.layout().parameters()[i];
  const py::array dense = dense_copy(value, store.dtype(), p.shape, p.name);
  store.write(store.gradients().at(0), i, dense.data());
  store.gradient_written(i);
}

std::optional<py::array> get_gradient(ParameterStore& store, std::int64_t parameter) {
  store.build_gradients();
  const std::size_t i = checked_parameter(store, parameter);
  if (!store.holds_gradient(i)) return std::nullopt;
  return read(store, store.gradients().at(0), i);
}

/// Variables on a host's store; each may have copies elsewhere.
class StorePlace final : public autograd::Place {
 public:
  StorePlace(std::shared_ptr<OptimizedParameters> parameters, std::size_t i)
      : parameters_(std::move(parameters)), i_(i) {}
  void fetch() override { parameters_->store().shared().fetch(false); }
  void changed() override {
    parameters_->store().values();  // copies that were made of the old value are out of date
    parameters_->store().shared().changed(i_);
  }

 private:
  std::shared_ptr<OptimizedParameters> parameters_;
  std::size_t i_;
};

/// The same on a device whose memory is not the host's. What tapes compute with is a copy in host memory.
class DevicePlace final : public autograd::Place {
 public:
  DevicePlace(std::shared_ptr<OptimizedParameters> parameters, std::size_t i)
      : parameters_(std::move(parameters)),
        i_(i),
        newest_(store().bytes_of(i)),
        copy_(element_type(store().dtype()), ArrayShape(store().layout().parameters().at(i).shape),
              &device("cpu")) {
    read_newest();
    std::copy(newest_.begin(), newest_.end(), static_cast<char*>(copy_.raw()));
  }
  const Tensor& copy() const { return copy_; }
  void fetch() override {
    const std::lock_guard guard(lock_);
    store().shared().fetch(false);
    read_newest();
    if (std::memcmp(newest_.data(), copy_.raw(), newest_.size()) == 0) return;
    std::copy(newest_.begin(), newest_.end(), static_cast<char*>(copy_.raw()));
    copy_.storage().changed();  // tapes that need the old value say so
  }
  void changed() override {
    store().write(store().values(), i_, copy_.raw());
    store().shared().changed(i_);
  }

 private:
  const ParameterStore& store() const { return parameters_->store(); }
  void read_newest() { store().read(store().current(), i_, newest_.data()); }

  std::shared_ptr<OptimizedParameters> parameters_;
  std::size_t i_;
  std::vector<char> newest_;
  Tensor copy_;
  std::mutex lock_;
};

void lend_parameter(const std::shared_ptr<OptimizedParameters>& parameters, std::int64_t parameter,
                    Variable& variable) {
  const ParameterStore& store = parameters->store();
  const std::size_t i = checked_parameter(store, parameter);
  store.shared().fetch(false);
  if (!store.device().is_host()) {
    const auto place = std::make_shared<DevicePlace>(parameters, i);
    return variable.move_to(place->copy(), place);
  }
  variable.move_to(store.view(i), std::make_shared<StorePlace>(parameters, i));
}

/// One step. `variables` hold the values, where that is not the store's own memory.
double apply_gradients(OptimizedParameters& parameters, const std::vector<std::size_t>& places,
                       const py::list& gradients_in, bool penalties,
                       const std::vector<std::shared_ptr<Variable>>& variables) {
  if (gradients_in.size() != places.size()) {
    throw ValueError(text("[apply_gradients] there must be one gradient for each parameter. Received: ",
                          gradients_in.size(), " gradients and ", places.size(), " parameters"));
  }
  std::vector<Tensor> gradients;
  for (std::size_t i = 0; i < places.size(); ++i) {
    gradients.push_back(to_tensor(py::object(gradients_in[i]).ptr()));
  }
  double penalty = 0.0;
  run(static_cast<double>(parameters.store().layout().elements()) * 8.0,
      [&] { penalty = autograd::apply_gradients(parameters, places, gradients, penalties, variables); });
  return penalty;
}

template <class Model, class... Options>
void bind_parameters(py::class_<Model, Options...>& c) {
  using Shared = std::shared_ptr<Model>;
  c.def("parameters", [](Model& m) { return parameters_of(m).store().layout().parameters(); })
      .def(
          "get_parameter",
          [](Model& m, std::int64_t i) {
            const ParameterStore& store = built(m).store();
            store.shared().fetch(false);
            return read(store, store.current(), checked_parameter(store, i));
          },
          py::arg("i"))
      .def(
          "set_parameter",
          [](Model& m, std::int64_t i, const py::object& value) {
            set_parameter(built(m).store(), i, value);
          },
          py::arg("i"), py::arg("value"))
      .def(
          "share_parameter",
          [](Model& m, std::int64_t i, Model& other, std::int64_t other_i) {
            ParameterStore& store = built(m).store();
            const ParameterStore& its = built(other).store();
            store.share(checked_parameter(store, i), its, checked_parameter(its, other_i));
          },
          py::arg("i"), py::arg("other"), py::arg("other_i"),
          "From now on the parameter is one with another object's, and has its value.")
      .def(
          "shares_parameter",
          [](Model& m, std::int64_t i) {
            return parameters_of(m).store().shared().shares(static_cast<std::size_t>(i));
          },
          py::arg("i"))
      .def(
          "get_gradient", [](Model& m, std::int64_t i) { return get_gradient(built(m).store(), i); },
          py::arg("i"),
          "The gradient of the last training step; None where it was used without being stored.")
      .def(
          "lend_parameter",
          [](const Shared& m, std::int64_t i, Variable& variable) { lend_parameter(share(m), i, variable); },
          py::arg("i"), py::arg("variable"), "From now on the variable's value is this parameter.")
      .def(
          "apply_gradients",
          [](Model& m, const std::vector<std::size_t>& places, const py::list& gradients, bool penalties,
             const std::vector<std::shared_ptr<Variable>>& variables) {
            return apply_gradients(built(m), places, gradients, penalties, variables);
          },
          py::arg("places"), py::arg("gradients"), py::arg("penalties") = false,
          py::arg("variables") = std::vector<std::shared_ptr<Variable>>(),
          "One step of the optimizer; returns the value of the penalties, if they are to be added.")
      .def(
          "add_penalty",
          [](Model& m, std::int64_t parameter, double l1, double l2) {
            OptimizedParameters& all = parameters_of(m);
            all.penalties.add(all.store(), parameter, nn::ParameterPenalty{l1, l2});
          },
          py::arg("parameter"), py::arg("l1"), py::arg("l2"))
      .def(
          "add_orthogonal_penalty",
          [](Model& m, std::int64_t parameter, double factor, bool rows) {
            OptimizedParameters& all = parameters_of(m);
            all.penalties.add_orthogonal(all.store(), parameter, factor, rows);
          },
          py::arg("parameter"), py::arg("factor"), py::arg("rows"))
      .def(
          "add_constraint",
          [](Model& m, std::int64_t parameter, const std::string& kind, std::int64_t outer,
             std::int64_t reduced, std::int64_t inner, double low, double high, double rate, double epsilon) {
            OptimizedParameters& all = parameters_of(m);
            all.penalties.add(all.store(), parameter,
                              nn::ParameterConstraint{constraint_kind(kind), outer, reduced, inner, low, high,
                                                      rate, epsilon});
          },
          py::arg("parameter"), py::arg("kind"), py::arg("outer"), py::arg("reduced"), py::arg("inner"),
          py::arg("low") = 0.0, py::arg("high") = 1.0, py::arg("rate") = 1.0, py::arg("epsilon") = 1e-7)
      .def(
          "penalty_value",
          [](Model& m) {
            const OptimizedParameters& all = built(m);
            all.store().shared().fetch(true);
            return all.penalties.apply(all.store());
          },
          "What the penalties on parameters add to the loss.")
      .def("constrain", [](Model& m) { built(m).constrain(); }, "The constraints on parameters hold again.");
}

/// A parameter of a list: name, shape and whether an optimizer trains it.
using Declaration = std::tuple<std::string, Shape, bool>;

std::shared_ptr<OptimizedParameters> make_store(const std::vector<Declaration>& parameters,
                                                const std::string& dtype, const std::string& on,
                                                const std::string& precision) {
  auto store =
      std::make_shared<ParameterStore>(dtype_from_name(dtype), device(on, precision_from_name(precision)));
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const auto& [name, shape, trained] = parameters[i];
    store->add(static_cast<std::int64_t>(i), nn::PlacedParameter::kNoOperation, {name, shape, trained});
  }
  store->build();
  return std::make_shared<OptimizedParameters>(std::move(store));
}

template <class Model>
std::shared_ptr<OptimizedParameters> make_store_in(Model& source) {
  const ParameterStore& other = built(source).store();
  auto store = std::make_shared<ParameterStore>(other.dtype(), other.device());
  for (const nn::PlacedParameter& p : other.layout().parameters()) {
    store->add(p.layer, nn::PlacedParameter::kNoOperation, {p.name, p.shape, p.trained});
  }
  store->build_in(other);
  return std::make_shared<OptimizedParameters>(std::move(store));
}

}  // namespace

void init_store(py::module_& m) {
  StoreClass store(m, "ParameterStore", "Parameters in flat buffers, and the optimizer that trains them.");
  store
      .def(py::init(&make_store), py::arg("parameters"), py::arg("dtype") = "float32",
           py::arg("device") = "cpu", py::arg("precision") = "strict",
           "Parameters of zeros: name, shape and whether an optimizer trains them, for each.")
      .def(py::init(&make_store_in<Trainer>), py::arg("source"),
           "The parameters of a network in its memory, for another optimizer; none is frozen here.")
      .def(py::init(&make_store_in<OptimizedParameters>), py::arg("source"))
      .def_property_readonly(
          "dtype", [](const OptimizedParameters& p) { return std::string(name_of(p.store().dtype())); })
      .def_property_readonly(
          "device", [](const OptimizedParameters& p) { return std::string(p.store().device().name()); })
      .def(
          "set_trainable",
          [](OptimizedParameters& p, std::int64_t layer, bool trainable) {
            const nn::Exclusive exclusive = p.exclude();
            const std::unique_lock lock(p.store().lock());
            p.store().set_trainable(layer, trainable);
          },
          py::arg("layer"), py::arg("trainable"), "Freezes the parameters of a layer, or thaws them.")
      .def(
          "set_gradient",
          [](OptimizedParameters& p, std::int64_t i, const py::object& value) {
            set_gradient(p.store(), i, value);
          },
          py::arg("i"), py::arg("value"))
      .def(
          "set_optimizer",
          [](OptimizedParameters& p, const nn::OptimizerSettings& settings) { p.set_optimizer(settings); },
          py::arg("optimizer"), "A fresh optimizer for gradients to come.");
  bind_parameters(store);
  NetworkClass network(py::object(m.attr("Network")));
  bind_parameters(network);
  network.def(
      "parameter_tensor",
      [](Trainer& s, std::int64_t i) {
        const ParameterStore& all = built(s).store();
        if (!all.device().is_host()) {
          throw StateError(text("[parameter_tensor] this is computed on the CPU, and the network is on '",
                                all.device().name(), "'"));
        }
        all.shared().fetch(false);
        return all.view(checked_parameter(all, i));
      },
      py::arg("i"), "A view of a parameter.");
}

}  // namespace lamina::bindings
