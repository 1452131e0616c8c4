// All parameters of a network in one flat buffer, so that an optimizer is one pass.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/layer.h"

namespace lamina::nn {

/// Where one parameter lies in every flat buffer (values, gradients, optimizer slots).
struct PlacedParameter {
  std::int64_t layer;  ///< the index that the user knows
  std::size_t operation;
  std::string name;
  Shape shape;
  std::int64_t offset;  ///< in elements; a multiple of a vector
  std::int64_t count;
};

/// The layout of the flat buffers. Gaps between parameters hold zeros, which every
/// optimizer leaves at zero.
class ParameterLayout {
 public:
  void add(std::int64_t layer, std::size_t operation, const Parameter& parameter);
  const std::vector<PlacedParameter>& parameters() const { return parameters_; }
  std::int64_t elements() const { return elements_; }
  /// Pointers into a flat buffer for each operation.
  std::vector<ParameterPointers> pointers(void* flat, DType dtype, std::size_t operations) const;

 private:
  std::vector<PlacedParameter> parameters_;
  std::int64_t elements_ = 0;
};

}  // namespace lamina::nn
