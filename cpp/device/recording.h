// Training steps recorded once and run many times: on a GPU one launch a step instead of one a call.
#pragma once

#include <cstdint>
#include <functional>

#include "core/types.h"

namespace lamina {

/// What changes from one run of a recorded step to the next. All of it is laid on the device before the
/// first run, so that nothing passes between the host and the device from step to step.
struct RecordingArguments {
  DType dtype = DType::float32;
  std::int64_t steps = 0;         ///< runs at most
  const double* rates = nullptr;  ///< [steps]: what UpdateArguments::rate would be
  std::uint64_t first_step = 0;   ///< what is added to the streams of random numbers, one more each run
  std::int64_t rows_a_step = 0;   ///< by which gather_resident()'s first row grows each run
  const double* state = nullptr;  ///< the state that add_metric() is given places of
  std::int64_t state_size = 0;
  double loss_total = 0.0;  ///< what loss() adds to
};

/// A recorded step.
class Recording {
 public:
  virtual ~Recording() = default;
  /// The next step; returns before it is done.
  virtual void run() = 0;
  /// Waits, and takes back the sums that the runs so far have added to.
  virtual void read(double* loss_total, double* state) = 0;
};

}  // namespace lamina
