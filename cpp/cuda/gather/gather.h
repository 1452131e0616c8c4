// Batches of a user's arrays: their rows are gathered by the host into memory that the GPU reads directly,
// twice, so that one batch is gathered while the one before is copied. Meanings as in cpu/gather/gather.h.
#pragma once

#include "device/arguments.h"

namespace lamina::cuda {

void gather(const GatherArguments&);
void gather_labels(const GatherArguments&);

/// out[i] = rows[order[first + i]] over device memory: rows of `bytes` (a multiple of 4).
/// `first`: on the device.
void gather_resident(std::int64_t rows, std::int64_t bytes, const void* from, const std::int64_t* order,
                     const std::int64_t* first, void* to);

}  // namespace lamina::cuda
