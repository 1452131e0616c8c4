// Metrics on the GPU; formulas and orders as in cpu/metric/metric.h. Counts and moments are one chain over
// all elements in order: their rows are copied to the host, whose code adds them up.
#pragma once

#include "device/arguments.h"

namespace lamina::cuda {

/// Whether a metric is a mean of values of rows, computed on the device as a whole.
bool is_mean(const MetricSpecification& metric);
/// `state` is the host's.
void add_metric(const MetricArguments&, double* state);
/// For means without missing targets: `state` is the device's.
void add_mean_on_device(const MetricArguments&, double* state);

}  // namespace lamina::cuda
