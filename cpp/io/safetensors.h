// Named arrays in a file: the safetensors format, read strictly and written byte for byte
// as its reference implementation (0.8) does.
//
// Layout: the header's length (unsigned 64-bit, little-endian), the header (JSON, padded
// with spaces to a multiple of 8), then the arrays' bytes, little-endian and in C order,
// without gaps. The header maps "__metadata__" to an object of strings and every other
// name to {"dtype": ..., "shape": [...], "data_offsets": [begin, end]}, with offsets from
// the header's end.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/buffer.h"
#include "core/types.h"

namespace lamina::io {

/// Bounds on what is read and written, so that a hostile header costs little.
constexpr std::size_t kMaxHeaderBytes = std::size_t{16} << 20;
constexpr std::size_t kMaxTensors = 100'000;
constexpr std::size_t kMaxRank = 8;

/// One named array. `data` belongs to someone else: byte_count() bytes, little-endian, in C
/// order, perhaps unaligned, never read when byte_count() is 0.
struct TensorEntry {
  std::string name;
  ElementType type = ElementType::float32;
  Shape shape;
  const std::byte* data = nullptr;

  std::size_t byte_count() const { return static_cast<std::size_t>(element_count(shape)) * size_of(type); }
};

using Metadata = std::map<std::string, std::string>;

/// What a header says, with `data` of each entry pointing into the bytes it came from.
struct SafetensorsView {
  std::vector<TensorEntry> tensors;  // in the order of their bytes, names distinct
  Metadata metadata;
};

/// A view together with the bytes that it points into (aligned to a vector).
struct SafetensorsFile : SafetensorsView {
  Buffer bytes;
};

/// The format's name of an element type ("F32") and back; false when lamina has no such type.
std::string_view safetensors_name_of(ElementType type);
bool safetensors_type_from_name(std::string_view name, ElementType* type);

/// Reads the whole of `bytes`. Checked before anything is used: the header's length and
/// UTF-8; JSON of exactly the layout above, each key once; known element types; every
/// size and offset without overflow; arrays contiguous from 0 to the end of `bytes`;
/// truth values 0 or 1; the bounds above. Allocates at most a small multiple of the
/// header's real length. FileFormatError, naming `origin`, for anything else.
SafetensorsView parse_safetensors(std::span<const std::byte> bytes, std::string_view origin = "data");

/// Reads a file, its header first: a damaged one costs no more than that. FileError (with
/// errno) when it cannot be read, FileFormatError as above, std::bad_alloc.
SafetensorsFile read_safetensors(const std::filesystem::path& path);

/// The bytes of a file. Arrays stand in the order of the format's reference writer: by
/// element type (U64, I64, F64, F32, U32, I32, U16, I16, I8, U8, BOOL), then by name;
/// metadata by key, left out when empty. Equal input gives equal bytes whatever its
/// order. ValueError for names that are not UTF-8, equal or "__metadata__", for truth
/// values other than 0 and 1, and for what exceeds the bounds above.
std::vector<std::byte> encode_safetensors(std::span<const TensorEntry> tensors, const Metadata& metadata);

/// Replaces the file `path` by these bytes in one step (io/atomic_file.h). FileError (with
/// errno) leaves what was there; ValueError as above.
void write_safetensors(const std::filesystem::path& path, std::span<const TensorEntry> tensors,
                       const Metadata& metadata);

}  // namespace lamina::io
