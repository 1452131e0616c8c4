// The safetensors reader and writer: round trips, exact bytes, and every kind of damage.
// Damaged input must be a FileFormatError, never a crash or a wrong success.
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "check.h"
#include "core/error.h"
#include "io/json.h"
#include "io/safetensors.h"

namespace {

using namespace lamina;
using io::encode_safetensors;
using io::parse_safetensors;
using io::TensorEntry;
using Bytes = std::vector<std::byte>;

Bytes bytes_of(const std::string& text) {
  const auto* start = reinterpret_cast<const std::byte*>(text.data());
  return {start, start + text.size()};
}

// A file with this header, as it stands, and `data` zero bytes.
Bytes file_with(const std::string& header, std::size_t data = 0) {
  std::string out(8, '\0');
  const std::uint64_t length = header.size();
  std::memcpy(out.data(), &length, 8);
  return bytes_of(out + header + std::string(data, '\0'));
}

std::string text_of(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool is_read(const Bytes& bytes) {
  try {
    parse_safetensors(bytes);
    return true;
  } catch (const FileFormatError&) {
    return false;
  }
}

// Tensors of every type and of odd shapes, with their bytes.
struct Sample {
  Bytes pool = Bytes(4096);
  std::vector<TensorEntry> tensors;
  io::Metadata metadata = {{"format", "lamina"},
                           {"k\xc3\xa9y", "quote \" slash / back \\ tab \t nul-ish \x01"}};

  Sample() {
    for (std::size_t i = 0; i < pool.size(); ++i) pool[i] = static_cast<std::byte>(i * 131 % 251);
    constexpr ElementType types[] = {ElementType::boolean, ElementType::int8,   ElementType::uint8,
                                     ElementType::int16,   ElementType::uint16, ElementType::int32,
                                     ElementType::uint32,  ElementType::int64,  ElementType::uint64,
                                     ElementType::float32, ElementType::float64};
    const Shape shapes[] = {{}, {3}, {2, 0, 5}, {2, 3}, {1, 1, 1, 1, 1, 1, 1, 2}};
    for (const ElementType type : types) {
      for (const Shape& shape : shapes) {
        std::string name = std::string(io::safetensors_name_of(type)) + "/" + to_string(shape);
        tensors.push_back({std::move(name), type, shape, pool.data() + tensors.size() * 8});
      }
    }
    for (TensorEntry& tensor : tensors) {
      static constexpr std::byte truth[6] = {std::byte{1}, std::byte{0}, std::byte{1}};
      if (tensor.type == ElementType::boolean) tensor.data = truth;
    }
  }
};

void test_round_trip() {
  Sample sample;
  const Bytes file = encode_safetensors(sample.tensors, sample.metadata);
  CHECK(parse_safetensors(file).metadata == sample.metadata);
  const io::SafetensorsView view = parse_safetensors(file);
  CHECK(view.tensors.size() == sample.tensors.size());
  for (const TensorEntry& tensor : view.tensors) {
    for (const TensorEntry& original : sample.tensors) {
      if (original.name != tensor.name) continue;
      CHECK(original.type == tensor.type && original.shape == tensor.shape);
      CHECK(tensor.byte_count() == 0 || std::memcmp(original.data, tensor.data, tensor.byte_count()) == 0);
    }
  }
  // Any order of the same tensors gives the same bytes; so does writing what was read.
  std::vector<TensorEntry> reversed(sample.tensors.rbegin(), sample.tensors.rend());
  CHECK(encode_safetensors(reversed, sample.metadata) == file);
  CHECK(encode_safetensors(view.tensors, view.metadata) == file);
}

void test_exact_bytes() {
  CHECK(text_of(encode_safetensors({}, {})) == std::string("\x08\0\0\0\0\0\0\0{}      ", 16));
  const float values[] = {0, 1, 2, 3, 4, 5};
  const auto* data = reinterpret_cast<const std::byte*>(values);
  const std::vector<TensorEntry> one = {{"attn.0", ElementType::float32, {1, 2, 3}, data}};
  const std::string header = R"({"attn.0":{"dtype":"F32","shape":[1,2,3],"data_offsets":[0,24]}})";
  CHECK(header.size() == 64);
  Bytes expected = file_with(header);
  expected.insert(expected.end(), data, data + 24);
  CHECK(encode_safetensors(one, {}) == expected);

  const std::vector<TensorEntry> two = {{"b", ElementType::float32, {1}, data},
                                        {"a", ElementType::int8, {3}, data},
                                        {"c", ElementType::int64, {}, data}};
  const std::string text = text_of(encode_safetensors(two, {{"z", "\x1f"}, {"y", "\n"}}));
  CHECK(text.find(
            R"({"__metadata__":{"y":"\n","z":"\u001f"},"c":{"dtype":"I64","shape":[],"data_offsets":[0,8]},)"
            R"("b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},)"
            R"("a":{"dtype":"I8","shape":[3],"data_offsets":[12,15]}})") == 8);
}

