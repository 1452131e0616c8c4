// Streams of random numbers as callers name them.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/error.h"
#include "numerics/streams.h"

namespace lamina {

/// "initializer", "dropout", "shuffle", "user" or "noise"; anything else is a ValueError.
inline numerics::Purpose purpose_from_name(std::string_view name) {
  using numerics::Purpose;
  if (name == "initializer") return Purpose::initializer;
  if (name == "dropout") return Purpose::dropout;
  if (name == "shuffle") return Purpose::shuffle;
  if (name == "user") return Purpose::user;
  if (name == "noise") return Purpose::noise;
  throw ValueError(
      text("[stream_id] purpose must be 'initializer', 'dropout', 'shuffle', 'user' or 'noise'. "
           "Received: purpose='",
           name, "'"));
}

/// numerics::stream_id of that purpose; ValueError unless 0 <= index < 2^16 and
/// 0 <= step < 2^40.
inline std::uint64_t stream_id(std::string_view purpose, std::int64_t index, std::int64_t step) {
  const numerics::Purpose known = purpose_from_name(purpose);
  if (index < 0 || index >= std::int64_t{1} << numerics::kStreamIndexBits) {
    throw ValueError(text("[stream_id] index must be from 0 to 65535. Received: index=", index));
  }
  if (step < 0 || step >= std::int64_t{1} << numerics::kStreamStepBits) {
    throw ValueError(text("[stream_id] step must be from 0 to 2^40 - 1. Received: step=", step));
  }
  return numerics::stream_id(known, static_cast<std::uint64_t>(index), static_cast<std::uint64_t>(step));
}

}  // namespace lamina
