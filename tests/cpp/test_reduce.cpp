// Row and column sums against sums written out number by number, bit for bit, on every instruction set
// and with several numbers of threads.
#include <algorithm>
#include <vector>

#include "cpu/reduce/reduce.h"
#include "each_isa.h"
#include "numbers.h"
#include "numerics/chunk_tree.h"

namespace {

using namespace lamina;
using test::Numbers;
using test::same_bits;

template <class T>
constexpr DType kDType = sizeof(T) == 4 ? DType::float32 : DType::float64;

/// Level by level, as numerics/order.h words it.
template <class T>
T tree(std::vector<T> partials) {
  if (partials.empty()) return T(0);
  while (partials.size() > 1) {
    std::vector<T> next;
    for (std::size_t i = 0; i + 1 < partials.size(); i += 2) next.push_back(partials[i] + partials[i + 1]);
    if (partials.size() % 2 == 1) next.push_back(partials.back());
    partials = next;
  }
  return partials[0];
}

template <class T>
std::vector<T> column_sums_reference(std::int64_t rows, std::int64_t columns, const std::vector<T>& x) {
  std::vector<T> out;
  for (std::int64_t j = 0; j < columns; ++j) {
    std::vector<T> partials;
    for (std::int64_t i = 0; i < rows; ++i) {
      if (i % 128 == 0) partials.push_back(T(0));
      partials.back() = partials.back() + x[static_cast<std::size_t>(i * columns + j)];
    }
    out.push_back(tree(partials));
  }
  return out;
}

template <class T>
std::vector<T> row_sums_reference(std::int64_t rows, std::int64_t columns, const std::vector<T>& x) {
  constexpr std::int64_t lanes = 64 / sizeof(T);
  std::vector<T> out;
  for (std::int64_t i = 0; i < rows; ++i) {
    std::vector<T> partials;
    for (std::int64_t first = 0; first < columns; first += 4096) {
      T lane[lanes] = {};
      for (std::int64_t j = first; j < std::min(columns, first + 4096); ++j) {
        T& sum = lane[(j - first) % lanes];
        sum = sum + x[static_cast<std::size_t>(i * columns + j)];
      }
      for (std::int64_t half = lanes / 2; half > 0; half /= 2) {
        for (std::int64_t l = 0; l < half; ++l) lane[l] = lane[l] + lane[l + half];
      }
      partials.push_back(lane[0]);
    }
    out.push_back(tree(partials));
  }
  return out;
}

template <class T>
void check_size(std::int64_t rows, std::int64_t columns, std::vector<T> x, bool all_thread_counts) {
  const std::vector<T> by_column = column_sums_reference(rows, columns, x);
  const std::vector<T> by_row = row_sums_reference(rows, columns, x);
  const auto check = [&] {
    std::vector<T> out(static_cast<std::size_t>(columns), T(7));
    cpu::column_sums(kDType<T>, rows, columns, x.data(), out.data());
    CHECK(same_bits(out, by_column));
    out.assign(static_cast<std::size_t>(rows), T(7));
    cpu::row_sums(kDType<T>, rows, columns, x.data(), out.data());
    CHECK(same_bits(out, by_row));
  };
  if (all_thread_counts) {
    test::for_thread_counts(check);
  } else {
    check();
  }
}

template <class T>
void check_all() {
  Numbers random(11);
  const auto check = [&](std::int64_t rows, std::int64_t columns, bool all_thread_counts) {
    check_size(rows, columns, random.numbers<T>(rows * columns), all_thread_counts);
  };
  for (std::int64_t columns = 0; columns <= 130; ++columns) {
    for (const std::int64_t rows : {0, 1, 2, 3, 4, 7, 63, 64, 65, 127, 128, 129, 257, 641})
      check(rows, columns, false);
  }
  for (std::int64_t rows = 0; rows <= 130; ++rows) {
    for (const std::int64_t columns : {1, 5, 17}) check(rows, columns, false);
  }
  // Long rows: a whole number of chunks, and a bit more.
  for (const std::int64_t columns : {4095, 4096, 4097, 8192, 5 * 4096 + 3, 11 * 4096 + 4095}) {
    for (const std::int64_t rows : {1, 3, 5}) check(rows, columns, false);
  }
  // Enough work for several threads.
  for (const auto& [rows, columns] : {std::pair<std::int64_t, std::int64_t>{5000, 301},
                                      {70001, 3},
                                      {1024, 700},
                                      {1025, 513},
                                      {64, 20000},
                                      {2, 500003},
                                      {1, 1000001}}) {
    check(rows, columns, true);
  }
  // NaN and infinities show up where IEEE 754 says, and a sum of negative zeros is +0.
  const T infinity = std::numeric_limits<T>::infinity();
  for (const T special : {infinity, -infinity, std::numeric_limits<T>::quiet_NaN(), T(-0.0)}) {
    std::vector<T> x = random.numbers<T>(70 * 19);
    for (int i = 0; i < 5; ++i) x[static_cast<std::size_t>(random.below(70 * 19))] = special;
    check_size(70, 19, x, false);
    check_size(70, 19, std::vector<T>(70 * 19, special), false);
  }
}

void check_counter() {
  Numbers random(3);
  for (std::int64_t chunks = 0; chunks <= 300; ++chunks) {
    const std::vector<float> partials = random.numbers<float>(chunks);
    numerics::BinaryCounter<float> counter;
    int entries = 0, most = 0;
    for (std::int64_t i = 0; i < chunks; ++i) {
      counter.push(partials[static_cast<std::size_t>(i)]);
      most = std::max(most, ++entries);
      entries -= numerics::joins_after(i);
    }
    CHECK(same_bits(counter.total(0.0f), tree(partials)));
    CHECK(most == numerics::tree_depth(chunks));
    CHECK(entries == std::popcount(static_cast<std::uint64_t>(chunks)));
  }
}

}  // namespace

int main() {
  return test::for_each_isa([] {
    check_counter();
    check_all<float>();
    check_all<double>();
  });
}
