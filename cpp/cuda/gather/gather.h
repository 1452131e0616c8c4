// Batches of a user's arrays: their rows are gathered by the host into memory that the GPU reads directly,
// twice, so that one batch is gathered while the one before is copied. Meanings as in cpu/gather/gather.h.
#pragma once

#include "device/captured_step.h"

namespace lamina::cuda {

void gather_rows(const GatherRowsArguments&);
void gather_labels(const GatherRowsArguments&);

/// Where the rows of a captured step's runs lie; the struct itself is on the device.
struct UploadedRows {
  const void* samples[kMaximumUploadedArrays];
  const std::int64_t* order;  ///< null: as they lie
  std::int64_t first;
};

/// out[i] = row order[first + i] of array number `array`, over device memory: rows of `bytes` (a multiple of
/// 4).
void gather_uploaded(std::int64_t rows, std::int64_t bytes, const UploadedRows* from, int array, void* out);

}  // namespace lamina::cuda
