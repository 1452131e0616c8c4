#include "io/json.h"

#include <limits>

namespace lamina::io {
namespace {

// The length in bytes of the UTF-8 sequence at the start of `text`, 0 if it is malformed.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto follows = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xbf) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xc2) return 0;  // a continuation byte, or an overlong form
  if (first < 0xe0) return follows(1) ? 2 : 0;
  if (first < 0xf0) {
    const unsigned low = first == 0xe0 ? 0xa0 : 0x80;   // no overlong form
    const unsigned high = first == 0xed ? 0x9f : 0xbf;  // no surrogate
    return follows(1, low, high) && follows(2) ? 3 : 0;
  }
  if (first < 0xf5) {
    const unsigned low = first == 0xf0 ? 0x90 : 0x80;   // no overlong form
    const unsigned high = first == 0xf4 ? 0x8f : 0xbf;  // nothing above U+10FFFF
    return follows(1, low, high) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6);
    put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3f));
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  }
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

void append_json_string(std::string& out, std::string_view text) {
  constexpr char hex[] = "0123456789abcdef";
  out.push_back('"');
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += "\\u00";
          out.push_back(hex[c >> 4]);
          out.push_back(hex[c & 15]);
        } else {
          out.push_back(c);
        }
    }
  }
  out.push_back('"');
}

void JsonReader::skip_space() {
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t')) {
    ++at_;
  }
}

bool JsonReader::accept(char token) {
  skip_space();
  if (at_ >= text_.size() || text_[at_] != token) return false;
  ++at_;
  return true;
}

void JsonReader::expect(char token) {
  if (!accept(token)) fail(std::string("expected '") + token + "'");
}

std::string JsonReader::string() {
  if (!accept('"')) fail("expected a string");
  std::string out;
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == '"') {
      ++at_;
      return out;
    }
    if (c == '\\') {
      ++at_;
      append_escape(out);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fail("a control character inside a string");
    } else {
      const std::size_t length = utf8_length(text_.substr(at_));
      if (length == 0) fail("not UTF-8");
      out.append(text_, at_, length);
      at_ += length;
    }
  }
  fail("a string without an end");
}

void JsonReader::append_escape(std::string& out) {
  if (at_ >= text_.size()) fail("a string without an end");
  const char c = text_[at_++];
  switch (c) {
    case '"':
    case '\\':
    case '/':
      out.push_back(c);
      return;
    case 'b':
      out.push_back('\b');
      return;
    case 'f':
      out.push_back('\f');
      return;
    case 'n':
      out.push_back('\n');
      return;
    case 'r':
      out.push_back('\r');
      return;
    case 't':
      out.push_back('\t');
      return;
    case 'u':
      break;
    default:
      fail("an unknown escape in a string");
  }
  std::uint32_t code = four_hex_digits();
  if (code >= 0xdc00 && code <= 0xdfff) fail("an unpaired surrogate in a string");
  if (code >= 0xd800 && code <= 0xdbff) {
    if (text_.substr(at_, 2) != "\\u") fail("an unpaired surrogate in a string");
    at_ += 2;
    const std::uint32_t low = four_hex_digits();
    if (low < 0xdc00 || low > 0xdfff) fail("an unpaired surrogate in a string");
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  }
  append_utf8(out, code);
}

std::uint32_t JsonReader::four_hex_digits() {
  std::uint32_t code = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = at_ < text_.size() ? text_[at_] : '\0';
    std::uint32_t digit = 0;
    if (is_digit(c)) {
      digit = static_cast<std::uint32_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<std::uint32_t>(c - 'a' + 10);
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<std::uint32_t>(c - 'A' + 10);
    } else {
      fail("expected four hexadecimal digits after \\u");
    }
    code = code << 4 | digit;
    ++at_;
  }
  return code;
}

std::int64_t JsonReader::integer() {
  skip_space();
  if (at_ >= text_.size() || !is_digit(text_[at_])) fail("expected an integer that is not negative");
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  const bool leading_zero = text_[at_] == '0';
  const std::size_t start = at_;
  std::int64_t value = 0;
  for (; at_ < text_.size() && is_digit(text_[at_]); ++at_) {
    const int digit = text_[at_] - '0';
    if (value > (most - digit) / 10) fail("an integer of 2^63 or more");
    value = value * 10 + digit;
  }
  if (leading_zero && at_ - start > 1) fail("an integer with a leading zero");
  if (at_ < text_.size() && (text_[at_] == '.' || text_[at_] == 'e' || text_[at_] == 'E')) {
    fail("expected an integer, not a fraction or an exponent");
  }
  return value;
}

}  // namespace lamina::io
