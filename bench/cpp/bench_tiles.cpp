// What a tile of the matrix product could reach at best: its own instructions on operands that lie
// in the first cache (strides of 0: the same row of A and B again and again), or that stream from
// the second as they do within a block. Whole products stay below it by what they move.
//
//   bench_tiles [threads [seconds per line]]
//
// Chunks of 512 terms are those of forward products, 128 those of sums over samples: after each the
// tile's sums are put away or joined. Shares are of the peak measured before and after each round.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "core/buffer.h"
#include "core/threads.h"
#include "cpu/dispatch.h"
#include "peak.h"

namespace {

using namespace lamina;
using namespace lamina::bench;

struct Line {
  std::int64_t rows, vectors, chunk;
  bool streams;  // B from the second cache rather than the first
};

void bench_line(const Line& line, const std::string& isa, double span) {
  const cpu::GemmFunctions<float>& f = cpu::kernels().gemm->f32;
  const Peak peak = peak_of(isa, false);
  constexpr std::int64_t depth = 1024;
  const std::int64_t columns = line.vectors * f.lanes;
  constexpr int kCalls = 64;
  std::vector<double> shares;
  const double flop = 2.0 * static_cast<double>(line.rows * columns * depth);

  // Every thread has operands of its own, on large pages, and in its second cache.
  struct Operands {
    Buffer memory, partials, c;
  };
  const int threads = threads::count();
  const std::int64_t b_elements = (depth + 64) * (columns + 64);
  std::vector<Operands> operands;
  for (int t = 0; t < threads; ++t) {
    operands.push_back({Buffer(static_cast<std::size_t>(b_elements + 64 * depth) * sizeof(float)),
                        Buffer(static_cast<std::size_t>(f.largest_tile * 16) * sizeof(float)),
                        Buffer(static_cast<std::size_t>(line.rows * columns) * sizeof(float))});
    std::fill_n(operands.back().memory.as<float>(), b_elements + 64 * depth, 0.5f);
  }
  const auto work = [&](const Operands& mine, int calls) {
    cpu::GemmBlock<float> block{};
    block.rows = line.rows, block.columns = columns;
    block.shape = {line.rows, line.vectors};
    block.begin = 0, block.end = block.depth = depth, block.chunk = line.chunk;
    block.b = mine.memory.as<float>();
    block.b_row = line.streams ? columns : 0;
    block.b_end = block.b + b_elements;
    block.a = block.b_end;
    block.a_row = line.streams ? depth : 1;
    block.a_column = line.streams ? 1 : 0;
    block.partials = mine.partials.as<float>();
    block.slots = 8;
    block.c = mine.c.as<float>();
    block.c_row = columns;
    for (int i = 0; i < calls; ++i) f.multiply(block);
  };
  const auto run = [&](int calls) {
    const double start = now();
    threads::parallel_for(threads,
                          [&](std::int64_t t) { work(operands[static_cast<std::size_t>(t)], calls); });
    return now() - start;
  };
  run(kCalls);
  const double once = std::max(1e-7, run(kCalls) / kCalls);
  const int calls = std::max(kCalls, static_cast<int>(kWorkSlice / once));
  const int rounds = std::max(15, static_cast<int>(span / (calls * once + 2 * kPeakSlice)));
  for (int round = 0; round < rounds; ++round) {
    const double before = measure_peak(peak, kPeakSlice);
    const double rate = flop * calls * threads / run(calls);
    const double after = measure_peak(peak, kPeakSlice);
    shares.push_back(rate / std::max(1.0, (before + after) / 2));
  }
  std::printf("tile %lld x %lld vectors, chunks of %3lld, B from the %s cache: share of the peak %5.1f %%\n",
              static_cast<long long>(line.rows), static_cast<long long>(line.vectors),
              static_cast<long long>(line.chunk), line.streams ? "second" : "first ", 100 * median(shares));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  threads::set_count(argc > 1 ? std::max(1, std::atoi(argv[1])) : 1);
  const double span = argc > 2 ? std::atof(argv[2]) : 0.5;
  const std::string isa = cpu::kernels().isa;
  std::printf("%s, %d thread(s)\n", isa.c_str(), threads::count());
  const cpu::GemmFunctions<float>& f = cpu::kernels().gemm->f32;
  const cpu::GemmShape shapes[] = {f.shape(1024, 3 * f.lanes), f.shape(1024, 4 * f.lanes)};
  std::vector<Line> lines;
  for (const std::int64_t chunk : {std::int64_t{512}, std::int64_t{128}}) {
    for (const bool streams : {false, true}) {
      for (const cpu::GemmShape& shape : shapes) lines.push_back({shape.strip, shape.panel, chunk, streams});
    }
  }
  for (const Line& line : lines) bench_line(line, isa, span);
  return 0;
}
