#include <algorithm>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <utility>

#include "core/error.h"
#include "io/atomic_file.h"
#include "io/input_file.h"
#include "io/json.h"
#include "io/safetensors_format.h"

namespace lamina::io {
namespace {

// A tensor as its header describes it, before the bytes are there.
struct Claim {
  TensorEntry tensor;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};
struct Header {
  std::vector<Claim> claims;
  Metadata metadata;
};

class HeaderParser {
 public:
  HeaderParser(std::string_view header, std::string_view origin)
      : json_(header), header_(header), origin_(origin) {}

  [[noreturn]] void fail(const std::string& what) const { throw_format_error(origin_, what); }
  [[noreturn]] static void throw_format_error(std::string_view origin, const std::string& what) {
    throw FileFormatError(text("[safetensors] ", origin, " is damaged or is no safetensors file: ", what));
  }

  Header parse() {
    if (header_.empty() || header_[0] != '{') fail("the header does not start with '{'");
    try {
      parse_object();
    } catch (const JsonError& error) {
      fail(text("the header, at byte ", error.offset, ": ", error.what()));
    }
    if (header_.find_first_not_of(' ', json_.offset()) != std::string_view::npos) {
      fail(text("the header, at byte ", json_.offset(), ": text after its end"));
    }
    check_names();
    return std::move(result_);
  }

 private:
  void parse_object() {
    json_.expect('{');
    if (json_.accept('}')) return;
    bool has_metadata = false;
    do {
      std::string name = json_.string();
      json_.expect(':');
      if (name == kMetadataKey) {
        if (std::exchange(has_metadata, true)) fail("two entries \"__metadata__\"");
        parse_metadata();
      } else {
        if (result_.claims.size() == kMaxTensors) fail(text("more than ", kMaxTensors, " tensors"));
        parse_tensor(std::move(name));
      }
    } while (json_.accept(','));
    json_.expect('}');
  }

  void parse_metadata() {
    json_.expect('{');
    if (json_.accept('}')) return;
    do {
      std::string key = json_.string();
      json_.expect(':');
      std::string value = json_.string();
      const auto [position, is_new] = result_.metadata.try_emplace(std::move(key), std::move(value));
      if (!is_new) fail(text("two metadata entries ", excerpt(position->first)));
    } while (json_.accept(','));
    json_.expect('}');
  }

  void parse_tensor(std::string name) {
    Claim claim;
    claim.tensor.name = std::move(name);
    bool has_type = false, has_shape = false, has_offsets = false;
    json_.expect('{');
    do {
      const std::string key = json_.string();
      json_.expect(':');
      bool repeated = false;
      if (key == "dtype") {
        repeated = std::exchange(has_type, true);
        parse_type(claim.tensor);
      } else if (key == "shape") {
        repeated = std::exchange(has_shape, true);
        parse_shape(claim.tensor);
      } else if (key == "data_offsets") {
        repeated = std::exchange(has_offsets, true);
        json_.expect('[');
        claim.begin = static_cast<std::uint64_t>(json_.integer());
        json_.expect(',');
        claim.end = static_cast<std::uint64_t>(json_.integer());
        json_.expect(']');
      } else {
        fail(text("tensor ", excerpt(claim.tensor.name), " has an unknown entry ", excerpt(key)));
      }
      if (repeated) fail(text("tensor ", excerpt(claim.tensor.name), " has two entries ", excerpt(key)));
    } while (json_.accept(','));
    json_.expect('}');
    if (!has_type || !has_shape || !has_offsets) {
      fail(text("tensor ", excerpt(claim.tensor.name), " has no ",
                !has_type    ? "dtype"
                : !has_shape ? "shape"
                             : "data_offsets"));
    }
    result_.claims.push_back(std::move(claim));
  }

  void parse_type(TensorEntry& tensor) {
    const std::string name = json_.string();
    if (!safetensors_type_from_name(name, &tensor.type)) {
      throw FileFormatError(
          text("[safetensors] ", origin_, ": tensor ", excerpt(tensor.name),
               " has an element type that lamina does not read (it reads BOOL, U8 to U64, I8 "
               "to I64, F32 and F64). Received: dtype=",
               excerpt(name)));
    }
  }

  void parse_shape(TensorEntry& tensor) {
    json_.expect('[');
    if (json_.accept(']')) return;
    do {
      if (tensor.shape.size() == kMaxRank) {
        fail(text("tensor ", excerpt(tensor.name), " has more than ", kMaxRank, " axes"));
      }
      tensor.shape.push_back(json_.integer());
    } while (json_.accept(','));
    json_.expect(']');
  }

  // Sorting keeps this n log n whatever the names are; a hash table could be attacked.
  void check_names() {
    std::vector<std::string_view> names;
    names.reserve(result_.claims.size());
    for (const Claim& claim : result_.claims) names.push_back(claim.tensor.name);
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice != names.end()) fail(text("two tensors ", excerpt(*twice)));
  }

