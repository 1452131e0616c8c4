#include "nn/parameters/parameters.h"

namespace lamina::nn {

std::int64_t placed(std::int64_t count) {
  constexpr std::int64_t placement = 16;  // elements: at least one whole vector in both dtypes
  return (count + placement - 1) / placement * placement;
}

void ParameterLayout::add(std::int64_t layer, std::size_t operation, const Parameter& parameter) {
  const std::int64_t count = element_count(parameter.shape);
  parameters_.push_back(
      {layer, operation, parameter.name, parameter.shape, elements_, count, parameter.trained, false});
  elements_ += placed(count);
  element_count({elements_});
}

void ParameterLayout::place() {
  std::int64_t offset = 0;
  for (const bool trained : {true, false}) {
    for (PlacedParameter& p : parameters_) {
      if (p.trained != trained) continue;
      p.offset = offset;
      offset += placed(p.count);
    }
    if (trained) trained_elements_ = offset;
  }
}

void ParameterLayout::set_trainable(std::int64_t layer, bool trainable) {
  for (PlacedParameter& p : parameters_) {
    if (p.layer == layer) p.frozen = !trainable;
  }
}

std::vector<FlatRange> ParameterLayout::trained_ranges() const {
  std::vector<FlatRange> ranges;
  for (const PlacedParameter& p : parameters_) {
    if (!p.trained || p.frozen) continue;
    const std::int64_t count = placed(p.count);
    if (!ranges.empty() && ranges.back().first + ranges.back().count == p.offset) {
      ranges.back().count += count;
    } else {
      ranges.push_back({p.offset, count});
    }
  }
  return ranges;
}

PlacedPointers::PlacedPointers(const std::vector<std::vector<void*>>& of_operations) {
  for (const auto& some : of_operations) all_.insert(all_.end(), some.begin(), some.end());
  const ParameterPointers all(all_);
  std::size_t first = 0;
  for (const auto& some : of_operations) {
    parts_.push_back(all.subspan(first, some.size()));
    first += some.size();
  }
}

PlacedPointers ParameterLayout::pointers(void* flat, DType dtype, std::size_t operations) const {
  std::vector<std::vector<void*>> result(operations);
  for (const PlacedParameter& p : parameters_) {
    if (p.operation == PlacedParameter::kNoOperation) continue;
    result[p.operation].push_back(static_cast<char*>(flat) +
                                  static_cast<std::size_t>(p.offset) * size_of(dtype));
  }
  return PlacedPointers(result);
}

}  // namespace lamina::nn
