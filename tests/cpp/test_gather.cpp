// Gathering from arrays of every element type and any strides, against indexing one element at a time with
// conversions done in integers; and the scans for bad labels and NaN.
#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "cpu/gather/gather.h"
#include "each_isa.h"
#include "numbers.h"

namespace {

using namespace lamina;
using test::Numbers;
using test::same_bits;

constexpr ElementType kTypes[] = {ElementType::boolean, ElementType::int8,   ElementType::uint8,
                                  ElementType::int16,   ElementType::uint16, ElementType::int32,
                                  ElementType::uint32,  ElementType::int64,  ElementType::uint64,
                                  ElementType::float32, ElementType::float64};

/// magnitude rounded to nearest even to `digits` bits, with integer operations alone.
double rounded(std::uint64_t magnitude, int digits) {
  const int excess = std::bit_width(magnitude) - digits;
  if (excess <= 0) return static_cast<double>(magnitude);
  std::uint64_t kept = magnitude >> excess;
  const std::uint64_t rest = magnitude & ((std::uint64_t(1) << excess) - 1);
  const std::uint64_t half = std::uint64_t(1) << (excess - 1);
  if (rest > half || (rest == half && kept % 2 == 1)) ++kept;
  return std::ldexp(static_cast<double>(kept), excess);
}

template <class S>
S read(const unsigned char* at) {
  S s;
  std::memcpy(&s, at, sizeof s);
  return s;
}

template <class T, class S>
T converted_integer(const unsigned char* at) {
  const S s = read<S>(at);
  const bool negative = s < 0;
  const std::uint64_t magnitude =
      negative ? std::uint64_t(0) - static_cast<std::uint64_t>(s) : static_cast<std::uint64_t>(s);
  const double value = rounded(magnitude, std::numeric_limits<T>::digits);
  return static_cast<T>(negative ? -value : value);
}

template <class T>
T converted(ElementType type, const unsigned char* at) {
  switch (type) {
    case ElementType::boolean:
      return at[0] != 0 ? T(1) : T(0);
    case ElementType::int8:
      return converted_integer<T, std::int8_t>(at);
    case ElementType::uint8:
      return converted_integer<T, std::uint8_t>(at);
    case ElementType::int16:
      return converted_integer<T, std::int16_t>(at);
    case ElementType::uint16:
      return converted_integer<T, std::uint16_t>(at);
    case ElementType::int32:
      return converted_integer<T, std::int32_t>(at);
    case ElementType::uint32:
      return converted_integer<T, std::uint32_t>(at);
    case ElementType::int64:
      return converted_integer<T, std::int64_t>(at);
    case ElementType::uint64:
      return converted_integer<T, std::uint64_t>(at);
    case ElementType::float32:
      return static_cast<T>(read<float>(at));
    case ElementType::float64:
      return static_cast<T>(read<double>(at));
  }
  return T(0);
}

/// A strided array over its own memory, which ends exactly behind the last element.
struct Array {
  ArrayView view;
  std::unique_ptr<unsigned char[]> memory;
  std::size_t bytes = 0;

