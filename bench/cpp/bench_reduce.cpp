// Sums down columns and along rows.
//
//   bench_reduce [threads [seconds per line [filter]]]
#include "cpu/reduce/reduce.h"
#include "harness.h"

using namespace lamina;

int main(int argc, char** argv) {
  bench::Bench bench(argc, argv);
  for (const DType dtype : {DType::float32, DType::float64}) {
    for (const auto& [rows, columns] : {std::pair{64, 64}, std::pair{128, 512}, std::pair{1024, 10},
                                        std::pair{4096, 4096}, std::pair{16, 1 << 20}}) {
      const std::int64_t n = std::int64_t{rows} * columns;
      const Buffer x = bench::Bench::numbers(dtype, n, -1.0, 1.0);
      const Buffer out(static_cast<std::size_t>(std::max(rows, columns)) * size_of(dtype));
      const std::string shape = text(" ", rows, "x", columns, " ", name_of(dtype));
      const auto bytes = static_cast<double>(x.bytes());
      bench.line("columns" + shape, static_cast<double>(n), bytes, bytes,
                 [&] { cpu::column_sums(dtype, rows, columns, x.data(), out.data()); });
      bench.line("rows" + shape, static_cast<double>(n), bytes, bytes,
                 [&] { cpu::row_sums(dtype, rows, columns, x.data(), out.data()); });
    }
  }
  return 0;
}
