// Random numbers, dropout and permutations.
//
//   bench_random [threads [seconds per line [filter]]]
#include "cpu/random/random.h"
#include "harness.h"

using namespace lamina;

int main(int argc, char** argv) {
  bench::Bench bench(argc, argv);
  for (const DType dtype : {DType::float32, DType::float64}) {
    for (const std::int64_t n : {1 << 12, 1 << 16, 1 << 22}) {
      const Buffer in = bench::Bench::numbers(dtype, n, -1.0, 1.0), out(in.bytes());
      const auto elements = static_cast<double>(n), bytes = static_cast<double>(in.bytes());
      RandomArguments r;
      r.dtype = dtype;
      r.n = n;
      r.out = out.data();
      for (const auto& [name, distribution] :
           {std::pair{"uniform", Distribution::uniform}, std::pair{"normal", Distribution::normal},
            std::pair{"truncated normal", Distribution::truncated_normal}}) {
        r.distribution = distribution;
        bench.line(text(name, " ", n, " ", name_of(dtype)), elements, bytes, bytes, [&] {
          ++r.key.stream;
          cpu::random(r);
        });
      }
      DropoutArguments d;
      d.dtype = dtype;
      d.rate = 0.2;
      d.columns = 512;
      d.rows = n / d.columns;
      d.in = in.data();
      d.out = out.data();
      bench.line(text("dropout ", d.rows, "x512 ", name_of(dtype)), elements, 2 * bytes, 2 * bytes, [&] {
        ++d.key.stream;
        cpu::dropout(d);
      });
    }
  }
  for (const std::int64_t n : {1'000, 60'000, 1 << 22}) {
    std::vector<std::int64_t> order(static_cast<std::size_t>(n));
    RandomKey key;
    const double bytes = 8.0 * static_cast<double>(n);
    bench.line(text("permutation ", n), static_cast<double>(n), bytes, bytes, [&] {
      ++key.stream;
      cpu::permutation(n, key, order.data());
    });
  }
  return 0;
}
