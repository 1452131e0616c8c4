// The parameters of a model: their layout, values and gradients in flat buffers, which of them are trained,
// and what they have in common with other models.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <vector>

#include "core/tensor.h"
#include "device/device.h"
#include "nn/parameters/gradient_view.h"
#include "nn/parameters/memory.h"
#include "nn/parameters/parameters.h"
#include "nn/parameters/shared.h"

namespace lamina::nn {

class ParameterStore {
 public:
  ParameterStore(DType dtype, Device& device);
  ParameterStore(const ParameterStore&) = delete;
  ParameterStore& operator=(const ParameterStore&) = delete;

  /// One more parameter. StateError once built.
  void add(std::int64_t layer, std::size_t operation, const Parameter& parameter);
  /// Lays out the parameters, all zero. The first call that needs them does it.
  void build();
  /// build() in the memory of another store with the same parameters, which changes with it; which of them
  /// are trained, gradients and optimizers stay apart. ValueError for other parameters.
  void build_in(const ParameterStore& other);
  bool built() const { return built_; }
  /// The memory of the gradients, which only training needs, all zero.
  void build_gradients();

  DType dtype() const { return memory_->dtype(); }
  Device& device() const { return memory_->device(); }
  const ParameterLayout& layout() const { return layout_; }
  /// How many there are.
  std::size_t size() const { return layout_.parameters().size(); }
  std::size_t flat_bytes() const { return static_cast<std::size_t>(layout_.elements()) * size_of(dtype()); }

  /// Freezes the parameters of a layer, or thaws them.
  void set_trainable(std::int64_t layer, bool trainable);
  /// The parts of the flat buffers that a step changes.
  const std::vector<FlatRange>& trained_ranges() const { return trained_ranges_; }

  // Values, as ParameterMemory says.
  void* values() const { return memory_->values(); }
  const void* current() const { return memory_->current(); }
  void changed() const { memory_->changed(); }
  std::uint64_t version() const { return memory_->version(); }
  Tensor view(std::size_t i) const { return memory_->view(i); }
  std::size_t bytes_of(std::size_t i) const { return memory_->bytes_of(i); }
  void read(const void* flat, std::size_t i, void* to_host, std::int64_t count = -1) const {
    memory_->read(flat, i, to_host, count);
  }
  void write(void* flat, std::size_t i, const void* from_host, std::int64_t count = -1) const {
    memory_->write(flat, i, from_host, count);
  }
  std::shared_mutex& lock() const { return memory_->lock(); }
  const ParameterMemory& memory() const { return *memory_; }

  /// The buffer of gradients; build_gradients() has made it.
  GradientView gradients() const { return {gradients_.get(), dtype()}; }
  /// Whether the last step left a parameter's gradient there.
  bool holds_gradient(std::size_t i) const {
    return !holds_none_ && std::find(not_held_.begin(), not_held_.end(), i) == not_held_.end();
  }
  /// A step begins that leaves all gradients here, or none.
  void begin_gradients(bool held) {
    holds_none_ = !held;
    not_held_.clear();
  }
  /// This one it used without leaving it.
  void gradient_used(std::size_t i) { not_held_.push_back(i); }
  const std::vector<std::size_t>& used_gradients() const { return not_held_; }
  /// This one was written here.
  void gradient_written(std::size_t i);

  /// The parameters that other stores have, too.
  SharedParameters& shared() const { return *shared_; }
  /// Parameter `i` and parameter `j` of another store become one, with the other's value. ValueError where
  /// they differ in shape or type, or are one already.
  void share(std::size_t i, const ParameterStore& other, std::size_t j);

 private:
  std::shared_ptr<ParameterMemory> memory_;
  std::shared_ptr<SharedParameters> shared_;
  ParameterLayout layout_;
  std::vector<FlatRange> trained_ranges_;
  bool built_ = false;
  Device::Memory gradients_{nullptr, {nullptr}};
  bool holds_none_ = false;
  std::vector<std::size_t> not_held_;
};

}  // namespace lamina::nn
