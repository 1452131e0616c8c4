// Metrics' states as arrays.
#pragma once

#include <pybind11/pybind11.h>

#include <string>

#include "device/metric.h"

namespace lamina::bindings {

namespace py = pybind11;

/// [(name, array), ...], as state_variables has them.
py::list variables_of(const MetricSpecification& metric, std::int64_t columns, const double* state);

/// "mean", "weighted_mean" or "sum".
LossReduction reduction_from_name(const std::string& name);

}  // namespace lamina::bindings
