// The order of the elements of rows: stable, NaN after everything.
#include <algorithm>
#include <numeric>

#include "core/threads.h"
#include "cpu/array/array.h"

namespace lamina::cpu {

namespace {

template <class T>
bool before(T a, T b) {
  return a < b || (a == a && b != b);
}

template <class T>
void order_as(const ArgsortArguments& a) {
  const T* const x = static_cast<const T*>(a.x);
  threads::parallel_for(
      a.rows,
      [&](std::int64_t row) {
        const T* const values = x + row * a.columns;
        std::int64_t* const order = a.out + row * a.columns;
        std::iota(order, order + a.columns, std::int64_t{0});
        if (a.descending) {
          std::stable_sort(order, order + a.columns,
                           [values](std::int64_t i, std::int64_t j) { return before(values[j], values[i]); });
        } else {
          std::stable_sort(order, order + a.columns,
                           [values](std::int64_t i, std::int64_t j) { return before(values[i], values[j]); });
        }
      },
      threads::worthwhile(20.0 * static_cast<double>(a.rows) * static_cast<double>(a.columns), a.rows));
}

}  // namespace

void array_argsort(const ArgsortArguments& a) {
  switch (tensor_type(a.type)) {
    case TensorType::boolean:
    case TensorType::uint8:
      return order_as<std::uint8_t>(a);
    case TensorType::int32:
      return order_as<std::int32_t>(a);
    case TensorType::int64:
      return order_as<std::int64_t>(a);
    case TensorType::float32:
      return order_as<float>(a);
    case TensorType::float64:
      return order_as<double>(a);
  }
}

}  // namespace lamina::cpu
