// Batches from a user's array: rows in a random order, converted where they are not float32.
//
//   bench_gather [threads [seconds per line [filter]]]
#include <cstring>

#include "cpu/gather/gather.h"
#include "cpu/random/random.h"
#include "harness.h"

using namespace lamina;

int main(int argc, char** argv) {
  bench::Bench bench(argc, argv);
  constexpr std::int64_t kBatches = 64;
  for (const auto& [rows, columns] : {std::pair{64, 4}, std::pair{128, 784}, std::pair{64, 3072}}) {
    const std::int64_t all = kBatches * rows;
    std::vector<std::int64_t> order(static_cast<std::size_t>(all));
    cpu::permutation(all, RandomKey{1, 1}, order.data());
    const Buffer out(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns) * 8);
    for (const ElementType type :
         {ElementType::float32, ElementType::float64, ElementType::uint8, ElementType::int64}) {
      const auto item = static_cast<std::int64_t>(size_of(type));
      const Buffer source(static_cast<std::size_t>(all * columns * item));
      std::memset(source.data(), 0, source.bytes());
      for (const bool fortran : {false, true}) {
        ArrayView view;
        view.data = source.data();
        view.type = type;
        view.rows = all;
        view.row_stride = fortran ? item : columns * item;
        view.row_shape = {columns};
        view.strides = {fortran ? all * item : item};
        GatherRowsArguments g;
        g.source = &view;
        g.order = order.data();
        g.rows = rows;
        g.out = out.data();
        const double elements = static_cast<double>(rows) * columns;
        bench.line(
            text("batch ", rows, "x", columns, " of ", name_of(type), fortran ? ", columns apart" : ""),
            elements, elements * static_cast<double>(item + 4), static_cast<double>(source.bytes()), [&] {
              g.first = (g.first + rows) % all;
              cpu::gather_rows(g);
            });
      }
    }
  }
  return 0;
}
