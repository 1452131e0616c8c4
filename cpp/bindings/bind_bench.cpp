// Kernels and limits, timed where nothing of Python is in the way. Used by lamina.bench.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "bindings/arrays.h"
#include "bindings/module.h"
#include "core/buffer.h"
#include "core/error.h"
#include "core/threads.h"
#include "cpu/peak/peak.h"
#include "device/device.h"
#include "device/names.h"
#include "nn/training/trainer.h"

namespace lamina::bindings {

namespace {

using Clock = std::chrono::steady_clock;

/// Seconds for one call, once for each of `rounds` rounds. A round calls often enough to
/// last about `seconds`; two calls come first that do not count.
template <class Call>
std::vector<double> time_rounds(int rounds, double seconds, const Call& call) {
  if (rounds < 1) throw ValueError(text("[bench] rounds must be positive. Received: rounds=", rounds));
  if (!(seconds >= 0.0 && seconds <= 3600.0)) {
    throw ValueError(text("[bench] seconds must be from 0 to 3600. Received: seconds=", seconds));
  }
  const auto time = [&](std::int64_t calls) {
    const Clock::time_point start = Clock::now();
    for (std::int64_t i = 0; i < calls; ++i) call();
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  call();
  std::int64_t calls = 1;
  double once = time(1);
  while (once < 1e-4 && once < seconds) {  // until the clock's own cost is nothing
    calls *= 4;
    once = time(calls);
  }
  calls = std::max<std::int64_t>(
      1, static_cast<std::int64_t>(seconds / std::max(once / static_cast<double>(calls), 1e-10)));
  std::vector<double> result;
  for (int round = 0; round < rounds; ++round) result.push_back(time(calls) / static_cast<double>(calls));
  return result;
}

std::int64_t elements_of(std::int64_t rows, std::int64_t columns) {
  return element_count(Shape{rows, columns});
}

/// `n` numbers spread evenly over [low, high), no two neighbours alike.
Buffer numbers(DType dtype, std::int64_t n, double low, double high) {
  Buffer buffer(static_cast<std::size_t>(n) * size_of(dtype));
  double at = 0.0;
  for (std::int64_t i = 0; i < n; ++i) {
    at += 0.6180339887498949;
    if (at >= 1.0) at -= 1.0;
    const double value = low + (high - low) * at;
    if (dtype == DType::float32) {
      buffer.as<float>()[i] = static_cast<float>(value);
    } else {
      buffer.as<double>()[i] = value;
    }
  }
  return buffer;
}

void check_threads(int n) {
  if (n < 1 || n > threads::count()) {
    throw ValueError(text("[bench] threads must be from 1 to get_num_threads(), which is ", threads::count(),
                          ". Received: threads=", n));
  }
}

double fma_peak(double seconds, int n, const std::string& dtype) {
  check_threads(n);
  const DType type = dtype_from_name(dtype);
  const py::gil_scoped_release release;
  return cpu::fma_peak(type, n, seconds);
}

double bandwidth(std::int64_t bytes, int n, const std::string& traffic, double seconds) {
  check_threads(n);
  if (bytes < 1) throw ValueError(text("[bench] bytes must be positive. Received: bytes=", bytes));
  if (traffic != "read" && traffic != "update") {
    throw ValueError(text("[bench] traffic must be 'read' or 'update'. Received: traffic='", traffic, "'"));
  }
  const py::gil_scoped_release release;
  return cpu::bandwidth(traffic == "read" ? cpu::Traffic::read : cpu::Traffic::update, bytes, n, seconds);
}

std::vector<double> gemm(std::int64_t m, std::int64_t n, std::int64_t k, const std::string& form,
                         const std::string& dtype, int rounds, double seconds) {
  GemmArguments g;
  g.dtype = dtype_from_name(dtype);
  g.m = m;
  g.n = n;
  g.k = k;
  g.a_row = k;
  g.b_row = n;
  g.c_row = n;
  if (form == "tn") {  // A lies transposed, [k, m]: weight gradients
    g.reduction = Reduction::rows;
    g.a_row = 1;
    g.a_column = m;
  } else if (form == "nt") {  // B lies transposed, [n, k]: input gradients
    g.b_row = 1;
    g.b_column = k;
  } else if (form != "nn") {
    throw ValueError(text("[bench_gemm] form must be 'nn', 'tn' or 'nt'. Received: form='", form, "'"));
  }
  const std::int64_t a_size = elements_of(m, k), b_size = elements_of(k, n), c_size = elements_of(m, n);
  const py::gil_scoped_release release;
  const Buffer a = numbers(g.dtype, a_size, -1.0, 1.0);
  const Buffer b = numbers(g.dtype, b_size, -1.0, 1.0);
  const Buffer c(static_cast<std::size_t>(c_size) * size_of(g.dtype));
  g.a = a.data();
  g.b = b.data();
  g.c = c.data();
  Device& cpu = device("cpu");
  return time_rounds(rounds, seconds, [&] { cpu.gemm(g); });
}

std::vector<double> activation(const Activation& f, std::int64_t rows, std::int64_t columns, bool backward,
                               const std::string& dtype, int rounds, double seconds) {
  const DType type = dtype_from_name(dtype);
  const py::gil_scoped_release release;
  const std::int64_t n = elements_of(rows, columns);
  const Buffer x = numbers(type, n, -4.0, 4.0), y = numbers(type, n, 0.0, 1.0);
  Device& cpu = device("cpu");
  if (!backward) {
    return time_rounds(rounds, seconds, [&] { cpu.activate(type, f, rows, columns, x.data(), y.data()); });
  }
  const bool from_output = derivative_from(f) == DerivativeFrom::output;
  const Buffer dx(static_cast<std::size_t>(n) * size_of(type));
  if (from_output) cpu.activate(type, f, rows, columns, x.data(), y.data());
  const void* saved = from_output ? y.data() : x.data();
  return time_rounds(rounds, seconds,
                     [&] { cpu.activate_backward(type, f, rows, columns, saved, x.data(), dx.data()); });
}

/// Value and gradient in one call, as a training step asks for them.
std::vector<double> loss(const LossSpecification& specification, std::int64_t rows, std::int64_t columns,
                         const std::string& dtype, int rounds, double seconds) {
  LossArguments a;
  a.dtype = dtype_from_name(dtype);
  a.loss = specification;
  a.form = specification.from_logits ? PredictionForm::logits : PredictionForm::values;
  a.rows = rows;
  a.columns = columns;
  const py::gil_scoped_release release;
  const std::int64_t n = elements_of(rows, columns);
  const Buffer prediction = numbers(a.dtype, n, specification.from_logits ? -4.0 : 0.05, 0.95);
  const Buffer target = numbers(a.dtype, n, 0.0, 1.0);
  Buffer labels(static_cast<std::size_t>(std::max<std::int64_t>(rows, 1)) * sizeof(std::int32_t));
  for (std::int64_t i = 0; i < rows; ++i) {
    labels.as<std::int32_t>()[i] = static_cast<std::int32_t>(i % std::max<std::int64_t>(columns, 1));
  }
  const Buffer gradient(static_cast<std::size_t>(n) * size_of(a.dtype));
  a.prediction = prediction.data();
  a.target = takes_labels(specification.kind) ? labels.data() : target.data();
  a.scale = 1.0 / static_cast<double>(std::max<std::int64_t>(rows, 1));
  a.gradient = gradient.data();
  Device& cpu = device("cpu");
  return time_rounds(rounds, seconds, [&] { cpu.loss(a); });
}

std::vector<double> optimizer(const nn::OptimizerSettings& settings, std::int64_t n, const std::string& dtype,
                              int rounds, double seconds) {
  UpdateArguments u;
  u.dtype = dtype_from_name(dtype);
  u.kind = settings.kind;
  u.n = elements_of(1, n);
  u.rate = settings.learning_rate;
  u.momentum = settings.momentum;
  u.beta_1 = settings.beta_1;
  u.beta_2 = settings.beta_2;
  u.epsilon = settings.epsilon;
  if (!is_elementwise(settings.kind)) {
    throw ValueError(
        text("[bench_optimizer] the rule must be element-wise. Received: '", name_of(settings.kind), "'"));
  }
  nn::fill_numbers(settings, settings.learning_rate, 1000, 0.5, u.numbers);
  const py::gil_scoped_release release;
  const Buffer parameters = numbers(u.dtype, n, -1.0, 1.0), gradients = numbers(u.dtype, n, -1.0, 1.0);
  const Buffer first = numbers(u.dtype, n, 0.0, 1e-3), second = numbers(u.dtype, n, 0.0, 1.0);
  const Buffer third = numbers(u.dtype, n, 0.0, 1.0);
  u.parameters = parameters.data();
  u.gradients = gradients.data();
  u.slots[0] = first.data();
  u.slots[1] = second.data();
  u.slots[2] = third.data();
  Device& cpu = device("cpu");
  return time_rounds(rounds, seconds, [&] { cpu.update(u); });
}

std::vector<double> dropout(double rate, std::int64_t rows, std::int64_t columns, const std::string& dtype,
                            int rounds, double seconds) {
  if (!(rate >= 0.0 && rate < 1.0)) {
    throw ValueError(text("[bench_dropout] rate must be in [0, 1). Received: rate=", rate));
  }
  DropoutArguments d;
  d.dtype = dtype_from_name(dtype);
  d.rate = rate;
  d.rows = rows;
  d.columns = columns;
  const py::gil_scoped_release release;
  const Buffer in = numbers(d.dtype, elements_of(rows, columns), -1.0, 1.0);
  const Buffer out(in.bytes());
  d.in = in.data();
  d.out = out.data();
  Device& cpu = device("cpu");
  return time_rounds(rounds, seconds, [&] {
    ++d.key.stream;  // another step's mask
    cpu.dropout(d);
  });
}

/// Rows drawn in a random order from a [rows * 8, columns] array: a shuffled batch.
std::vector<double> gather(std::int64_t rows, std::int64_t columns, const std::string& dtype, int rounds,
                           double seconds) {
  const DType type = dtype_from_name(dtype);
  const py::gil_scoped_release release;
  const std::int64_t all = 8 * rows;
  const Buffer source = numbers(type, elements_of(all, columns), -1.0, 1.0);
  const Buffer out(static_cast<std::size_t>(elements_of(rows, columns)) * size_of(type));
  std::vector<std::int64_t> order(static_cast<std::size_t>(all));
  Device& cpu = device("cpu");
  cpu.permutation(all, RandomKey{1, 1}, order.data());
  ArrayView view;
  view.data = source.data();
  view.type = type == DType::float32 ? ElementType::float32 : ElementType::float64;
  view.rows = all;
  view.row_stride = columns * static_cast<std::int64_t>(size_of(type));
  view.row_shape = {columns};
  view.strides = {static_cast<std::int64_t>(size_of(type))};
  GatherRowsArguments g;
  g.source = &view;
  g.order = order.data();
  g.rows = rows;
  g.dtype = type;
  g.out = out.data();
  return time_rounds(rounds, seconds, [&] {
    cpu.gather_rows(g);
    g.first = (g.first + rows) % all;
  });
}

std::vector<double> predict(const nn::Trainer& model, const py::array& x, int rounds, double seconds) {
  const ArrayView view = view_rows(x, "x");
  nn::check_inputs({&view, 1}, model.input_shapes());
  if (!model.network.built()) throw StateError("[bench_predict] the network has not been built");
  Shape shape{view.rows};
  shape.insert(shape.end(), model.network.output_shape().begin(), model.network.output_shape().end());
  py::array out = make_array(model.network.dtype(), shape);
  void* to = out.mutable_data();
  const py::gil_scoped_release release;
  return time_rounds(rounds, seconds, [&] {
    nn::Monitor monitor;
    model.predict(view, to, monitor);
  });
}

}  // namespace

void init_bench(py::module_& m) {
  m.def("bench_fma_peak", &fma_peak, py::arg("seconds"), py::arg("threads"), py::arg("dtype") = "float32",
        "Floating-point operations a second that FMAs in registers reach, with the instruction set in use.");
  m.def("bench_bandwidth", &bandwidth, py::arg("bytes"), py::arg("threads"), py::arg("traffic") = "read",
        py::arg("seconds") = 0.1,
        "Bytes a second from a working set of that size: one stream read, or the 'update' y += s * x.");
  const auto rounds = py::arg("rounds") = 5;
  const auto seconds = py::arg("seconds") = 0.05;
  const auto dtype = py::arg("dtype") = "float32";
  m.def("bench_gemm", &gemm, py::arg("m"), py::arg("n"), py::arg("k"), py::arg("form") = "nn", dtype, rounds,
        seconds,
        "Seconds for C[m,n] = A B, once for each round; form 'nn', 'tn' (A lies as [k,m]; reduced in the "
        "order of weight gradients) or 'nt' (B lies as [n,k]).");
  m.def("bench_activation", &activation, py::arg("activation"), py::arg("rows"), py::arg("columns"),
        py::arg("backward") = false, dtype, rounds, seconds, "Seconds for one pass of an activation.");
  m.def("bench_loss", &loss, py::arg("loss"), py::arg("rows"), py::arg("columns"), dtype, rounds, seconds,
        "Seconds for a loss and its gradient.");
  m.def("bench_optimizer", &optimizer, py::arg("optimizer"), py::arg("n"), dtype, rounds, seconds,
        "Seconds for one update of n parameters.");
  m.def("bench_dropout", &dropout, py::arg("rate"), py::arg("rows"), py::arg("columns"), dtype, rounds,
        seconds, "Seconds for one pass of dropout.");
  m.def("bench_gather", &gather, py::arg("rows"), py::arg("columns"), dtype, rounds, seconds,
        "Seconds for gathering a shuffled batch.");
  m.def("bench_predict", &predict, py::arg("network"), py::arg("x"), rounds, seconds,
        "Seconds for one call of the C++ predict.");
}

}  // namespace lamina::bindings
