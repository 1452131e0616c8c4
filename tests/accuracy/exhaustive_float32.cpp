// Every elementary function of float32 over all 2^32 inputs (pow: over 2^28 pairs), through the
// vectors of every instruction set that this machine runs: the largest error against the C
// library's double functions, the worst input, and a hash of all results, which must be the
// same for every instruction set. Takes many minutes.
//
//   exhaustive_float32 [--threads N] [--only NAME] [--isa NAME] [--no-errors] [--golden FILE]
//
// Prints JSON; with --golden, also compares the hashes with those of an earlier run's JSON.
// Exit status 1 when a hash differs.
#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "core/float_environment.h"
#include "cpu/cpu_features.h"
#include "isa/elementary_hash.h"
#include "isa/elementary_maps.h"
#include "isa/elementary_reference.h"

namespace {

using lamina::test::ElementaryHash;
using lamina::test::ElementaryMaps;

constexpr std::size_t kPiece = std::size_t{1} << 12;  // inputs at a time
constexpr std::size_t kBlock = std::size_t{1} << 22;  // inputs hashed together
constexpr std::uint64_t kInputs = std::uint64_t{1} << 32;
constexpr std::uint64_t kPairs = std::uint64_t{1} << 28;

struct Options {
  unsigned threads = std::max(1u, std::thread::hardware_concurrency());
  std::string only, isa, golden;
  bool errors = true;
};

struct Outcome {
  std::uint64_t hash = 0;
  double ulp = 0;
  float x = 0, y = 0;
  double seconds = 0;
};

struct Buffers {
  alignas(64) std::array<float, kPiece> x, y, z;
};

std::uint64_t mixed(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/// Pair number i for pow: any bits; results all over the range; x near 1; integer y.
void make_pair(std::uint64_t i, float* x, float* y) {
  const std::uint64_t u = mixed(i * 0x9e3779b97f4a7c15u + 1);
  const std::uint64_t v = mixed(u + 0x9e3779b97f4a7c15u);
  *x = std::bit_cast<float>(static_cast<std::uint32_t>(u));
  const double part = static_cast<double>(v >> 11) * 0x1p-52 - 1;  // in [-1, 1)
  switch (i & 3) {
    case 0:
      *y = std::bit_cast<float>(static_cast<std::uint32_t>(v));
      break;
    case 1: {
      *x = std::fabs(*x);
      const int exponent = static_cast<int>(u >> 23 & 0xff) - 127;
      *y = static_cast<float>(part * 152 / (std::abs(exponent) + 0.5));
      break;
    }
    case 2:
      *x = static_cast<float>(1 + (static_cast<double>(u >> 11) * 0x1p-53 - 0.5) * 0.5);
      *y = static_cast<float>(part * 400);
      break;
    default:
      *y = static_cast<float>(static_cast<int>(v & 63) - 32);
      break;
  }
}

/// Calls piece(start, buffers, hash, outcome) for every piece of [0, total), block by block, and
/// joins the hashes of the blocks in order.
template <class Piece>
Outcome sweep(std::uint64_t total, const Options& options, Piece piece) {
  const auto start = std::chrono::steady_clock::now();
  const std::uint64_t blocks = total / kBlock;
  std::vector<std::uint64_t> hashes(blocks);
  std::vector<Outcome> worst(options.threads);
  std::atomic<std::uint64_t> next{0};
  const auto work = [&](Outcome* outcome) {
    const lamina::FloatEnvironment environment;
    auto buffers = std::make_unique<Buffers>();
    for (std::uint64_t block = next++; block < blocks; block = next++) {
      ElementaryHash hash;
      for (std::uint64_t i = 0; i < kBlock; i += kPiece) piece(block * kBlock + i, *buffers, hash, *outcome);
      hashes[block] = hash.value();
    }
  };
  std::vector<std::thread> threads;
  for (Outcome& outcome : worst) threads.emplace_back(work, &outcome);
  for (std::thread& thread : threads) thread.join();
  Outcome result = *std::max_element(worst.begin(), worst.end(),
                                     [](const Outcome& a, const Outcome& b) { return a.ulp < b.ulp; });
  ElementaryHash all;
  for (const std::uint64_t hash : hashes) all.add(hash);
  result.hash = all.value();
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

/// Whether the error is at most half an ulp, seen quickly.
bool correctly_rounded(float y, double exact) {
  return std::bit_cast<std::uint32_t>(y) == std::bit_cast<std::uint32_t>(static_cast<float>(exact));
}

Outcome sweep_unary(const ElementaryMaps& maps, std::size_t function, bool errors, const Options& options) {
  const auto apply = maps.float32[function].apply;
  const auto exact = lamina::test::kReferences<double>[function];
  return sweep(kInputs, options,
               [=](std::uint64_t start, Buffers& b, ElementaryHash& hash, Outcome& outcome) {
                 for (std::size_t i = 0; i < kPiece; ++i)
                   b.x[i] = std::bit_cast<float>(static_cast<std::uint32_t>(start + i));
                 apply(b.x.data(), b.y.data(), kPiece);
                 hash.add(b.y.data(), kPiece);
                 if (!errors) return;
                 for (std::size_t i = 0; i < kPiece; ++i) {
                   const double reference = exact(b.x[i]);
                   if (outcome.ulp >= 0.5 && correctly_rounded(b.y[i], reference)) continue;
                   const double ulp = lamina::test::error_in_ulp(b.y[i], reference);
                   if (ulp > outcome.ulp) outcome = {0, ulp, b.x[i], 0};
                 }
               });
}

Outcome sweep_pow(const ElementaryMaps& maps, bool errors, const Options& options) {
  const auto apply = maps.pow32;
  return sweep(kPairs, options, [=](std::uint64_t start, Buffers& b, ElementaryHash& hash, Outcome& outcome) {
    for (std::size_t i = 0; i < kPiece; ++i) make_pair(start + i, &b.x[i], &b.y[i]);
    apply(b.x.data(), b.y.data(), b.z.data(), kPiece);
    hash.add(b.z.data(), kPiece);
    if (!errors) return;
    for (std::size_t i = 0; i < kPiece; ++i) {
      const double exact = std::pow(static_cast<double>(b.x[i]), static_cast<double>(b.y[i]));
      if (outcome.ulp >= 0.5 && correctly_rounded(b.z[i], exact)) continue;
      const double ulp = lamina::test::error_in_ulp(b.z[i], exact);
      if (ulp > outcome.ulp) outcome = {0, ulp, b.x[i], b.y[i]};
    }
  });
}

std::vector<const ElementaryMaps*> available(const Options& options) {
  std::vector<const ElementaryMaps*> all;  // best first
#if LAMINA_HAS_AVX512
  all.push_back(&lamina::cpu::avx512::elementary_maps);
#endif
#if LAMINA_HAS_AVX2
  all.push_back(&lamina::cpu::avx2::elementary_maps);
#endif
#if LAMINA_HAS_NEON
  all.push_back(&lamina::cpu::neon::elementary_maps);
#endif
  all.push_back(&lamina::cpu::scalar::elementary_maps);
  std::erase_if(all, [&](const ElementaryMaps* maps) {
    return !lamina::cpu::runs(maps->isa) || (!options.isa.empty() && options.isa != maps->isa);
  });
  return all;
}

/// The hash of `name` in the JSON of an earlier run, or "".
std::string golden_hash(const std::string& json, const std::string& name) {
  const std::string key = "\"" + name + "\": {\"hash\": \"";
  const std::size_t at = json.find(key);
  return at == std::string::npos ? "" : json.substr(at + key.size(), 16);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const std::string value = i + 1 < argc ? argv[i + 1] : "";
    if (argument == "--no-errors") {
      options.errors = false;
      continue;
    }
    ++i;
    if (argument == "--threads") {
      options.threads = static_cast<unsigned>(std::max(1, std::atoi(value.c_str())));
    } else if (argument == "--only") {
      options.only = value;
    } else if (argument == "--isa") {
      options.isa = value;
    } else if (argument == "--golden") {
      options.golden = value;
    } else {
      std::fprintf(stderr, "unknown option %s\n", argument.c_str());
      return 2;
    }
  }
  std::string golden;
  if (!options.golden.empty()) {
    std::ifstream file(options.golden);
    std::stringstream text;
    text << file.rdbuf();
    golden = text.str();
  }
  const std::vector<const ElementaryMaps*> all = available(options);
  if (all.empty()) {
    std::fprintf(stderr, "no such instruction set here: %s\n", options.isa.c_str());
    return 2;
  }
  bool good = true;
  std::string separator;
  std::printf("{");
  const std::size_t unary = all.front()->count;
  for (std::size_t function = 0; function <= unary; ++function) {
    const std::string name = function == unary ? "pow" : all.front()->float32[function].name;
    if (!options.only.empty() && name != options.only) continue;
    Outcome first;
    for (const ElementaryMaps* maps : all) {
      const bool errors = options.errors && maps == all.front();
      const Outcome outcome = function == unary ? sweep_pow(*maps, errors, options)
                                                : sweep_unary(*maps, function, errors, options);
      std::fprintf(stderr, "%-10s %-7s %016llx  %.4f ulp at %a (%.0f s)\n", name.c_str(), maps->isa,
                   static_cast<unsigned long long>(outcome.hash), outcome.ulp, static_cast<double>(outcome.x),
                   outcome.seconds);
      if (maps == all.front()) first = outcome;
      good = good && outcome.hash == first.hash;
    }
    char hash[17];
    std::snprintf(hash, sizeof hash, "%016llx", static_cast<unsigned long long>(first.hash));
    std::printf("%s\n  \"%s\": {\"hash\": \"%s\", \"max_ulp\": %.4f, \"at\": \"%a", separator.c_str(),
                name.c_str(), hash, first.ulp, static_cast<double>(first.x));
    if (function == unary) std::printf(", %a", static_cast<double>(first.y));
    std::printf("\"}");
    std::fflush(stdout);
    separator = ",";
    if (!options.golden.empty() && golden_hash(golden, name) != hash) {
      std::fprintf(stderr, "%s: the golden hash is %s\n", name.c_str(), golden_hash(golden, name).c_str());
      good = false;
    }
  }
  std::printf("\n}\n");
  if (!good) std::fprintf(stderr, "hashes differ\n");
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
