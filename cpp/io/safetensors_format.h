// What the reader and the writer of safetensors share.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "io/safetensors.h"

namespace lamina::io {

constexpr std::string_view kMetadataKey = "__metadata__";
constexpr std::size_t kLengthBytes = 8;

/// Where arrays of this type stand in a file: 0 comes first.
std::size_t rank_in_file(ElementType type);

/// UTF-8 text from outside, for a message: as a JSON string, cut when long.
std::string excerpt(std::string_view text);

/// True when every byte of a boolean array is 0 or 1.
bool are_truth_values(const TensorEntry& tensor);

}  // namespace lamina::io
