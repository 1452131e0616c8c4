// Steps recorded as graphs (device/recording.h).
#pragma once

#include <memory>

#include "device/recording.h"

namespace lamina::cuda {

/// Where the numbers of a recorded step lie, all on the device.
struct RecordedNumbers {
  const void* rate = nullptr;  ///< in the recording's dtype
  const std::uint64_t* step = nullptr;
  const std::int64_t* first = nullptr;
  double* loss_total = nullptr;
  double* states = nullptr;
  const double* host_states = nullptr;  ///< where `states` lies on the host
  std::int64_t state_size = 0;
};

/// Those of the step that is being recorded; null when none is.
const RecordedNumbers* recorded_numbers();

std::unique_ptr<Recording> record(const RecordingArguments&, const std::function<void()>& step);

}  // namespace lamina::cuda