  std::int64_t columns() const { return element_count(view.row_shape); }
  unsigned char* at(std::int64_t row, std::int64_t column) const {
    const unsigned char* p = static_cast<const unsigned char*>(view.data) + row * view.row_stride;
    for (std::size_t i = view.row_shape.size(); i-- > 0;) {
      p += column % view.row_shape[i] * view.strides[i];
      column /= view.row_shape[i];
    }
    return const_cast<unsigned char*>(p);
  }
};

/// strides[0] is the rows'. `misaligned` shifts the data by a byte.
Array make_array(ElementType type, std::int64_t rows, const Shape& row_shape,
                 std::vector<std::int64_t> strides, bool misaligned, Numbers& random) {
  Array array;
  array.view.type = type;
  array.view.rows = rows;
  array.view.row_shape = row_shape;
  array.view.row_stride = strides[0];
  array.view.strides.assign(strides.begin() + 1, strides.end());
  std::int64_t low = 0, high = 0;
  for (std::size_t i = 0; i < strides.size(); ++i) {
    const std::int64_t extent = i == 0 ? rows : row_shape[i - 1];
    const std::int64_t reach = std::max<std::int64_t>(0, extent - 1) * strides[i];
    (reach < 0 ? low : high) += reach;
  }
  const std::int64_t shift = misaligned ? 1 : 0;
  array.bytes = static_cast<std::size_t>(high - low + shift) + size_of(type);
  array.memory = std::make_unique<unsigned char[]>(array.bytes);
  for (std::size_t i = 0; i < array.bytes; ++i) {
    const std::uint64_t r = random.bits();
    array.memory[i] = static_cast<unsigned char>(r % 5 == 0 ? 0 : r >> 8);
  }
  array.view.data = array.memory.get() + shift - low;
  return array;
}

/// The strides of a dense array in C order, in bytes; with `fortran`, the first axis fastest.
std::vector<std::int64_t> dense_strides(std::int64_t size, std::int64_t rows, const Shape& row_shape,
                                        bool fortran) {
  std::vector<std::int64_t> extents = {rows};
  extents.insert(extents.end(), row_shape.begin(), row_shape.end());
  std::vector<std::int64_t> strides(extents.size());
  for (std::size_t k = 0; k < extents.size(); ++k) {
    const std::size_t i = fortran ? k : extents.size() - 1 - k;
    strides[i] = size;
    size *= std::max<std::int64_t>(1, extents[i]);
  }
  return strides;
}

template <class T>
void check_gather(const Array& array, const std::vector<std::int64_t>* order, std::int64_t first,
                  std::int64_t rows) {
  const std::int64_t columns = array.columns();
  std::vector<T> wanted(static_cast<std::size_t>(rows * columns) + 2, T(7)), out = wanted;
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t row = order != nullptr ? (*order)[static_cast<std::size_t>(r)] : first + r;
    for (std::int64_t c = 0; c < columns; ++c) {
      wanted[static_cast<std::size_t>(r * columns + c)] = converted<T>(array.view.type, array.at(row, c));
    }
  }
  GatherRowsArguments g;
  g.source = &array.view;
  g.order = order != nullptr ? order->data() : nullptr;
  g.first = first;
  g.rows = rows;
  g.dtype = sizeof(T) == 4 ? DType::float32 : DType::float64;
  g.out = out.data();
  cpu::gather_rows(g);
  CHECK(same_bits(out, wanted));
}

void check_array(const Array& array, Numbers& random) {
  const std::int64_t rows = array.view.rows;
  check_gather<float>(array, nullptr, 0, rows);
  check_gather<double>(array, nullptr, 0, rows);
  if (rows == 0) return;
  const std::int64_t first = random.below(rows);
  check_gather<float>(array, nullptr, first, random.below(rows - first + 1));
  std::vector<std::int64_t> order(static_cast<std::size_t>(random.below(rows + 3)));
  for (std::int64_t& index : order) index = random.below(rows);
  check_gather<float>(array, &order, 0, static_cast<std::int64_t>(order.size()));
  check_gather<double>(array, &order, 0, static_cast<std::int64_t>(order.size()));
}

/// All layouts of an array: C and Fortran order, reversed, every second, repeated, unaligned.
void check_layouts(ElementType type, std::int64_t rows, const Shape& row_shape, Numbers& random) {
  const auto size = static_cast<std::int64_t>(size_of(type));
  for (const bool fortran : {false, true}) {
    const std::vector<std::int64_t> dense = dense_strides(size, rows, row_shape, fortran);
    for (const std::int64_t factor : {1, -1, 2, -3}) {
      std::vector<std::int64_t> strides = dense;
      for (std::int64_t& stride : strides) stride *= factor;
      check_array(make_array(type, rows, row_shape, strides, random.below(2) == 0, random), random);
    }
    for (std::size_t axis = 0; axis < dense.size(); ++axis) {
      for (const int change : {0, -1}) {  // One axis repeated, or reversed.
        std::vector<std::int64_t> strides = dense;
        strides[axis] *= change;
        check_array(make_array(type, rows, row_shape, strides, random.below(4) == 0, random), random);
      }
    }
  }
}

