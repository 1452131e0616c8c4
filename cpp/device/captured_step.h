// Training steps captured once and run many times (CUDA graphs): one launch a step instead of one a call.
#pragma once

#include <cstdint>
#include <functional>

#include "device/arguments.h"

namespace lamina {

/// What of an update changes from step to step, as UpdateArguments and UpdateTreatment would have it.
struct StepNumbers {
  double rate = 0.0, decay_rate = 0.0, average_momentum = 0.0;
  double numbers[kUpdateNumbers] = {};
  bool overwrite = false;
};

/// What stays the same in all runs of a captured step.
struct CaptureArguments {
  DType dtype = DType::float32;
  /// Where a run finds its samples: false: gather_uploaded() takes them from the device's memory; true:
  /// CapturedStep::gather_rows() brings them.
  bool from_host = false;
  std::size_t input_bytes = 0;    ///< of the memory for one step's samples
  std::int64_t losses = 1;        ///< how often loss() is called in a step
  const double* state = nullptr;  ///< the state that add_metric() is given places of, while it is captured
  std::int64_t state_size = 0;
};

/// How many arrays of samples gather_uploaded() can take from at most.
inline constexpr int kMaximumUploadedArrays = 32;

/// What changes: all of it is laid on the device before the first run, so that nothing passes between the
/// host and the device from step to step.
struct CapturedRuns {
  std::int64_t steps = 0;                ///< runs at most; 1 with from_host
  const StepNumbers* numbers = nullptr;  ///< [steps]
  std::uint64_t first_step = 0;         ///< what is added to the streams of random numbers, one more each run
  const double* state = nullptr;        ///< [state_size]: what add_metric() adds to
  const double* loss_totals = nullptr;  ///< [losses]: what each call of loss() adds to, in their order
  // For gather_uploaded().
  const void* samples[kMaximumUploadedArrays] = {};  ///< whole arrays on the device
  const std::int64_t* order = nullptr;               ///< on the device; null: as they lie
  std::int64_t first_row = 0, rows_a_step = 0;
};

/// A captured step.
class CapturedStep {
 public:
  virtual ~CapturedStep() = default;
  /// Before the first of `steps` runs.
  virtual void begin(const CapturedRuns&) = 0;
  /// Only with from_host, after begin(): samples of the coming run, `at` bytes into the memory for them (not
  /// to `out`); labels as int32.
  virtual void gather_rows(const GatherRowsArguments&, bool labels, std::size_t at) = 0;
  /// The next step; returns before it is done.
  virtual void run() = 0;
  /// Waits, and takes back the sums that the runs since begin() have added to.
  virtual void read(double* loss_totals, double* state) = 0;
};

}  // namespace lamina
