// Philox4x32-10: the authors' known answers, the numbering of the words, and every
// instruction set's vectors against one lane.
#include <cstdint>
#include <set>
#include <vector>

#include "check.h"
#include "cpu/dispatch.h"
#include "numerics/philox.h"
#include "numerics/streams.h"

using namespace lamina;

namespace {

struct KnownAnswer {
  std::uint32_t counter[4], key[2], words[4];
};
// Random123's kat_vectors for philox4x32, 10 rounds: zeros, ones, the digits of pi.
constexpr KnownAnswer known_answers[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

std::uint64_t joined(std::uint32_t low, std::uint32_t high) { return (std::uint64_t{high} << 32) | low; }

void test_known_answers() {
  for (const KnownAnswer& a : known_answers) {
    const auto words = numerics::philox_block(joined(a.key[0], a.key[1]), joined(a.counter[2], a.counter[3]),
                                              joined(a.counter[0], a.counter[1]));
    CHECK(words.word0 == a.words[0]);
    CHECK(words.word1 == a.words[1]);
    CHECK(words.word2 == a.words[2]);
    CHECK(words.word3 == a.words[3]);
  }
}

void test_numbering() {
  const std::uint64_t seed = 0x0123456789abcdef, stream = 0xfedcba9876543210;
  for (const std::uint64_t e : {0, 15, 16, 31, 32, 63, 64, 100, 1000003}) {
    for (const std::uint64_t section : {0, 1, 4096}) {
      for (const std::uint64_t attempt : {0, 1, 255}) {
        const std::uint64_t high = (attempt << 56) + (section << 42);
        const auto b32 = numerics::philox_block(seed, stream, high + 16 * (e / 64) + e % 16);
        const std::uint32_t words[4] = {b32.word0, b32.word1, b32.word2, b32.word3};
        CHECK(numerics::random_word32(seed, stream, e, section, attempt) == words[e % 64 / 16]);
        const auto b64 = numerics::philox_block(seed, stream, high + 16 * (e / 32) + e % 16);
        CHECK(numerics::random_word64(seed, stream, e, section, attempt) ==
              (e % 32 < 16 ? joined(b64.word0, b64.word1) : joined(b64.word2, b64.word3)));
      }
    }
  }
}

void test_vectors() {
  constexpr std::uint32_t kGuard = 0xabcdef01;
  for (const std::string& isa : cpu::available_isas()) {
    const cpu::RandomKernels& table = *cpu::kernels_of(isa).random;
    for (const std::uint64_t seed : {0ull, 42ull, ~0ull, 0x299f31d0a4093822ull}) {
      for (const std::uint64_t stream : {0ull, 7ull, ~0ull}) {
        // Where the block's low word overflows into the high one, too.
        for (const std::uint64_t group : {0ull, 3ull, 0x0fffffffull, 0x10000000ull, 0x3fffffffffull}) {
          for (const std::int64_t n : {0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 200}) {
            const auto size = static_cast<std::size_t>(n);
            const cpu::RandomSource source = {seed, stream, numerics::group_block(group)};
            std::vector<std::uint32_t> narrow(size + 1, kGuard);
            std::vector<std::uint64_t> wide(size + 1, kGuard);
            table.words32(source, n, narrow.data());
            table.words64(source, n, wide.data());
            bool ok = narrow[size] == kGuard && wide[size] == kGuard;
            for (std::size_t i = 0; i < size; ++i) {
              ok = ok && narrow[i] == numerics::random_word32(seed, stream, group * 64 + i);
              ok = ok && wide[i] == numerics::random_word64(seed, stream, group * 32 + i);
            }
            CHECK(ok);
          }
        }
      }
    }
  }
}

void test_streams() {
  using numerics::Purpose;
  using numerics::stream_id;
  CHECK(stream_id(Purpose::dropout, 3, 5) == 0x0200030000000005);
  std::set<std::uint64_t> seen;
  for (const Purpose p :
       {Purpose::initializer, Purpose::dropout, Purpose::shuffle, Purpose::user, Purpose::noise}) {
    for (const std::uint64_t index : {0ull, 1ull, 65535ull}) {
      for (const std::uint64_t step : {0ull, 1ull, (1ull << 40) - 1}) seen.insert(stream_id(p, index, step));
    }
  }
  CHECK(seen.size() == 45);
}

}  // namespace

int main() {
  test_known_answers();
  test_numbering();
  test_vectors();
  test_streams();
  return test::result();
}