/// 64-bit integers around the points where rounding to float and double is decided.
void check_rounding() {
  std::vector<std::uint64_t> values = {0, 1, ~std::uint64_t(0)};
  for (int bit = 20; bit < 64; ++bit) {
    const std::uint64_t power = std::uint64_t(1) << bit;
    for (const int digits : {24, 53}) {
      if (bit < digits) continue;
      const std::uint64_t half = std::uint64_t(1) << (bit - digits);
      for (const std::uint64_t mantissa : {power, power + 2 * half, power + (power - 2 * half)}) {
        for (const std::uint64_t rest : {half - 1, half, half + 1, 2 * half - 1, std::uint64_t(1)}) {
          values.push_back(mantissa + rest);
          values.push_back(std::uint64_t(0) - (mantissa + rest));
        }
      }
    }
  }
  for (const ElementType type : {ElementType::int64, ElementType::uint64}) {
    for (const std::int64_t stride : {8, 16}) {
      Numbers random(1);
      const auto n = static_cast<std::int64_t>(values.size());
      Array array = make_array(type, n, {}, {stride}, false, random);
      for (std::int64_t i = 0; i < n; ++i)
        std::memcpy(array.at(i, 0), &values[static_cast<std::size_t>(i)], 8);
      check_gather<float>(array, nullptr, 0, n);
      check_gather<double>(array, nullptr, 0, n);
    }
  }
}

template <class S>
void store_label(unsigned char* at, double label) {
  const S s = static_cast<S>(label);
  std::memcpy(at, &s, sizeof s);
}
void put_label(ElementType type, unsigned char* at, double label) {
  switch (type) {
    case ElementType::boolean:
      return store_label<std::uint8_t>(at, label);
    case ElementType::int8:
      return store_label<std::int8_t>(at, label);
    case ElementType::uint8:
      return store_label<std::uint8_t>(at, label);
    case ElementType::int16:
      return store_label<std::int16_t>(at, label);
    case ElementType::uint16:
      return store_label<std::uint16_t>(at, label);
    case ElementType::int32:
      return store_label<std::int32_t>(at, label);
    case ElementType::uint32:
      return store_label<std::uint32_t>(at, label);
    case ElementType::int64:
      return store_label<std::int64_t>(at, label);
    case ElementType::uint64:
      return store_label<std::uint64_t>(at, label);
    case ElementType::float32:
      return store_label<float>(at, label);
    case ElementType::float64:
      return store_label<double>(at, label);
  }
}
std::vector<double> bad_labels(ElementType type, std::int64_t classes) {
  std::vector<double> bad;
  if (type != ElementType::boolean) bad.push_back(static_cast<double>(classes));
  if (type == ElementType::int8 || type == ElementType::int16 || type == ElementType::int32 ||
      type == ElementType::int64 || type >= ElementType::float32) {
    bad.push_back(-1);
  }
  if (type == ElementType::int64 || type == ElementType::uint64) bad.push_back(0x1p62);
  if (type >= ElementType::float32) {
    for (const double x : {0.5, -0.25, 1e30, -1e30}) bad.push_back(x);
    bad.push_back(std::numeric_limits<double>::quiet_NaN());
    bad.push_back(std::numeric_limits<double>::infinity());
  }
  return bad;
}

void check_labels(ElementType type, std::int64_t rows, const Shape& row_shape, bool fortran,
                  Numbers& random) {
  const std::int64_t classes = type == ElementType::boolean ? 2 : 10;
  const auto size = static_cast<std::int64_t>(size_of(type));
  for (const std::int64_t factor : {1, -2}) {
    std::vector<std::int64_t> strides = dense_strides(size, rows, row_shape, fortran);
    for (std::int64_t& stride : strides) stride *= factor;
    Array array = make_array(type, rows, row_shape, strides, factor != 1, random);
    const std::int64_t columns = array.columns(), n = rows * columns;
    std::vector<std::int32_t> wanted;
    for (std::int64_t i = 0; i < n; ++i) {
      wanted.push_back(static_cast<std::int32_t>(random.below(classes)));
      put_label(type, array.at(i / columns, i % columns), wanted.back());
    }
    CHECK(cpu::find_bad_label(array.view, classes) == -1);
    std::vector<std::int32_t> out(wanted.size(), -7);
    GatherRowsArguments g;
    g.source = &array.view;
    g.rows = rows;
    g.out = out.data();
    cpu::gather_labels(g);
    CHECK(out == wanted);
    if (n == 0) continue;

    std::vector<std::int64_t> order(static_cast<std::size_t>(std::min<std::int64_t>(rows, 50)));
    std::vector<std::int32_t> wanted_in_order;
    for (std::int64_t& index : order) {
      index = random.below(rows);
      for (std::int64_t c = 0; c < columns; ++c) {
        wanted_in_order.push_back(wanted[static_cast<std::size_t>(index * columns + c)]);
      }
    }
    out.assign(wanted_in_order.size(), -7);
    g.order = order.data();
    g.rows = static_cast<std::int64_t>(order.size());
    g.out = out.data();
    cpu::gather_labels(g);
    CHECK(out == wanted_in_order);

    for (const double bad : bad_labels(type, classes)) {
      const std::int64_t where = random.below(n), later = where + random.below(n - where);
      for (const std::int64_t i : {where, later}) put_label(type, array.at(i / columns, i % columns), bad);
      CHECK(cpu::find_bad_label(array.view, classes) == where);
      for (const std::int64_t i : {where, later}) {
        put_label(type, array.at(i / columns, i % columns), wanted[static_cast<std::size_t>(i)]);
      }
    }
  }
}

