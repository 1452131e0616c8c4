// Two published hash functions of strings whose values people rely on: FarmHash's 64-bit fingerprint and
// SipHash-2-4. Feature hashing by them gives the same bins here as in TensorFlow.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

namespace lamina::numerics {

namespace fingerprint {

inline constexpr std::uint64_t kA = 0xc3a5c85c97cb3127u, kB = 0xb492b66fbe98f273u, kC = 0x9ae16a3b2f90404fu;

template <class Word>
Word little_endian(const char* from) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  if constexpr (std::endian::native == std::endian::big) {
    Word turned = 0;
    for (std::size_t i = 0; i < sizeof word; ++i) turned = (turned << 8) | ((word >> (8 * i)) & 0xff);
    return turned;
  }
  return word;
}

inline std::uint64_t word(const char* from) { return little_endian<std::uint64_t>(from); }
inline std::uint64_t half_word(const char* from) { return little_endian<std::uint32_t>(from); }
inline std::uint64_t rotated(std::uint64_t x, int bits) { return std::rotr(x, bits); }
inline std::uint64_t folded(std::uint64_t x) { return x ^ (x >> 47); }

/// Two words as one.
inline std::uint64_t joined(std::uint64_t low, std::uint64_t high, std::uint64_t factor) {
  const std::uint64_t once = folded((low ^ high) * factor);
  return folded((high ^ once) * factor) * factor;
}

inline std::uint64_t up_to_16(const char* s, std::uint64_t n) {
  const std::uint64_t factor = kC + 2 * n;
  if (n >= 8) {
    const std::uint64_t a = word(s) + kC, b = word(s + n - 8);
    return joined(rotated(b, 37) * factor + a, (rotated(a, 25) + b) * factor, factor);
  }
  if (n >= 4) return joined(n + (half_word(s) << 3), half_word(s + n - 4), factor);
  if (n == 0) return kC;
  const auto byte = [s](std::uint64_t i) { return std::uint64_t{static_cast<unsigned char>(s[i])}; };
  const std::uint64_t y = byte(0) + (byte(n >> 1) << 8), z = n + (byte(n - 1) << 2);
  return folded(y * kC ^ z * kA) * kC;
}

inline std::uint64_t up_to_32(const char* s, std::uint64_t n) {
  const std::uint64_t factor = kC + 2 * n;
  const std::uint64_t a = word(s) * kB, b = word(s + 8), c = word(s + n - 8) * factor,
                      d = word(s + n - 16) * kC;
  return joined(rotated(a + b, 43) + rotated(c, 30) + d, a + rotated(b + kC, 18) + c, factor);
}

inline std::uint64_t up_to_64(const char* s, std::uint64_t n) {
  const std::uint64_t factor = kC + 2 * n;
  const std::uint64_t a = word(s) * kC, b = word(s + 8), c = word(s + n - 8) * factor,
                      d = word(s + n - 16) * kC;
  const std::uint64_t y = rotated(a + b, 43) + rotated(c, 30) + d;
  const std::uint64_t z = joined(y, a + rotated(b + kC, 18) + c, factor);
  const std::uint64_t e = word(s + 16) * factor, f = word(s + 24);
  const std::uint64_t g = (y + word(s + n - 32)) * factor, h = (z + word(s + n - 24)) * factor;
  return joined(rotated(e + f, 43) + rotated(g, 30) + h, e + rotated(f + a, 18) + g, factor);
}

struct Pair {
  std::uint64_t first = 0, second = 0;
};

/// 32 bytes and two seeds as two words.
inline Pair mixed(const char* s, std::uint64_t a, std::uint64_t b) {
  const std::uint64_t w = word(s), x = word(s + 8), y = word(s + 16), z = word(s + 24);
  a += w;
  b = rotated(b + a + z, 21);
  const std::uint64_t c = a;
  a += x + y;
  b += rotated(a, 44);
  return {a + z, b + c};
}

inline std::uint64_t longer(const char* s, std::uint64_t n) {
  constexpr std::uint64_t seed = 81;
  std::uint64_t x = seed * kC + word(s), y = seed * kB + 113, z = folded(y * kC + 113) * kC;
  Pair v, w;
  const auto round = [&](const char* at, std::uint64_t factor, std::uint64_t scale) {
    x = rotated(x + y + v.first + word(at + 8), 37) * factor;
    y = rotated(y + v.second + word(at + 48), 42) * factor;
    x ^= w.second * scale;
    y += v.first * scale + word(at + 40);
    z = rotated(z + w.first, 33) * factor;
    v = mixed(at, v.second * factor, x + w.first);
    w = mixed(at + 32, z + w.second, y + word(at + 16));
    std::swap(z, x);
  };
  const std::uint64_t rest = (n - 1) & 63;
  const char* const end = s + (n - 1) / 64 * 64;
  for (; s != end; s += 64) round(s, kB, 1);
  const std::uint64_t factor = kB + ((z & 0xff) << 1);
  w.first += rest;
  v.first += w.first;
  w.first += v.first;
  round(end + rest - 63, factor, 9);
  return joined(joined(v.first, w.first, factor) + folded(y) * kA + z, joined(v.second, w.second, factor) + x,
                factor);
}

}  // namespace fingerprint

/// FarmHash's Fingerprint64.
inline std::uint64_t fingerprint64(std::string_view text) {
  const std::uint64_t n = text.size();
  if (n <= 16) return fingerprint::up_to_16(text.data(), n);
  if (n <= 32) return fingerprint::up_to_32(text.data(), n);
  if (n <= 64) return fingerprint::up_to_64(text.data(), n);
  return fingerprint::longer(text.data(), n);
}

/// Two fingerprints as one, in this order.
inline std::uint64_t fingerprint_of_both(std::uint64_t first, std::uint64_t second) {
  constexpr std::uint64_t factor = 0xc6a4a7935bd1e995u;
  std::uint64_t result = first ^ factor;
  result ^= fingerprint::folded(second * factor) * factor;
  result *= factor;
  result = fingerprint::folded(result) * factor;
  return fingerprint::folded(result);
}

/// SipHash-2-4 with a key of two words.
inline std::uint64_t siphash(std::string_view text, std::uint64_t key_0, std::uint64_t key_1) {
  std::uint64_t a = key_0 ^ 0x736f6d6570736575u, b = key_1 ^ 0x646f72616e646f6du;
  std::uint64_t c = key_0 ^ 0x6c7967656e657261u, d = key_1 ^ 0x7465646279746573u;
  const auto rounds = [&](int count) {
    for (int i = 0; i < count; ++i) {
      a += b, c += d;
      b = std::rotl(b, 13) ^ a, d = std::rotl(d, 16) ^ c;
      a = std::rotl(a, 32);
      c += b, a += d;
      b = std::rotl(b, 17) ^ c, d = std::rotl(d, 21) ^ a;
      c = std::rotl(c, 32);
    }
  };
  const auto absorb = [&](std::uint64_t word) {
    d ^= word;
    rounds(2);
    a ^= word;
  };
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) absorb(fingerprint::word(text.data() + i));
  std::uint64_t last = std::uint64_t{text.size()} << 56;
  for (int shift = 0; i < text.size(); ++i, shift += 8) {
    last |= std::uint64_t{static_cast<unsigned char>(text[i])} << shift;
  }
  absorb(last);
  c ^= 0xff;
  rounds(4);
  return a ^ b ^ c ^ d;
}

}  // namespace lamina::numerics
