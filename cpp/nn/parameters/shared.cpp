#include "nn/parameters/shared.h"

#include <algorithm>

#include "core/error.h"
#include "nn/training/trainer.h"

namespace lamina::nn {

void SharedParameter::join(Trainer& model, std::size_t index, bool newest) {
  const std::lock_guard guard(lock_);
  members_.push_back({&model, index});
  if (newest) newest_ = &model;
}

void SharedParameter::leave(Trainer& model) {
  const std::lock_guard guard(lock_);
  const auto own = std::find_if(members_.begin(), members_.end(),
                                [&model](const Member& member) { return member.model == &model; });
  if (own == members_.end()) return;
  const std::size_t index = own->index;
  members_.erase(own);
  if (newest_ != &model) return;
  newest_ = nullptr;
  if (members_.empty()) return;
  try {
    left_.resize(model.parameter_bytes(index));
    model.read(model.network.values(), index, left_.data());
  } catch (...) {  // a device that fails: the others keep what they have
    left_.clear();
  }
}

std::uint64_t SharedParameter::changed(Trainer& model) {
  const std::lock_guard guard(lock_);
  newest_ = &model;
  left_.clear();
  return version_.fetch_add(1, std::memory_order_acq_rel) + 1;
}

std::pair<std::uint64_t, bool> SharedParameter::read_newest(const Trainer& model, std::vector<char>& buffer) {
  const std::lock_guard guard(lock_);
  const std::uint64_t version = version_.load(std::memory_order_acquire);
  if (newest_ == &model) return {version, false};
  if (newest_ == nullptr) {
    buffer = left_;
    return {version, !left_.empty()};
  }
  for (const Member& member : members_) {
    if (member.model != newest_) continue;
    buffer.resize(newest_->parameter_bytes(member.index));
    newest_->read(newest_->network.values(), member.index, buffer.data());
    return {version, true};
  }
  return {version, false};
}

SharedParameters::~SharedParameters() {
  for (const Share& share : shares_) share.value->leave(model_);
}

void SharedParameters::share(std::size_t index, Trainer& other, std::size_t other_index) {
  if (&other == &model_) throw ValueError("[Network] a network shares no parameter with itself");
  const PlacedParameter& own = model_.network.layout().parameters().at(index);
  const PlacedParameter& its = other.network.layout().parameters().at(other_index);
  if (own.shape != its.shape || model_.network.dtype() != other.network.dtype()) {
    throw ValueError(text("[Network] shared parameters have one shape and type. Received: '", own.name,
                          "' of shape ", to_string(own.shape), " and ", to_string(its.shape)));
  }
  std::shared_ptr<SharedParameter> value;
  {
    SharedParameters& theirs = other.shared();
    const std::lock_guard guard(theirs.fetching_);
    for (const Share& share : theirs.shares_) {
      if (share.index == other_index) value = share.value;
    }
    if (value == nullptr) {
      value = std::make_shared<SharedParameter>();
      value->join(other, other_index, true);
      theirs.shares_.push_back({value, other_index, value->version()});
      theirs.any_.store(true, std::memory_order_release);
    }
  }
  const std::lock_guard guard(fetching_);
  for (const Share& share : shares_) {
    if (share.index == index) throw ValueError("[Network] this parameter is shared already");
  }
  value->join(model_, index, false);
  shares_.push_back({std::move(value), index, 0});
  any_.store(true, std::memory_order_release);
}

bool SharedParameters::shares(std::size_t index) const {
  const std::lock_guard guard(fetching_);
  return std::any_of(shares_.begin(), shares_.end(), [index](const Share& s) { return s.index == index; });
}

void SharedParameters::fetch(bool training) {
  if (!any()) return;
  const std::lock_guard guard(fetching_);
  if (!training && model_.busy()) return;  // who trains fetches before each step
  for (Share& share : shares_) {
    if (share.value->version() == share.seen) continue;
    const auto [version, found] = share.value->read_newest(model_, buffer_);
    if (found) model_.write(model_.network.values(), share.index, buffer_.data());
    share.seen = version;
  }
}

void SharedParameters::changed() {
  if (!any()) return;
  const std::lock_guard guard(fetching_);
  for (Share& share : shares_) share.seen = share.value->changed(model_);
}

void SharedParameters::changed(std::size_t only) {
  if (!any()) return;
  const std::lock_guard guard(fetching_);
  for (Share& share : shares_) {
    if (share.index == only) share.seen = share.value->changed(model_);
  }
}

}  // namespace lamina::nn
