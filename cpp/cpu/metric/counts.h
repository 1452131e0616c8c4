// Metrics that are counts or moments of single elements. Meanings: metric.h.
#pragma once

#include "device/arguments.h"

namespace lamina::cpu {

/// Adds the rows to the state of a confusion, fbeta, iou or r2.
void add_counts(const MetricArguments& arguments, double* state);

}  // namespace lamina::cpu
