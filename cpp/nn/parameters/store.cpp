#include "nn/parameters/store.h"

#include <numeric>
#include <utility>

#include "core/error.h"

namespace lamina::nn {

ParameterStore::ParameterStore(DType dtype, Device& device)
    : memory_(std::make_shared<ParameterMemory>(dtype, device)),
      shared_(std::make_shared<SharedParameters>(memory_)) {}

void ParameterStore::add(std::int64_t layer, std::size_t operation, const Parameter& parameter) {
  if (built_) throw StateError("[ParameterStore] parameters cannot be added once they are laid out");
  layout_.add(layer, operation, parameter);
}

void ParameterStore::build() {
  if (built_) return;
  layout_.place();
  trained_ranges_ = layout_.trained_ranges();
  memory_->lay_out(layout_);
  built_ = true;
}

void ParameterStore::build_in(const ParameterStore& other) {
  if (built_) throw StateError("[ParameterStore] the parameters are laid out already");
  layout_.place();
  if (dtype() != other.dtype() || &device() != &other.device() || !other.memory_->fits(layout_)) {
    throw ValueError("[Network] only networks with the same parameters can share them");
  }
  trained_ranges_ = layout_.trained_ranges();
  memory_ = other.memory_;
  shared_ = other.shared_;
  built_ = true;
}

void ParameterStore::build_gradients() {
  build();
  if (gradients_ != nullptr || flat_bytes() == 0) return;
  Device::Memory gradients = device().make(flat_bytes());
  device().fill_zero(gradients.get(), flat_bytes());
  gradients_ = std::move(gradients);
}

void ParameterStore::set_trainable(std::int64_t layer, bool trainable) {
  build();
  layout_.set_trainable(layer, trainable);
  trained_ranges_ = layout_.trained_ranges();
}

void ParameterStore::gradient_written(std::size_t i) {
  if (holds_none_) {
    not_held_.resize(size());
    std::iota(not_held_.begin(), not_held_.end(), std::size_t{0});
    holds_none_ = false;
  }
  std::erase(not_held_, i);
}

void ParameterStore::share(std::size_t i, const ParameterStore& other, std::size_t j) {
  const PlacedParameter& mine = layout_.parameters().at(i);
  const PlacedParameter& its = other.layout_.parameters().at(j);
  if (mine.shape != its.shape || dtype() != other.dtype()) {
    throw ValueError(text("[Network] shared parameters have one shape and type. Received: '", mine.name,
                          "' of shape ", to_string(mine.shape), " and ", to_string(its.shape)));
  }
  shared_->share(i, *other.shared_, j);
}

}  // namespace lamina::nn
