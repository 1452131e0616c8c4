// The floating-point environment of the contract: round to nearest, denormals kept,
// exceptions masked. Other libraries change it for whole threads; this guard sets
// it for a scope and puts back what was there.
#pragma once

#include <cstdint>

#if defined(__SSE2__) || defined(_M_X64)
#include <xmmintrin.h>
#endif

namespace lamina {

class FloatEnvironment {
 public:
  FloatEnvironment() : saved_(read()) {
    if (saved_ != kContract) write(kContract);
  }
  ~FloatEnvironment() {
    if (saved_ != kContract) write(saved_);
  }
  FloatEnvironment(const FloatEnvironment&) = delete;
  FloatEnvironment& operator=(const FloatEnvironment&) = delete;

 private:
#if defined(__SSE2__) || defined(_M_X64)
  using Word = std::uint32_t;
  static constexpr Word kContract = 0x1f80;                  // all exceptions masked, nearest, no FTZ, no DAZ
  static Word read() { return _mm_getcsr() & ~Word{0x3f}; }  // sticky flags do not count
  static void write(Word w) { _mm_setcsr(w); }
#elif defined(__aarch64__)
  using Word = std::uint64_t;
  static constexpr Word kContract = 0;
  static Word read() {
    Word w;
    __asm__ volatile("mrs %0, fpcr" : "=r"(w));
    return w;
  }
  static void write(Word w) { __asm__ volatile("msr fpcr, %0" : : "r"(w)); }
#else
  using Word = int;
  static constexpr Word kContract = 0;
  static Word read() { return 0; }
  static void write(Word) {}
#endif
  Word saved_;
};

}  // namespace lamina
