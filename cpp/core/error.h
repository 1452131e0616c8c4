// The exceptions that lamina throws. The bindings turn each into the Python
// exception of its name; messages read "[where] what was wrong. Received: ...".
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace lamina {

/// A wrong value, shape or combination (Python: ValueError).
struct ValueError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};
/// A wrong kind of object or element type (Python: TypeError).
struct TypeError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};
/// A call that comes too early or on something already spent (Python: RuntimeError).
struct StateError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// A loss that is NaN or infinite where that is watched for (Python: FloatingPointError).
struct NotFiniteError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// A file that is damaged or is not what it claims to be (Python: lamina.saving.FileFormatError,
/// a ValueError).
struct FileFormatError : ValueError {
  using ValueError::ValueError;
};
/// A file that cannot be opened, read or written (Python: OSError with errno).
struct FileError : std::runtime_error {
  FileError(const std::string& what, int code) : std::runtime_error(what), error_number(code) {}
  int error_number;
};
// Out of memory is std::bad_alloc (Python: MemoryError).

/// Joins its arguments with operator<< into a message.
template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream stream;
  (stream << ... << parts);
  return stream.str();
}

}  // namespace lamina
