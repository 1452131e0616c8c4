#include "cpu/rearrange/rearrange.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "core/threads.h"

namespace lamina::cpu {

namespace {

template <class T>
void rearrange_as(const RearrangeArguments& r) {
  const std::size_t axes = r.extents.size();
  std::int64_t slices = 1;  // all axes but the last
  for (std::size_t axis = 0; axis + 1 < axes; ++axis) slices *= r.extents[axis];
  const std::int64_t columns = axes == 0 ? 1 : r.extents[axes - 1];
  const std::int64_t step = axes == 0 ? 0 : r.strides[axes - 1];
  const std::int64_t block = std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, columns));
  const std::int64_t tasks = (slices + block - 1) / block;
  threads::parallel_for(
      tasks,
      [&](std::int64_t task) {
        const std::int64_t end = std::min(slices, (task + 1) * block);
        for (std::int64_t slice = task * block; slice < end; ++slice) {
          std::int64_t from = 0, rest = slice;
          for (std::size_t axis = axes == 0 ? 0 : axes - 1; axis-- > 0;) {
            from += rest % r.extents[axis] * r.strides[axis];
            rest /= r.extents[axis];
          }
          const T* in = static_cast<const T*>(r.in) + from;
          T* out = static_cast<T*>(r.out) + slice * columns;
          if (step == 1) {
            std::copy_n(in, columns, out);
          } else {
            for (std::int64_t j = 0; j < columns; ++j) out[j] = in[j * step];
          }
        }
      },
      threads::worthwhile(0.5 * static_cast<double>(slices) * static_cast<double>(columns), tasks));
}

template <class T>
std::int64_t index_at(const TableArguments& t, std::int64_t i) {
  const T value = static_cast<const T*>(t.indices)[i];
  if (!(value >= T(0) && value < static_cast<T>(t.entries))) {
    throw ValueError(text("[Embedding] indices must be whole numbers from 0 to ", t.entries - 1,
                          ". Received: ", static_cast<double>(value)));
  }
  return static_cast<std::int64_t>(value);
}

template <class T>
void take_as(const TableArguments& t) {
  for (std::int64_t i = 0; i < t.n; ++i) {
    std::copy_n(static_cast<const T*>(t.in) + index_at<T>(t, i) * t.columns, t.columns,
                static_cast<T*>(t.out) + i * t.columns);
  }
}

template <class T>
void scatter_as(const TableArguments& t) {
  std::fill_n(static_cast<T*>(t.out), t.entries * t.columns, T(0));
  for (std::int64_t i = 0; i < t.n; ++i) {
    const T* from = static_cast<const T*>(t.in) + i * t.columns;
    T* to = static_cast<T*>(t.out) + index_at<T>(t, i) * t.columns;
    for (std::int64_t j = 0; j < t.columns; ++j) to[j] += from[j];
  }
}

}  // namespace

void rearrange(const RearrangeArguments& r) {
  r.dtype == DType::float32 ? rearrange_as<float>(r) : rearrange_as<double>(r);
}
void take_rows(const TableArguments& t) {
  t.dtype == DType::float32 ? take_as<float>(t) : take_as<double>(t);
}
void scatter_rows(const TableArguments& t) {
  t.dtype == DType::float32 ? scatter_as<float>(t) : scatter_as<double>(t);
}

}  // namespace lamina::cpu
