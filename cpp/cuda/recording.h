// Steps recorded as graphs (device/recording.h).
#pragma once

#include <memory>

#include "cuda/gather/gather.h"
#include "device/recording.h"

namespace lamina::cuda {

/// StepNumbers, rounded.
template <class T>
struct RoundedNumbers {
  T rate, decay_rate, average_momentum, average_rest;
  T numbers[kUpdateNumbers];
  bool overwrite;
};

/// Where the numbers of the run lie, all on the device.
struct RecordedNumbers {
  const void* numbers = nullptr;  ///< RoundedNumbers of the recording's dtype
  const std::uint64_t* step = nullptr;
  const ResidentRows* rows = nullptr;
  double* loss_total = nullptr;
  double* states = nullptr;
  const double* host_states = nullptr;  ///< where `states` lies on the host
  std::int64_t state_size = 0;
};

/// Those of the step that is being recorded; null when none is.
const RecordedNumbers* recorded_numbers();

std::unique_ptr<Recording> record(const RecordingArguments&, const std::function<void(void*)>& step);

/// How many recordings were made, and how often one was run, since the program began.
struct RecordingCounts {
  std::uint64_t made, runs;
};
RecordingCounts recording_counts();

}  // namespace lamina::cuda
