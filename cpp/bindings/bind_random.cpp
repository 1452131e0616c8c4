// Random numbers: functions of (seed, stream, index).
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include "bindings/arrays.h"
#include "bindings/module.h"
#include "core/error.h"
#include "cpu/random/random.h"
#include "device/device.h"
#include "device/streams.h"
#include "ops/random.h"

namespace lamina::bindings {

namespace {

py::array draw(Distribution distribution, const Shape& shape, double a, double b, std::uint64_t seed,
               std::uint64_t stream, const std::string& dtype) {
  RandomArguments r;
  r.dtype = dtype_from_name(dtype);
  ops::check_distribution(distribution, r.dtype, a, b);
  r.distribution = distribution;
  r.key = {seed, stream};
  r.n = element_count(shape);
  r.a = a;
  r.b = b;
  py::array out = make_array(r.dtype, shape);
  r.out = out.mutable_data();
  {
    const py::gil_scoped_release release;
    device("cpu").random(r);
  }
  return out;
}

}  // namespace

void init_random(py::module_& m) {
  m.def(
      "random_uniform",
      [](const Shape& shape, double low, double high, std::uint64_t seed, std::uint64_t stream,
         const std::string& dtype) {
        return draw(Distribution::uniform, shape, low, high, seed, stream, dtype);
      },
      py::arg("shape"), py::arg("low"), py::arg("high"), py::arg("seed"), py::arg("stream"), py::arg("dtype"),
      "Uniform numbers in [low, high).");
  m.def(
      "random_normal",
      [](const Shape& shape, double mean, double stddev, std::uint64_t seed, std::uint64_t stream,
         const std::string& dtype) {
        return draw(Distribution::normal, shape, mean, stddev, seed, stream, dtype);
      },
      py::arg("shape"), py::arg("mean"), py::arg("stddev"), py::arg("seed"), py::arg("stream"),
      py::arg("dtype"), "Normal numbers.");
  m.def(
      "random_truncated_normal",
      [](const Shape& shape, double mean, double stddev, std::uint64_t seed, std::uint64_t stream,
         const std::string& dtype) {
        return draw(Distribution::truncated_normal, shape, mean, stddev, seed, stream, dtype);
      },
      py::arg("shape"), py::arg("mean"), py::arg("stddev"), py::arg("seed"), py::arg("stream"),
      py::arg("dtype"), "Normal numbers within two standard deviations of the mean.");
  m.def(
      "random_integers",
      [](std::int64_t n, std::int64_t low, std::int64_t high, std::uint64_t seed, std::uint64_t stream) {
        element_count({n});
        py::array_t<std::int64_t> out(n);
        std::int64_t* to = out.mutable_data();
        {
          const py::gil_scoped_release release;
          device("cpu").integers(n, low, high, {seed, stream}, to);
        }
        return out;
      },
      py::arg("n"), py::arg("low"), py::arg("high"), py::arg("seed"), py::arg("stream"),
      "Integers in [low, high), without bias.");
  m.def(
      "permutation",
      [](std::int64_t n, std::uint64_t seed, std::uint64_t stream) {
        element_count({n});
        py::array_t<std::int64_t> out(n);
        std::int64_t* to = out.mutable_data();
        {
          const py::gil_scoped_release release;
          device("cpu").permutation(n, {seed, stream}, to);
        }
        return out;
      },
      py::arg("n"), py::arg("seed"), py::arg("stream"), "A random order of 0..n-1.");
  m.def("stream_id", &lamina::stream_id, py::arg("purpose"), py::arg("index"), py::arg("step"),
        "The stream of random numbers for a purpose ('initializer', 'dropout', 'shuffle', 'user', ...).");
}

}  // namespace lamina::bindings
