// The names by which users know the kinds of device/kinds.h: each enumerator's own name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "device/kinds.h"

namespace lamina {

std::string_view name_of(ActivationKind kind);
std::string_view name_of(LossKind kind);
std::string_view name_of(MetricKind kind);
std::string_view name_of(OptimizerKind kind);

// The kind of that name. Anything else is a ValueError that suggests the closest name and
// lists them all.
ActivationKind activation_from_name(std::string_view name);
LossKind loss_from_name(std::string_view name);
MetricKind metric_from_name(std::string_view name);
OptimizerKind optimizer_from_name(std::string_view name);

// All names, in the order of the enumerators.
std::vector<std::string> activation_names();
std::vector<std::string> loss_names();
std::vector<std::string> metric_names();
std::vector<std::string> optimizer_names();

}  // namespace lamina
