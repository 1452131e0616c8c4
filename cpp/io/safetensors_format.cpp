#include "io/safetensors_format.h"

#include <algorithm>
#include <array>
#include <bit>

#include "io/json.h"

namespace lamina::io {
namespace {

static_assert(std::endian::native == std::endian::little, "arrays are little-endian in memory and in files");

struct TypeName {
  std::string_view name;
  ElementType type;
};
// In the order in which arrays are written.
constexpr std::array<TypeName, 11> kTypes = {{{"U64", ElementType::uint64},
                                              {"I64", ElementType::int64},
                                              {"F64", ElementType::float64},
                                              {"F32", ElementType::float32},
                                              {"U32", ElementType::uint32},
                                              {"I32", ElementType::int32},
                                              {"U16", ElementType::uint16},
                                              {"I16", ElementType::int16},
                                              {"I8", ElementType::int8},
                                              {"U8", ElementType::uint8},
                                              {"BOOL", ElementType::boolean}}};

}  // namespace

std::size_t rank_in_file(ElementType type) {
  const auto found =
      std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeName& t) { return t.type == type; });
  return static_cast<std::size_t>(found - kTypes.begin());
}

std::string_view safetensors_name_of(ElementType type) { return kTypes[rank_in_file(type)].name; }

bool safetensors_type_from_name(std::string_view name, ElementType* type) {
  for (const TypeName& known : kTypes) {
    if (known.name == name) {
      *type = known.type;
      return true;
    }
  }
  return false;
}

std::string excerpt(std::string_view text) {
  constexpr std::size_t most = 80;
  std::string out;
  if (text.size() <= most) {
    append_json_string(out, text);
    return out;
  }
  std::size_t length = most;
  while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80) --length;
  append_json_string(out, text.substr(0, length));
  return out + "...";
}

bool are_truth_values(const TensorEntry& tensor) {
  const std::size_t count = tensor.byte_count();
  return count == 0 ||
         std::all_of(tensor.data, tensor.data + count, [](std::byte b) { return b <= std::byte{1}; });
}

}  // namespace lamina::io
