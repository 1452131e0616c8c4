#include "cpu/transpose/transpose.h"

#include <algorithm>

#include "core/threads.h"

namespace lamina::cpu {

namespace {

template <class T>
void transpose_as(const TransposeArguments& r) {
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

}  // namespace

void transpose(const TransposeArguments& r) {
  r.dtype == DType::float32 ? transpose_as<float>(r) : transpose_as<double>(r);
}

}  // namespace lamina::cpu