void check_nan(ElementType type, std::int64_t rows, const Shape& row_shape, bool fortran, std::int64_t factor,
               bool misaligned, int tries, Numbers& random) {
  std::vector<std::int64_t> strides =
      dense_strides(static_cast<std::int64_t>(size_of(type)), rows, row_shape, fortran);
  for (std::int64_t& stride : strides) stride *= factor;
  Array array = make_array(type, rows, row_shape, strides, misaligned, random);
  const std::int64_t n = rows * array.columns();
  const bool floating = type == ElementType::float32 || type == ElementType::float64;
  // The elements outside the strides are NaN (all bits set): they must not be seen.
  std::memset(array.memory.get(), 0xff, array.bytes);
  for (std::int64_t i = 0; i < n; ++i) {
    put_label(type, array.at(i / array.columns(), i % array.columns()), i % 2);
  }
  CHECK(!cpu::has_nan(array.view));
  if (!floating) return;
  for (int i = 0; i < tries && n > 0; ++i) {
    const std::int64_t where = i < n ? (i % 2 == 0 ? i : n - 1 - i) : random.below(n);
    unsigned char* const at = array.at(where / array.columns(), where % array.columns());
    put_label(type, at, std::numeric_limits<double>::quiet_NaN());
    CHECK(cpu::has_nan(array.view));
    put_label(type, at, 0.0);
  }
}

void check_all() {
  Numbers random(5);
  for (const ElementType type : kTypes) {
    for (std::int64_t columns = 0; columns <= 130; ++columns) {
      const auto size = static_cast<std::int64_t>(size_of(type));
      check_array(make_array(type, 3, {columns}, {columns * size, size}, false, random), random);
    }
    check_layouts(type, 9, {}, random);
    check_layouts(type, 0, {4}, random);
    check_layouts(type, 37, {1}, random);
    check_layouts(type, 37, {35}, random);
    check_layouts(type, 5, {7, 6}, random);
    check_layouts(type, 4, {3, 1, 5}, random);
    check_layouts(type, 3, {2, 3, 2, 4}, random);
    check_layouts(type, 3, {2, 0, 4}, random);
    for (const bool fortran : {false, true}) {
      check_labels(type, 0, {}, fortran, random);
      check_labels(type, 301, {}, fortran, random);
      check_labels(type, 300, {1}, fortran, random);
      check_labels(type, 40, {5, 3}, fortran, random);
      for (const std::int64_t factor : {1, -1, 2}) {
        check_nan(type, 3, {67}, fortran, factor, false, 201, random);
        check_nan(type, 5, {4, 3}, fortran, factor, true, 60, random);
      }
    }
  }
  check_rounding();
  // Enough work for several threads.
  for (const ElementType type : {ElementType::float32, ElementType::uint8, ElementType::float64}) {
    for (const bool fortran : {false, true}) {
      const auto size = static_cast<std::int64_t>(size_of(type));
      const Array wide =
          make_array(type, 3001, {203}, dense_strides(size, 3001, {203}, fortran), false, random);
      const Array tall = make_array(type, 400001, {}, {size}, false, random);
      const Array deep =
          make_array(type, 300, {30, 40}, dense_strides(size, 300, {30, 40}, fortran), false, random);
      test::for_thread_counts([&] {
        for (const Array* array : {&wide, &tall, &deep}) check_array(*array, random);
        check_labels(type, 300001, {}, fortran, random);
        check_nan(type, 4001, {103}, fortran, 1, false, 5, random);
      });
    }
  }
}

}  // namespace

int main() { return test::for_each_isa(check_all); }
