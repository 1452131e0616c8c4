// Gradients as an optimizer reads them: in a buffer laid out like the parameters.
#pragma once

#include <cstdint>

#include "nn/parameters/flat_pointers.h"

namespace lamina::nn {

/// A flat buffer of gradients, or a stretch of one: memory whose first element is element `first` of the
/// layout. Only elements of the stretch may be read.
class GradientView {
 public:
  GradientView(void* data, DType dtype, std::int64_t first = 0) : data_(data), first_(first), dtype_(dtype) {}

  /// Element `i` of the layout.
  void* at(std::int64_t i) const { return nn::at(data_, i - first_, dtype_); }

 private:
  void* data_;
  std::int64_t first_;
  DType dtype_;
};

}  // namespace lamina::nn