  JsonReader json_;
  std::string_view header_;
  std::string_view origin_;
  Header result_;
};

// The header's length from the file's first bytes.
std::size_t header_length(const std::byte* first, std::uint64_t file_bytes, std::string_view origin) {
  std::uint64_t length = 0;
  std::memcpy(&length, first, kLengthBytes);
  if (length > file_bytes - kLengthBytes) {
    HeaderParser::throw_format_error(origin,
                                     text("it has ", file_bytes, " bytes but claims a header of ", length));
  }
  if (length > kMaxHeaderBytes) {
    HeaderParser::throw_format_error(
        origin, text("a header of ", length, " bytes; at most ", kMaxHeaderBytes, " are read"));
  }
  return static_cast<std::size_t>(length);
}

void check_length(std::uint64_t file_bytes, std::string_view origin) {
  if (file_bytes < kLengthBytes) {
    HeaderParser::throw_format_error(origin, text("it has only ", file_bytes, " bytes"));
  }
}

// Parses the header and checks that its tensors tile [0, data_bytes) exactly; in that order.
Header parse_header(std::string_view header, std::uint64_t data_bytes, std::string_view origin) {
  HeaderParser parser(header, origin);
  Header result = parser.parse();
  std::sort(result.claims.begin(), result.claims.end(), [](const Claim& a, const Claim& b) {
    return std::tie(a.begin, a.end, a.tensor.name) < std::tie(b.begin, b.end, b.tensor.name);
  });
  std::uint64_t position = 0;
  for (const Claim& claim : result.claims) {
    const TensorEntry& tensor = claim.tensor;
    const auto fail = [&](const std::string& what) {
      parser.fail(text("tensor ", excerpt(tensor.name), ", data_offsets [", claim.begin, ", ", claim.end,
                       "]: ", what));
    };
    if (claim.end < claim.begin) fail("they run backwards");
    if (claim.begin < position) fail(text("they overlap the tensor that ends at ", position));
    if (claim.begin > position) fail(text("a gap after ", position));
    if (claim.end > data_bytes) fail(text("the file has only ", data_bytes, " bytes of data"));
    std::uint64_t bytes = 0;
    try {
      bytes = tensor.byte_count();
    } catch (const ValueError&) {
      fail(text("the shape ", to_string(tensor.shape), " has more elements than memory can hold"));
    }
    if (bytes != claim.end - claim.begin) {
      fail(text("the shape ", to_string(tensor.shape), " of ", safetensors_name_of(tensor.type), " takes ",
                bytes, " bytes"));
    }
    position = claim.end;
  }
  if (position != data_bytes) {
    parser.fail(text("its tensors take ", position, " bytes but ", data_bytes, " follow the header"));
  }
  return result;
}

// Points the tensors at their bytes.
SafetensorsView with_data(Header header, const std::byte* data, std::string_view origin) {
  SafetensorsView view;
  view.metadata = std::move(header.metadata);
  view.tensors.reserve(header.claims.size());
  for (Claim& claim : header.claims) {
    if (claim.begin != claim.end) claim.tensor.data = data + claim.begin;
    if (claim.tensor.type == ElementType::boolean && !are_truth_values(claim.tensor)) {
      HeaderParser::throw_format_error(
          origin, text("tensor ", excerpt(claim.tensor.name), " of BOOL has values other than 0 and 1"));
    }
    view.tensors.push_back(std::move(claim.tensor));
  }
  return view;
}

}  // namespace

SafetensorsView parse_safetensors(std::span<const std::byte> bytes, std::string_view origin) {
  check_length(bytes.size(), origin);
  const std::size_t length = header_length(bytes.data(), bytes.size(), origin);
  const std::string_view header(reinterpret_cast<const char*>(bytes.data()) + kLengthBytes, length);
  const std::span<const std::byte> data = bytes.subspan(kLengthBytes + length);
  return with_data(parse_header(header, data.size(), origin), data.data(), origin);
}

SafetensorsFile read_safetensors(const std::filesystem::path& path) {
  const std::string origin = display(path);
  InputFile file(path);
  check_length(file.size(), origin);
  std::byte first[kLengthBytes];
  file.read(first, kLengthBytes);
  std::string text_of_header(header_length(first, file.size(), origin), '\0');
  file.read(text_of_header.data(), text_of_header.size());
  const std::uint64_t data_bytes = file.size() - kLengthBytes - text_of_header.size();
  Header header = parse_header(text_of_header, data_bytes, origin);

  SafetensorsFile result;
  result.bytes = Buffer(static_cast<std::size_t>(data_bytes));
  file.read(result.bytes.data(), result.bytes.bytes());
  static_cast<SafetensorsView&>(result) = with_data(std::move(header), result.bytes.as<std::byte>(), origin);
  return result;
}

}  // namespace lamina::io
