#include "nn/parameters.h"

namespace lamina::nn {

namespace {
constexpr std::int64_t kPlacement = 16;  // elements: at least one whole vector in both dtypes
}

void ParameterLayout::add(std::int64_t layer, std::size_t operation, const Parameter& parameter) {
  const std::int64_t count = element_count(parameter.shape);
  parameters_.push_back({layer, operation, parameter.name, parameter.shape, elements_, count});
  elements_ += (count + kPlacement - 1) / kPlacement * kPlacement;
  element_count({elements_});
}

std::vector<ParameterPointers> ParameterLayout::pointers(void* flat, DType dtype,
                                                         std::size_t operations) const {
  std::vector<ParameterPointers> result(operations);
  for (const PlacedParameter& p : parameters_) {
    result[p.operation].push_back(static_cast<char*>(flat) +
                                  static_cast<std::size_t>(p.offset) * size_of(dtype));
  }
  return result;
}

}  // namespace lamina::nn