void test_truncation_and_growth() {
  Sample sample;
  sample.tensors.resize(24);
  const Bytes file = encode_safetensors(sample.tensors, sample.metadata);
  CHECK(file.size() > 1500);
  for (std::size_t size = 0; size < file.size(); ++size) {
    CHECK(!is_read(Bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size))));
  }
  Bytes longer = file;
  longer.push_back(std::byte{0});
  CHECK(!is_read(longer));
}

// A flipped bit may give another valid header (a letter of a name); then what was read
// must survive being written and read again.
void test_bit_flips() {
  const float values[] = {1, 2, 3, 4};
  const std::vector<TensorEntry> tensors = {
      {"dense/kernel", ElementType::float32, {2, 1}, reinterpret_cast<const std::byte*>(values)},
      {"dense/bias", ElementType::float32, {1}, reinterpret_cast<const std::byte*>(values)},
      {"iterations", ElementType::int8, {}, reinterpret_cast<const std::byte*>(values)}};
  Bytes file = encode_safetensors(tensors, {{"format", "lamina \xe2\x82\xac"}});
  const std::size_t header_end = file.size() - 13;
  int valid = 0;
  for (std::size_t at = 0; at < header_end; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      file[at] ^= static_cast<std::byte>(1 << bit);
      try {
        const io::SafetensorsView view = parse_safetensors(file);
        const Bytes again = encode_safetensors(view.tensors, view.metadata);
        const io::SafetensorsView second = parse_safetensors(again);
        CHECK(view.metadata == second.metadata && view.tensors.size() == second.tensors.size());
        CHECK(encode_safetensors(second.tensors, second.metadata) == again);
        ++valid;
      } catch (const FileFormatError&) {
      }
      file[at] ^= static_cast<std::byte>(1 << bit);
    }
  }
  CHECK(valid > 0 && valid < static_cast<int>(header_end) * 4);
}

