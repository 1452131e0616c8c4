// All parameters of a network in one flat buffer, so that an optimizer is one pass.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "nn/parameters/parameter.h"

namespace lamina::nn {

/// What a parameter of `count` elements takes in a flat buffer, with the gap behind it.
std::int64_t placed(std::int64_t count);

/// Where one parameter lies in every flat buffer (values, gradients, optimizer slots).
struct PlacedParameter {
  static constexpr std::size_t kNoOperation = ~std::size_t{0};
  std::int64_t layer;     ///< the index that the user knows
  std::size_t operation;  ///< that computes with it; kNoOperation: only the tape does
  std::string name;
  Shape shape;
  std::int64_t offset;  ///< in elements; a multiple of a vector
  std::int64_t count;
  bool trained = true;  ///< by the optimizer, unless its layer is frozen
  bool frozen = false;
};

/// Elements first .. first + count - 1 of the flat buffers.
struct FlatRange {
  std::int64_t first = 0, count = 0;
  bool operator==(const FlatRange&) const = default;
};

/// Pointers to parameters, and which of them are each operation's.
class PlacedPointers {
 public:
  PlacedPointers() = default;
  PlacedPointers(PlacedPointers&&) = default;
  PlacedPointers& operator=(PlacedPointers&&) = default;
  explicit PlacedPointers(const std::vector<std::vector<void*>>& of_operations);
  const ParameterPointers& operator[](std::size_t operation) const { return parts_[operation]; }
  std::span<const ParameterPointers> all() const { return parts_; }

 private:
  std::vector<void*> all_;
  std::vector<ParameterPointers> parts_;
};

/// The layout of the flat buffers: first what an optimizer trains, then the layers' own state, so
/// that without frozen layers one pass over the front is a step. Gaps between parameters hold
/// zeros, which every optimizer leaves at zero.
class ParameterLayout {
 public:
  void add(std::int64_t layer, std::size_t operation, const Parameter& parameter);
  /// Fixes all offsets; called once all parameters are there.
  void place();
  const std::vector<PlacedParameter>& parameters() const { return parameters_; }
  /// Freezes the parameters of a layer, or thaws them.
  void set_trainable(std::int64_t layer, bool trainable);
  /// What a step changes, in ascending order, as few ranges as possible, gaps included: one from 0
  /// on when nothing is frozen, none when everything is.
  std::vector<FlatRange> trained_ranges() const;
  /// Elements in front that optimizers train unless they are frozen.
  std::int64_t trained_elements() const { return trained_elements_; }
  std::int64_t elements() const { return elements_; }
  /// Pointers into a flat buffer, operation after operation.
  PlacedPointers pointers(void* flat, DType dtype, std::size_t operations) const;

 private:
  std::vector<PlacedParameter> parameters_;
  std::int64_t elements_ = 0;
  std::int64_t trained_elements_ = 0;
};

}  // namespace lamina::nn
