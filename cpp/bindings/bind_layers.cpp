// Building a network: its layers, and what is attached to layers and parameters.
#include "bindings/bind_layers.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include "bindings/arrays.h"
#include "core/error.h"
#include "numerics/orthogonal.h"

namespace lamina::bindings {

namespace {

using nn::Trainer;

RowNormalizationKind row_kind(const std::string& name) {
  if (name == "standard") return RowNormalizationKind::standard;
  if (name == "rms") return RowNormalizationKind::rms;
  if (name == "variance_only") return RowNormalizationKind::variance_only;
  if (name == "unit") return RowNormalizationKind::unit;
  throw ValueError(text(
      "[add_row_normalization] kind must be 'standard', 'rms', 'variance_only' or 'unit'. Received: kind='",
      name, "'"));
}

}  // namespace

ConstraintKind constraint_kind(const std::string& name) {
  if (name == "max_norm") return ConstraintKind::max_norm;
  if (name == "min_max_norm") return ConstraintKind::min_max_norm;
  if (name == "non_negative") return ConstraintKind::non_negative;
  if (name == "unit_norm") return ConstraintKind::unit_norm;
  throw ValueError(
      text("[add_constraint] kind must be 'max_norm', 'min_max_norm', 'non_negative' or 'unit_norm'. "
           "Received: kind='",
           name, "'"));
}

void init_layers(py::module_& m) {
  m.def(
      "penalty",
      [](const py::array& x, double l1, double l2) {
        const py::array dense = py::array::ensure(x, py::array::c_style);
        PenaltyArguments p;
        p.dtype = computing_dtype(dense, "x");
        p.n = dense.size();
        p.l1 = l1;
        p.l2 = l2;
        p.values = dense.data();
        const py::gil_scoped_release release;
        return device("cpu").penalty(p);
      },
      py::arg("x"), py::arg("l1"), py::arg("l2"), "l1 * sum |x| + l2 * sum x^2.");
  m.def(
      "orthogonal_penalty",
      [](const py::array& x, double factor, bool rows) {
        const py::array dense = py::array::ensure(x, py::array::c_style);
        const nn::OrthogonalPenalty penalty(device("cpu"), computing_dtype(dense, "x"), shape_of(dense),
                                            factor, rows);
        const void* values = dense.data();
        const py::gil_scoped_release release;
        return penalty.apply(values, nullptr, 1.0);
      },
      py::arg("x"), py::arg("factor"), py::arg("rows"),
      "factor * the mean magnitude of the products of different rows, or columns, scaled to norm 1.");
  m.def(
      "column_moments",
      [](const py::array& x) {
        const Shape shape = shape_of(x);
        if (computing_dtype(x, "x") != DType::float64 || shape.size() != 2 || shape[0] == 0) {
          throw ValueError("[column_moments] a float64 matrix with rows is needed");
        }
        const py::array dense = py::array::ensure(x, py::array::c_style);
        py::array mean = make_array(DType::float64, {shape[1]}),
                  variance = make_array(DType::float64, {shape[1]});
        py::array y = make_array(DType::float64, shape);
        ColumnNormalization c;
        c.dtype = DType::float64;
        c.rows = shape[0];
        c.columns = shape[1];
        c.epsilon = 1.0;
        c.batch_statistics = true;
        c.x = dense.data();
        c.mean = mean.mutable_data();
        c.variance = variance.mutable_data();
        c.y = y.mutable_data();
        {
          const py::gil_scoped_release release;
          device("cpu").normalize_columns(c);
        }
        return py::make_tuple(mean, variance);
      },
      py::arg("x"), "The mean and variance of each column.");
  m.def(
      "orthonormalize",
      [](const py::array& rows) {
        const Shape shape = shape_of(rows);
        if (computing_dtype(rows, "rows") != DType::float64 || shape.size() != 2 || shape[0] > shape[1]) {
          throw ValueError(
              "[orthonormalize] a float64 matrix with at least as many columns as rows is needed");
        }
        py::array out = rows.attr("copy")("C");
        auto* to = static_cast<double*>(out.mutable_data());
        const py::gil_scoped_release release;
        numerics::orthonormalize(shape[0], shape[1], to);
        return out;
      },
      py::arg("rows"), "A copy whose rows are orthonormal.");
  m.def(
      "constrain",
      [](const py::array& w, const std::string& kind, std::int64_t outer, std::int64_t reduced,
         std::int64_t inner, double low, double high, double rate, double epsilon) {
        ConstraintArguments c;
        c.dtype = computing_dtype(w, "w");
        if (outer < 0 || reduced < 0 || inner < 0 || outer * reduced * inner != w.size()) {
          throw ValueError("[constrain] the extents must be those of the array");
        }
        py::array out = dense_copy(w, c.dtype, shape_of(w), "w");
        if (out.ptr() == w.ptr() || !out.owndata()) out = out.attr("copy")();
        c.kind = constraint_kind(kind);
        c.outer = outer, c.reduced = reduced, c.inner = inner;
        c.low = low, c.high = high, c.rate = rate, c.epsilon = epsilon;
        c.values = out.mutable_data();
        const py::gil_scoped_release release;
        device("cpu").constrain(c);
        return out;
      },
      py::arg("w"), py::arg("kind"), py::arg("outer"), py::arg("reduced"), py::arg("inner"), py::arg("low"),
      py::arg("high"), py::arg("rate"), py::arg("epsilon"), "A copy for which the constraint holds.");
}

/// The values of a network, and the operations on several of them.
void bind_values(NetworkClass& network) {
  network
      .def(
          "add_input", [](Trainer& s, const Shape& shape) { return s.network.add_input(shape); },
          py::arg("shape"), "One more input; the number of its value.")
      .def(
          "seek", [](Trainer& s, std::int64_t value) { s.network.seek(value); }, py::arg("value"),
          "What is added next reads that value.")
      .def_property_readonly(
          "value", [](const Trainer& s) { return s.network.value(); },
          "The number of the value that is read next: what was added last, after seek() another.")
      .def(
          "value_shape",
          [](const Trainer& s, std::int64_t value) { return to_tuple(s.network.value_shape(value)); },
          py::arg("value"))
      .def_property_readonly(
          "layer_count", [](const Trainer& s) { return s.network.layers(); },
          "How many layers there are: the index of the one that is added next.")
      .def_property_readonly("input_count", [](const Trainer& s) { return s.network.inputs(); })
      .def_property_readonly("output_count", [](const Trainer& s) { return s.network.outputs(); })
      .def(
          "share", [](Trainer& s, std::int64_t layer, std::int64_t count) { s.network.share(layer, count); },
          py::arg("layer"), py::arg("count") = 1,
          "The next layers, `count` of them, compute with the parameters and the state of those from index "
          "`layer` "
          "on.")
      .def(
          "add_merge",
          [](Trainer& s, const std::string& kind, const std::vector<std::int64_t>& values,
             std::int64_t axis) { s.network.add_merge(kind, values, axis); },
          py::arg("kind"), py::arg("values"), py::arg("axis") = -1,
          "'add', 'subtract', 'multiply', 'average', 'maximum', 'minimum', or 'concatenate' along an axis of "
          "a "
          "sample, from 0.")
      .def(
          "add_dot",
          [](Trainer& s, const std::pair<std::int64_t, std::int64_t>& values,
             const std::pair<std::int64_t, std::int64_t>& axes, bool normalize) {
            s.network.add_dot(values.first, values.second, axes.first, axes.second, normalize);
          },
          py::arg("values"), py::arg("axes"), py::arg("normalize") = false,
          "The sums of products along an axis of each value's samples, from 0.")
      .def(
          "add_matmul", [](Trainer& s, std::int64_t a, std::int64_t b) { s.network.add_matmul(a, b); },
          py::arg("a"), py::arg("b"), "Products of matrices in the last two axes.")
      .def(
          "add_binary",
          [](Trainer& s, const std::string& kind, std::int64_t a, std::int64_t b) {
            s.network.add_binary(nn::merge_kind_from_name(kind), a, b);
          },
          py::arg("kind"), py::arg("a"), py::arg("b"),
          "'add', 'subtract', 'multiply', 'divide', 'maximum' or 'minimum' of two values, extents of 1 "
          "repeated.")
      .def(
          "add_number",
          [](Trainer& s, const std::string& kind, double number, bool number_first) {
            s.network.add_number(nn::merge_kind_from_name(kind), number, number_first);
          },
          py::arg("kind"), py::arg("number"), py::arg("number_first") = false,
          "The same of the value that is read next and a number.")
      .def(
          "add_slice",
          [](Trainer& s, const std::vector<std::int64_t>& begin, const std::vector<std::int64_t>& count,
             const std::vector<std::int64_t>& step) {
            if (begin.size() != count.size() || (!step.empty() && step.size() != count.size())) {
              throw ValueError("[add_slice] begin, count and step need a number for each axis of a sample");
            }
            std::vector<nn::Slice::Axis> axes;
            for (std::size_t i = 0; i < begin.size(); ++i) {
              axes.push_back({begin[i], count[i], step.empty() ? 1 : step[i]});
            }
            s.network.add_slice(axes);
          },
          py::arg("begin"), py::arg("count"), py::arg("step") = std::vector<std::int64_t>(),
          "The elements begin, begin + step, ... of each axis of a sample, `count` of them.")
      .def(
          "add_reduce",
          [](Trainer& s, const std::string& kind, const std::vector<std::int64_t>& axes, bool keepdims) {
            s.network.add_reduce(nn::reduction_kind_from_name(kind), axes, keepdims);
          },
          py::arg("kind"), py::arg("axes"), py::arg("keepdims") = false,
          "'sum', 'mean', 'max' or 'min' over axes of a sample, from 0.")
      .def(
          "set_outputs",
          [](Trainer& s, const std::vector<std::int64_t>& values) { s.network.set_outputs(values); },
          py::arg("values"), "The outputs; by default what was added last.");
}

void bind_layers(NetworkClass& network) {
  bind_values(network);
  network
      .def(
          "add_dense",
          [](Trainer& s, std::int64_t units, bool use_bias, const Activation& f) {
            s.network.add_dense(units, use_bias, f);
          },
          py::arg("units"), py::arg("use_bias"), py::arg("activation"))
      .def(
          "add_activation", [](Trainer& s, const Activation& f) { s.network.add_activation(f); },
          py::arg("activation"))
      .def(
          "add_row_activation",
          [](Trainer& s, const Activation& f, std::int64_t axis) { s.network.add_row_activation(f, axis); },
          py::arg("activation"), py::arg("axis"))
      .def(
          "add_dropout",
          [](Trainer& s, double rate, std::uint64_t seed) { s.network.add_dropout(rate, seed); },
          py::arg("rate"), py::arg("seed"))
      .def("add_flatten", [](Trainer& s) { s.network.add_flatten(); })
      .def(
          "add_reshape", [](Trainer& s, const Shape& shape) { s.network.add_reshape(shape); },
          py::arg("shape"))
      .def("add_identity", [](Trainer& s) { s.network.add_identity(); })
      .def(
          "add_rescale",
          [](Trainer& s, bool divide, const std::vector<double>& a, const std::vector<double>& b) {
            s.network.add_rescale(divide, a, b);
          },
          py::arg("divide"), py::arg("a"), py::arg("b"))
      .def(
          "add_permute",
          [](Trainer& s, const std::vector<std::int64_t>& order) { s.network.add_permute(order); },
          py::arg("order"))
      .def(
          "add_repeat", [](Trainer& s, std::int64_t n) { s.network.add_repeat(n); }, py::arg("n"))
      .def(
          "add_batch_normalization",
          [](Trainer& s, std::int64_t axis, double momentum, double epsilon, bool center, bool scale) {
            s.network.add_batch_normalization(axis, momentum, epsilon, center, scale);
          },
          py::arg("axis"), py::arg("momentum"), py::arg("epsilon"), py::arg("center"), py::arg("scale"))
      .def(
          "add_batch_renormalization",
          [](Trainer& s, std::int64_t axis, double momentum, double epsilon, bool center, bool scale,
             double r_min, double r_max, double d_max, double renorm_momentum) {
            const nn::RenormalizationOptions options{r_min, r_max, d_max, renorm_momentum};
            s.network.add_batch_normalization(axis, momentum, epsilon, center, scale, options);
          },
          py::arg("axis"), py::arg("momentum"), py::arg("epsilon"), py::arg("center"), py::arg("scale"),
          py::arg("rmin"), py::arg("rmax"), py::arg("dmax"), py::arg("renorm_momentum"))
      .def(
          "add_row_normalization",
          [](Trainer& s, const std::string& kind, std::int64_t axes, double epsilon, bool center, bool scale,
             const std::string& scale_name, const std::vector<std::int64_t>& order) {
            s.network.add_row_normalization(row_kind(kind), axes, epsilon, center, scale, scale_name, order);
          },
          py::arg("kind"), py::arg("axes"), py::arg("epsilon"), py::arg("center"), py::arg("scale"),
          py::arg("scale_name") = "gamma", py::arg("order") = std::vector<std::int64_t>())
      .def(
          "add_group_normalization",
          [](Trainer& s, std::int64_t groups, double epsilon, bool center, bool scale, std::int64_t axis) {
            s.network.add_group_normalization(groups, epsilon, center, scale, axis);
          },
          py::arg("groups"), py::arg("epsilon"), py::arg("center"), py::arg("scale"), py::arg("axis") = -1)
      .def(
          "add_einsum_dense",
          [](Trainer& s, const std::string& input, const std::string& kernel, const std::string& output,
             const Shape& kernel_shape, const Shape& bias, const Activation& f) {
            s.network.add_einsum_dense(input, kernel, output, kernel_shape, bias, f);
          },
          py::arg("input"), py::arg("kernel"), py::arg("output"), py::arg("kernel_shape"),
          py::arg("bias_shape"), py::arg("activation"),
          "Labels of the axes of a sample, the kernel and an answer.")
      .def(
          "normalize_next_kernel", [](Trainer& s, std::int64_t n) { s.network.normalize_next_kernel(n); },
          py::arg("power_iterations"))
      .def(
          "add_prelu", [](Trainer& s, std::int64_t shared) { s.network.add_prelu(shared); },
          py::arg("shared"))
      .def(
          "add_alpha_dropout",
          [](Trainer& s, double rate, std::uint64_t seed) { s.network.add_alpha_dropout(rate, seed); },
          py::arg("rate"), py::arg("seed"))
      .def(
          "add_masked_dropout",
          [](Trainer& s, double rate, const Shape& noise_shape, std::uint64_t seed, bool alpha) {
            s.network.add_masked_dropout(rate, noise_shape, seed, alpha);
          },
          py::arg("rate"), py::arg("noise_shape"), py::arg("seed"), py::arg("alpha") = false)
      .def(
          "add_gaussian_noise",
          [](Trainer& s, double stddev, std::uint64_t seed) { s.network.add_gaussian_noise(stddev, seed); },
          py::arg("stddev"), py::arg("seed"))
      .def(
          "add_gaussian_dropout",
          [](Trainer& s, double rate, std::uint64_t seed) { s.network.add_gaussian_dropout(rate, seed); },
          py::arg("rate"), py::arg("seed"))
      .def(
          "add_embedding",
          [](Trainer& s, std::int64_t entries, std::int64_t columns) {
            s.network.add_embedding(entries, columns);
          },
          py::arg("entries"), py::arg("columns"))
      .def(
          "add_activity_penalty",
          [](Trainer& s, double l1, double l2) { s.network.add_activity_penalty(l1, l2); }, py::arg("l1"),
          py::arg("l2"), "Part of the layer added last.")
      .def("set_trainable", &Trainer::set_trainable, py::arg("layer"), py::arg("trainable"))
      .def(
          "trained_ranges",
          [](const Trainer& s) {
            std::vector<std::pair<std::int64_t, std::int64_t>> ranges;
            for (const nn::FlatRange& range : s.store().trained_ranges())
              ranges.emplace_back(range.first, range.count);
            return ranges;
          },
          "What a step changes of the flat buffers: offsets and counts.")
      .def_property("calls_seen", &Trainer::calls_seen, &Trainer::set_calls_seen,
                    "How often call_training was called: chooses its next random numbers.");
}

}  // namespace lamina::bindings
