#include "cpu/cpu_features.h"

#if defined(__x86_64__) || defined(_M_X64)
#if defined(_MSC_VER)
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#include <cstdint>
#endif

namespace lamina::cpu {

#if defined(__x86_64__) || defined(_M_X64)
namespace {

struct Registers {
  std::uint32_t a, b, c, d;
};

Registers cpuid(std::uint32_t leaf) {
  Registers r{};
#if defined(_MSC_VER)
  int out[4];
  __cpuidex(out, static_cast<int>(leaf), 0);
  r = {std::uint32_t(out[0]), std::uint32_t(out[1]), std::uint32_t(out[2]), std::uint32_t(out[3])};
#else
  __cpuid_count(leaf, 0, r.a, r.b, r.c, r.d);
#endif
  return r;
}

std::uint64_t saved_register_state() {
#if defined(_MSC_VER)
  return _xgetbv(0);
#else
  std::uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (std::uint64_t{high} << 32) | low;
#endif
}

constexpr bool bit(std::uint64_t word, int index) { return ((word >> index) & 1) != 0; }

}  // namespace

bool runs(std::string_view isa) {
  if (isa == "scalar") return true;
  if (cpuid(0).a < 7) return false;
  const Registers basic = cpuid(1);
  const bool osxsave = bit(basic.c, 27), fma = bit(basic.c, 12), avx = bit(basic.c, 28);
  if (!osxsave || !avx || !fma) return false;
  const std::uint64_t state = saved_register_state();
  const std::uint32_t extended = cpuid(7).b;
  const bool avx2 = (state & 0x6) == 0x6 && bit(extended, 5);
  if (isa == "avx2") return avx2;
  if (isa == "avx512") {
    return avx2 && (state & 0xe0) == 0xe0 && bit(extended, 16) && bit(extended, 17) && bit(extended, 30) &&
           bit(extended, 31);
  }
  return false;
}
#elif defined(__aarch64__) || defined(_M_ARM64)
bool runs(std::string_view isa) { return isa == "scalar" || isa == "neon"; }
#else
bool runs(std::string_view isa) { return isa == "scalar"; }
#endif

}  // namespace lamina::cpu
