#include "io/atomic_file.h"

#include "io/json.h"

namespace lamina::io {

std::string display(const std::filesystem::path& path) {
#ifdef _WIN32
  const std::u8string wide = path.u8string();
  std::string name(wide.begin(), wide.end());
#else
  std::string name = path.string();
#endif
  if (!is_utf8(name)) {
    for (char& c : name) {
      if (static_cast<unsigned char>(c) >= 0x80) c = '?';
    }
  }
  return "'" + name + "'";
}

AtomicFile::~AtomicFile() { discard(); }

}  // namespace lamina::io
