// Steps captured as graphs (device/captured_step.h).
#pragma once

#include <memory>

#include "cuda/gather/gather.h"
#include "device/captured_step.h"

namespace lamina::cuda {

/// StepNumbers, rounded.
template <class T>
struct RoundedNumbers {
  T rate, decay_rate, average_momentum, average_rest;
  T numbers[kUpdateNumbers];
  bool overwrite;
};

/// Where the numbers of the run lie, all on the device.
struct CapturedNumbers {
  const void* numbers = nullptr;  ///< RoundedNumbers of the captured step's dtype
  const std::uint64_t* step = nullptr;
  const UploadedRows* rows = nullptr;
  double* states = nullptr;
  const double* host_states = nullptr;  ///< where `states` lies on the host
  std::int64_t state_size = 0;
};

/// Those of the step that is being captured; null when none is.
const CapturedNumbers* captured_numbers();
/// Where the next call of loss() adds its total, in the step that is being captured.
double* next_loss_total();

std::unique_ptr<CapturedStep> capture(const CaptureArguments&, const std::function<void(void*)>& step);

/// How many steps were captured, and how often one was replayed, since the program began.
struct CaptureCounts {
  std::uint64_t made, runs;
};
CaptureCounts capture_counts();

}  // namespace lamina::cuda
