#include "nn/training/captured_steps.h"

#include <algorithm>

namespace lamina::nn {

CapturedSteps::Entry& CapturedSteps::entry(const Key& key) {
  constexpr std::size_t most = 8;
  auto found = std::find_if(entries_.begin(), entries_.end(),
                            [&key](const std::unique_ptr<Entry>& e) { return e->key == key; });
  if (found == entries_.end()) {
    if (entries_.size() == most) entries_.pop_back();
    entries_.push_back(std::make_unique<Entry>());
    entries_.back()->key = key;
    found = entries_.end() - 1;
  }
  std::rotate(entries_.begin(), found, found + 1);
  return *entries_.front();
}

}  // namespace lamina::nn