std::string tensor(const std::string& name, const std::string& type, const std::string& shape,
                   const std::string& offsets) {
  return "\"" + name + R"(":{"dtype":")" + type + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets +
         "}";
}

void test_hostile_headers() {
  const std::string good = tensor("a", "F32", "[1]", "[0,4]");
  CHECK(is_read(file_with("{" + good + "}", 4)));
  CHECK(is_read(file_with("{ " + good + "\n\t}   ", 4)));
  CHECK(is_read(file_with(R"({"a":{"data_offsets":[0,4],"shape":[1],"dtype":"F32"}})", 4)));
  CHECK(is_read(file_with("{" + tensor("", "F32", "[1]", "[0,4]") + "}", 4)));
  CHECK(is_read(file_with("{" + tensor("b", "F32", "[0]", "[4,4]") + "," + good + "}", 4)));
  CHECK(is_read(file_with(R"({"__metadata__":{"\ud83d\ude00\u0000\/":"\u20ac"}})")));

  const std::string bad_tensors[] = {
      tensor("a", "F32", "[1]", "[0,5]"),
      tensor("a", "F32", "[1]", "[0,3]"),
      tensor("a", "F32", "[1]", "[4,0]"),
      tensor("a", "F32", "[1]", "[1,5]"),
      tensor("a", "F32", "[1]", "[0]"),
      tensor("a", "F32", "[1]", "[0,4,4]"),
      tensor("a", "F32", "[1]", "[]"),
      tensor("a", "F32", "[1]", "[-4,0]"),
      tensor("a", "F32", "[1]", "[0,4.0]"),
      tensor("a", "F32", "[1]", "[0,4e0]"),
      tensor("a", "F32", "[1]", "[0,04]"),
      tensor("a", "F32", "[1]", "[0,\"4\"]"),
      tensor("a", "F32", "[1]", "[0,18446744073709551615]"),
      tensor("a", "F32", "[1]", "[0,18446744073709551620]"),
      tensor("a", "F32", "[1]", "[9223372036854775807,9223372036854775807]"),
      tensor("a", "F32", "[1]", "[9223372036854775804,9223372036854775808]"),
      tensor("a", "F32", "[2]", "[0,4]"),
      tensor("a", "F32", "[-1]", "[0,4]"),
      tensor("a", "F32", "[1.0]", "[0,4]"),
      tensor("a", "F32", "[NaN]", "[0,4]"),
      tensor("a", "F32", "[null]", "[0,4]"),
      tensor("a", "F32", "[true]", "[0,4]"),
      tensor("a", "F32", "[[1]]", "[0,4]"),
      tensor("a", "F32", "[1,]", "[0,4]"),
      tensor("a", "F32", "1", "[0,4]"),
      tensor("a", "F32", "[4294967296,4294967296,1]", "[0,4]"),
      tensor("a", "F32", "[4611686018427387904,4]", "[0,0]"),
      tensor("a", "F32", "[4611686018427387905,4]", "[0,4]"),
      tensor("a", "F32", "[9223372036854775807,9223372036854775807,9223372036854775807]", "[0,4]"),
      tensor("a", "F32", "[4611686018427387904,4,0]", "[0,0]"),
      tensor("a", "F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]"),
      tensor("a", "F16", "[2]", "[0,4]"),
      tensor("a", "BF16", "[2]", "[0,4]"),
      tensor("a", "f32", "[1]", "[0,4]"),
      tensor("a", "", "[1]", "[0,4]"),
      tensor("a", "F32", "[1]", "[0,4],\"dtype\":\"F32\""),
      tensor("a", "F32", "[1]", "[0,4],\"shape\":[1]"),
      tensor("a", "F32", "[1]", "[0,4],\"data_offsets\":[0,4]"),
      tensor("a", "F32", "[1]", "[0,4],\"x\":1"),
      tensor("a", "F32", "[1]", "[0,4],"),
      R"("a":{"dtype":"F32","shape":[1]})",
      R"("a":{"dtype":"F32","data_offsets":[0,4]})",
      R"("a":{"shape":[1],"data_offsets":[0,4]})",
      R"("a":{})",
      R"("a":["F32",[1],[0,4]])",
      R"("a":null)",
      R"("a":1)",
      R"("a":"F32")",
      R"("a")",
      R"(a:1)",
      good + "," + good,
      good + "," + tensor("b", "F32", "[1]", "[0,4]"),
      good + "," + tensor("b", "F32", "[1]", "[4,8]"),
      good + "," + tensor("b", "U8", "[2]", "[2,4]"),
      good + "," + tensor("b", "F32", "[0]", "[2,2]"),
      good + "," + tensor("\\u0061", "F32", "[0]", "[4,4]"),
      good + ",",
      "," + good,
      tensor("a", "U8", "[2]", "[0,2]") + "," + tensor("b", "U8", "[1]", "[3,4]")};
  for (const std::string& bad : bad_tensors) {
    CHECK(!is_read(file_with("{" + bad + "}", 4)));
    CHECK(!is_read(file_with("{" + bad + "}")));
  }

  const std::string bad_headers[] = {
      "", " ", "{", "}", "[]", "null", "\"\"", "{}}", "{} {}", "{}x", std::string("{}\0", 3), "{}\n", " {}",
      "\xef\xbb\xbf{}", "{\"", "{\"a", "{\"a\\", "{\"a\\u", "{\"a\\u00", "{\"a\":", "{a:1}", "{'a':1}", "{,}",
      "{\"a\":}", R"({"__metadata__":null})", R"({"__metadata__":[]})", R"({"__metadata__":{"a":1}})",
      R"({"__metadata__":{"a":null}})", R"({"__metadata__":{"a":{}}})",
      R"({"__metadata__":{"a":"b","a":"b"}})", R"({"__metadata__":{},"__metadata__":{}})",
      R"({"__metadata__":{"a":"b",}})", R"({"__metadata__":{"a" "b"}})", "{\"__metadata__\":{\"a\":\"\n\"}}",
      R"({"__metadata__":{"a":"\x"}})", R"({"__metadata__":{"a":"\ud800"}})",
      R"({"__metadata__":{"a":"\udc00"}})", R"({"__metadata__":{"a":"\ud800\u0041"}})",
      R"({"__metadata__":{"a":"\ud800x"}})", R"({"__metadata__":{"a":"\u12g4"}})",
      // UTF-8: a lone continuation byte, overlong forms, a surrogate, above U+10FFFF, cut off.
      "{\"__metadata__\":{\"a\":\"\x80\"}}", "{\"__metadata__\":{\"a\":\"\xc0\x80\"}}",
      "{\"__metadata__\":{\"a\":\"\xc1\xbf\"}}", "{\"__metadata__\":{\"a\":\"\xe0\x80\x80\"}}",
      "{\"__metadata__\":{\"a\":\"\xed\xa0\x80\"}}", "{\"__metadata__\":{\"a\":\"\xf0\x80\x80\x80\"}}",
      "{\"__metadata__\":{\"a\":\"\xf4\x90\x80\x80\"}}", "{\"__metadata__\":{\"a\":\"\xf5\x80\x80\x80\"}}",
      "{\"__metadata__\":{\"a\":\"\xe2\x82\"}}", "{\"__metadata__\":{\"a\":\"\xff\"}}"};
  for (const std::string& bad : bad_headers) CHECK(!is_read(file_with(bad)));

  // Deep nesting: refused at the first bracket that has no place, whatever follows.
  for (const char* bracket : {"[", "{\"a\":"}) {
    std::string deep = "{\"a\":";
    while (deep.size() < 1'000'000) deep += bracket;
    CHECK(!is_read(file_with(deep)));
    CHECK(!is_read(file_with(R"({"a":{"dtype":"F32","shape":)" + deep)));
  }
  CHECK(!is_read(file_with("{" + tensor("a", "BOOL", "[2]", "[0,2]") + "}", 0)));
  Bytes truth = file_with("{" + tensor("a", "BOOL", "[2]", "[0,2]") + "}", 2);
  CHECK(is_read(truth));
  truth.back() = std::byte{2};
  CHECK(!is_read(truth));
}

void test_header_lengths() {
  CHECK(!is_read({}));
  CHECK(!is_read(Bytes(7)));
  CHECK(!is_read(Bytes(8)));
  for (const std::uint64_t length :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{3}, std::uint64_t{9}, std::uint64_t{1} << 31,
        std::uint64_t{1} << 63, ~std::uint64_t{0}, ~std::uint64_t{0} - 7}) {
    Bytes file = file_with("{}");
    std::memcpy(file.data(), &length, 8);
    CHECK(!is_read(file));
  }
  CHECK(!is_read(file_with("{}" + std::string(io::kMaxHeaderBytes, ' '))));
  CHECK(is_read(file_with("{}" + std::string(io::kMaxHeaderBytes - 2, ' '))));
}

