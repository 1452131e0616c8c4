// The small part of JSON (RFC 8259) that a safetensors header is made of: objects,
// arrays, strings and non-negative integers, read strictly and without recursion.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace lamina::io {

/// Text that is not the JSON that was expected, and where.
struct JsonError : std::runtime_error {
  JsonError(const std::string& what, std::size_t where) : std::runtime_error(what), offset(where) {}
  std::size_t offset;  // bytes from the start of the text
};

/// True for well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text);

/// Appends `text` (UTF-8) as a JSON string. Only what must be escaped is: the quotation
/// mark, the backslash and the control characters below U+0020.
void append_json_string(std::string& out, std::string_view text);

/// A cursor over JSON text; the caller says what must come next, and anything else is a
/// JsonError. Between tokens it skips JSON's white space. It never looks ahead by more
/// than a character, so no input can make it recurse or allocate beyond its own length.
class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : text_(text) {}

  /// Consumes `token`, one of {}[]:, .
  void expect(char token);
  /// Consumes `token` if it comes next; false leaves everything as it is.
  bool accept(char token);
  /// Consumes a string and returns it decoded, as UTF-8. Unpaired surrogates are errors.
  std::string string();
  /// Consumes an integer in [0, 2^63).
  std::int64_t integer();
  std::size_t offset() const { return at_; }

 private:
  [[noreturn]] void fail(const std::string& what) const { throw JsonError(what, at_); }
  void skip_space();
  void append_escape(std::string& out);
  std::uint32_t four_hex_digits();

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace lamina::io
