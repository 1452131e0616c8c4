#include "core/error.h"
#include "cuda/launch.h"
#include "cuda/transpose/transpose.h"

namespace lamina::cuda {
namespace {

constexpr int kMostAxes = 16;

template <class T>
struct Transpose {
  static constexpr const char* kName = "transpose";
  int axes;
  std::int64_t extents[kMostAxes], strides[kMostAxes];
  const T* in;
  T* out;
  LAMINA_KERNEL void operator()(std::int64_t i) const {
    std::int64_t from = 0, rest = i;
    for (int axis = axes; axis-- > 0;) {
      from += rest % extents[axis] * strides[axis];
      rest /= extents[axis];
    }
    out[i] = in[from];
  }
};

template <class T>
void transpose_as(const TransposeArguments& r) {
  Transpose<T> kernel{};
  std::int64_t count = 1;
  for (std::size_t axis = 0; axis < r.extents.size(); ++axis) {
    count *= r.extents[axis];
    if (r.extents[axis] == 1) continue;
    const int last = kernel.axes - 1;
    if (last >= 0 &&
        kernel.strides[last] == r.extents[axis] * r.strides[axis]) {  // one axis with its neighbour
      kernel.extents[last] *= r.extents[axis];
      kernel.strides[last] = r.strides[axis];
      continue;
    }
    if (kernel.axes == kMostAxes) {
      throw ValueError(text("[transpose] on this device at most ", kMostAxes, " axes are supported"));
    }
    kernel.extents[kernel.axes] = r.extents[axis];
    kernel.strides[kernel.axes] = r.strides[axis];
    ++kernel.axes;
  }
  kernel.in = in<T>(r.in);
  kernel.out = out<T>(r.out);
  for_each_item(count, kernel);
}

}  // namespace

void transpose(const TransposeArguments& r) {
  r.dtype == DType::float32 ? transpose_as<float>(r) : transpose_as<double>(r);
}

}  // namespace lamina::cuda
