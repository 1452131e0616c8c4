// The parameters of a store, what is attached to them, and the optimizer that trains them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "nn/optimizers/optimizer.h"
#include "nn/parameters/exclusive.h"
#include "nn/parameters/penalties.h"
#include "nn/parameters/store.h"

namespace lamina::nn {

class OptimizedParameters {
 public:
  explicit OptimizedParameters(std::shared_ptr<ParameterStore> store) : store_(std::move(store)) {}
  OptimizedParameters(const OptimizedParameters&) = delete;
  OptimizedParameters& operator=(const OptimizedParameters&) = delete;

  ParameterStore& store() const { return *store_; }
  /// Penalties and constraints.
  Penalties penalties;

  /// A fresh optimizer for the gradients to come. Nothing has changed when it throws.
  void set_optimizer(const OptimizerSettings& settings);
  /// The same, made before and for this store.
  void set_optimizer(std::unique_ptr<Optimizer> optimizer) { optimizer_ = std::move(optimizer); }
  bool has_optimizer() const { return optimizer_ != nullptr; }
  /// StateError before set_optimizer().
  Optimizer& optimizer() const;

  /// The gradient of one parameter, dense, in the store's dtype, in host memory.
  struct Gradient {
    std::size_t parameter;
    void* data;
  };
  /// One step of the optimizer for those parameters, frozen ones left out. They may all lie in one
  /// memory laid out like the parameters (`together`), which is then used where it lies. With
  /// `with_penalties`, what the penalties add is added to them (there, then). Returns the penalties' value.
  double apply_gradients(const std::vector<Gradient>& gradients, bool together, bool with_penalties);

  /// Exchanges the parameters with their moving averages; StateError without use_ema.
  void swap_average();
  /// The parameters become their moving averages, if the optimizer keeps any.
  void adopt_average();
  /// The constraints hold again.
  void constrain();

  /// For one step, training or evaluation; StateError while another one runs.
  Exclusive exclude() { return {busy_, store_->memory()}; }

 private:
  std::shared_ptr<ParameterStore> store_;
  std::unique_ptr<Optimizer> optimizer_;
  std::vector<FlatRange> given_ranges_;  ///< of the parameters that got gradients
  std::atomic<bool> busy_{false};        ///< a training or evaluation is running
};

}  // namespace lamina::nn
