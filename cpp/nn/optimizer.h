// An optimizer over the flat buffers of a network: its settings, slots and counter.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "nn/network.h"

namespace lamina::nn {

struct OptimizerSettings {
  OptimizerKind kind = OptimizerKind::sgd;
  double learning_rate = 0.01;
  double momentum = 0.0;
  double beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7;
};

class Optimizer {
 public:
  /// Slots for the network's parameters, all zero. ValueError for a learning rate,
  /// momentum, beta or epsilon outside its range.
  Optimizer(const OptimizerSettings& settings, const Network& network);

  /// One step from the network's gradients.
  void step(const Network& network);

  const OptimizerSettings& settings() const { return settings_; }
  void set_learning_rate(double rate);
  std::int64_t iterations() const { return iterations_; }
  void set_iterations(std::int64_t n);
  std::vector<std::string_view> slot_names() const;
  void* slot(std::size_t i) const { return slots_[i].get(); }

 private:
  /// The learning rate with Adam's two bias corrections folded in:
  /// rate * sqrt(1 - beta_2^t) / (1 - beta_1^t), in double.
  double corrected_rate(std::int64_t t) const;

  OptimizerSettings settings_;
  std::int64_t iterations_ = 0;
  std::vector<Device::Memory> slots_;
};

}  // namespace lamina::nn
