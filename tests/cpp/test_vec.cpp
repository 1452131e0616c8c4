// The logical vector of every instruction set against one lane of plain C++.
#include <cstdio>
#include <string>
#include <string_view>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#include <unistd.h>
#endif

#include "check.h"
#include "cpu/dispatch.h"
#include "isa/vec_checks.h"

namespace lamina::cpu {
namespace scalar {
void check_vec(const test::VecReport&);
}
namespace avx2 {
void check_vec(const test::VecReport&);
}
namespace avx512 {
void check_vec(const test::VecReport&);
}
namespace neon {
void check_vec(const test::VecReport&);
}
}  // namespace lamina::cpu

namespace {

void check(const char* isa, const char* operation, int lanes, bool ok) {
  if (!ok && lamina::test::failures < 20) std::fprintf(stderr, "%s, %d lanes: %s\n", isa, lanes, operation);
  lamina::test::report(ok, operation, __FILE__, __LINE__);
}

/// The end of a page behind which nothing may be touched.
unsigned char* guarded_end() {
#if defined(__unix__) || defined(__APPLE__)
  const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  void* memory = mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED);
  unsigned char* end = static_cast<unsigned char*>(memory) + page;
  CHECK(mprotect(end, page, PROT_NONE) == 0);
  return end;
#else
  static unsigned char memory[4096];
  return memory + sizeof memory;
#endif
}

}  // namespace

int main() {
  const lamina::test::VecReport report{check, guarded_end()};
  for (const std::string& isa : lamina::cpu::available_isas()) {
#if LAMINA_HAS_AVX2
    if (isa == "avx2") lamina::cpu::avx2::check_vec(report);
#endif
#if LAMINA_HAS_AVX512
    if (isa == "avx512") lamina::cpu::avx512::check_vec(report);
#endif
#if LAMINA_HAS_NEON
    if (isa == "neon") lamina::cpu::neon::check_vec(report);
#endif
    if (isa == "scalar") lamina::cpu::scalar::check_vec(report);
  }
  return lamina::test::result();
}