void test_many_tensors() {
  const auto header_of = [](std::size_t count) {
    std::string header = "{";
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) header += ',';
      header += tensor(std::to_string(count - i), "U8", "[]",
                       "[" + std::to_string(i) + "," + std::to_string(i + 1) + "]");
    }
    return header + "}";
  };
  CHECK(is_read(file_with(header_of(io::kMaxTensors), io::kMaxTensors)));
  CHECK(!is_read(file_with(header_of(io::kMaxTensors + 1), io::kMaxTensors + 1)));
}

void test_refused_writes() {
  const float value = 1;
  const auto* data = reinterpret_cast<const std::byte*>(&value);
  const auto encode = [](const std::vector<TensorEntry>& tensors, const io::Metadata& metadata = {}) {
    return encode_safetensors(tensors, metadata);
  };
  CHECK_THROWS(encode({{"__metadata__", ElementType::float32, {}, data}}), ValueError);
  CHECK_THROWS(encode({{"a", ElementType::float32, {}, data}, {"a", ElementType::int8, {}, data}}),
               ValueError);
  CHECK_THROWS(encode({{"\xff", ElementType::float32, {}, data}}), ValueError);
  CHECK_THROWS(encode({{"a", ElementType::float32, Shape(9, 1), data}}), ValueError);
  CHECK_THROWS(encode({{"a", ElementType::float32, {-1}, data}}), ValueError);
  CHECK_THROWS(encode({{"a", ElementType::boolean, {2}, data + 2}}), ValueError);
  CHECK_THROWS(encode({}, {{"\xed\xa0\x80", ""}}), ValueError);
  CHECK_THROWS(encode({}, {{"", "\xc0"}}), ValueError);
  CHECK_THROWS(encode({}, {{"", std::string(io::kMaxHeaderBytes, ' ')}}), ValueError);
}

void test_messages() {
  const auto message = [](const Bytes& bytes) -> std::string {
    try {
      parse_safetensors(bytes, "'model'");
    } catch (const FileFormatError& error) {
      return error.what();
    }
    return "";
  };
  CHECK(message({}).find("'model'") != std::string::npos);
  // A long name from the file is cut between characters; control characters are escaped.
  std::string name = "\\n";
  while (name.size() < 5000) name += "\xe2\x82\xac";
  const std::string text = message(file_with("{" + tensor(name, "F16", "[]", "[0,2]") + "}", 2));
  CHECK(text.size() < 400 && io::is_utf8(text) && text.find('\n') == std::string::npos);
  CHECK(text.find("F16") != std::string::npos);
}

}  // namespace

int main() {
  test_round_trip();
  test_exact_bytes();
  test_truncation_and_growth();
  test_bit_flips();
  test_hostile_headers();
  test_header_lengths();
  test_many_tensors();
  test_refused_writes();
  test_messages();
  return lamina::test::result();
}
