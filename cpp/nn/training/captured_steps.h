// The recordings of training steps that a model keeps: for each kind of step the one that was made last.
//
// A recording has baked in what its calls were given: sizes, the addresses of parameters, activations,
// gradients and slots, and all settings. A change of one of those clears the recordings
// (Trainer::compile(), set_optimizer(), set_trainable(), reserve()); what clears nothing is in the key.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "device/captured_step.h"

namespace lamina::nn {

class CapturedSteps {
 public:
  struct Key {
    std::int64_t rows = 0;
    bool from_host = false;      ///< CaptureArguments
    std::uint64_t weighted = 0;  ///< a bit for each output that has sample weights
    const void* values = nullptr;
    const void* gradients = nullptr;
    bool operator==(const Key&) const = default;
  };
  struct Entry {
    Key key;
    std::int64_t wanted = 0;  ///< how often, before there was a recording
    bool refused = false;     ///< cannot be recorded
    std::unique_ptr<CapturedStep> recording;
  };

  /// That key's, or a new one in place of the one that was asked for the longest ago.
  Entry& entry(const Key& key);
  void clear() { entries_.clear(); }

 private:
  std::vector<std::unique_ptr<Entry>> entries_;  ///< asked for last: first
};

}  // namespace lamina::nn
