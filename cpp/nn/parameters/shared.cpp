#include "nn/parameters/shared.h"

#include <algorithm>

#include "core/error.h"

namespace lamina::nn {

void SharedParameter::join(const ParameterMemory& memory, std::size_t index, bool newest) {
  const std::lock_guard guard(lock_);
  members_.push_back({&memory, index});
  if (newest) newest_ = &memory;
}

void SharedParameter::leave(const ParameterMemory& memory) {
  const std::lock_guard guard(lock_);
  const auto member = std::find_if(members_.begin(), members_.end(),
                                   [&memory](const Member& each) { return each.memory == &memory; });
  if (member == members_.end()) return;
  const std::size_t index = member->index;
  members_.erase(member);
  if (newest_ != &memory) return;
  newest_ = nullptr;
  if (members_.empty()) return;
  try {
    left_.resize(memory.bytes_of(index));
    memory.read(memory.current(), index, left_.data());
  } catch (...) {  // a device that fails: the others keep what they have
    left_.clear();
  }
}

std::uint64_t SharedParameter::changed(const ParameterMemory& memory) {
  const std::lock_guard guard(lock_);
  newest_ = &memory;
  left_.clear();
  return version_.fetch_add(1, std::memory_order_acq_rel) + 1;
}

std::pair<std::uint64_t, bool> SharedParameter::read_newest(const ParameterMemory& memory,
                                                            std::vector<char>& buffer) {
  const std::lock_guard guard(lock_);
  const std::uint64_t version = version_.load(std::memory_order_acquire);
  if (newest_ == &memory) return {version, false};
  if (newest_ == nullptr) {
    buffer = left_;
    return {version, !left_.empty()};
  }
  for (const Member& member : members_) {
    if (member.memory != newest_) continue;
    buffer.resize(newest_->bytes_of(member.index));
    newest_->read(newest_->current(), member.index, buffer.data());
    return {version, true};
  }
  return {version, false};
}

SharedParameters::~SharedParameters() {
  for (const Share& share : shares_) share.value->leave(*memory_);
}

void SharedParameters::share(std::size_t index, SharedParameters& other, std::size_t other_index) {
  if (&other == this) throw ValueError("[Network] a network shares no parameter with itself");
  std::shared_ptr<SharedParameter> value;
  {
    const std::lock_guard guard(other.fetching_);
    for (const Share& share : other.shares_) {
      if (share.index == other_index) value = share.value;
    }
    if (value == nullptr) {
      value = std::make_shared<SharedParameter>();
      value->join(*other.memory_, other_index, true);
      other.shares_.push_back({value, other_index, value->version()});
      other.any_.store(true, std::memory_order_release);
    }
  }
  const std::lock_guard guard(fetching_);
  for (const Share& share : shares_) {
    if (share.index == index) throw ValueError("[Network] this parameter is shared already");
  }
  value->join(*memory_, index, false);
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
  if (!training && memory_->in_use()) return;  // a training fetches before each step
  for (Share& share : shares_) {
    if (share.value->version() == share.seen) continue;
    const auto [version, found] = share.value->read_newest(*memory_, buffer_);
    if (found) memory_->write(memory_->values(), share.index, buffer_.data());
    share.seen = version;
  }
}

void SharedParameters::changed() {
  if (!any()) return;
  const std::lock_guard guard(fetching_);
  for (Share& share : shares_) share.seen = share.value->changed(*memory_);
}

void SharedParameters::changed(std::size_t only) {
  if (!any()) return;
  const std::lock_guard guard(fetching_);
  for (Share& share : shares_) {
    if (share.index == only) share.seen = share.value->changed(*memory_);
  }
}

}  // namespace lamina::nn
