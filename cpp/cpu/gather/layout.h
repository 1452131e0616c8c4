// How the elements of a strided array follow each other in memory.
#pragma once

#include <array>
#include <cstdint>
#include <cstdlib>

#include "core/error.h"
#include "device/arguments.h"

namespace lamina::cpu {

/// Extents and byte strides, outermost first, with neighbours joined where they can be walked with one
/// stride. Extents of 1 are left out. The last one is the run: `extent` elements, `stride` bytes apart.
class Layout {
 public:
  struct Axis {
    std::int64_t extent;
    std::int64_t stride;
  };

  Layout(const Layout& other) : axes_(other.axes_), count_(other.count_), element_size_(other.element_size_) {
    std::copy_n(other.axis_.begin(), axes_, axis_.begin());
  }
  Layout& operator=(const Layout&) = delete;
  explicit Layout(std::size_t element_size) : element_size_(static_cast<std::int64_t>(element_size)) {}

  /// The layout of one row of `array`.
  static Layout of_row(const ArrayView& array) {
    Layout layout(size_of(array.type));
    for (std::size_t i = 0; i < array.row_shape.size(); ++i)
      layout.append(array.row_shape[i], array.strides[i]);
    return layout;
  }
  /// The layout of all of `array`.
  static Layout of(const ArrayView& array) {
    Layout layout(size_of(array.type));
    layout.append(array.rows, array.row_stride);
    for (std::size_t i = 0; i < array.row_shape.size(); ++i)
      layout.append(array.row_shape[i], array.strides[i]);
    return layout;
  }

  /// Adds an innermost axis.
  void append(std::int64_t extent, std::int64_t stride) {
    count_ *= extent;
    if (extent == 1) return;
    if (axes_ > 0 && axis_[axes_ - 1].stride == extent * stride) {
      axis_[axes_ - 1] = {axis_[axes_ - 1].extent * extent, stride};
      return;
    }
    if (axes_ == kMaxAxes) throw ValueError(text("[gather] at most ", kMaxAxes, " axes are supported."));
    axis_[axes_++] = {extent, stride};
  }

  /// The same elements in the order that suits memory best: largest strides outermost.
  Layout in_memory_order() const {
    Layout sorted(static_cast<std::size_t>(element_size_));
    if (axes_ < 2) return *this;
    std::array<Axis, kMaxAxes> axis;
    std::copy_n(axis_.begin(), axes_, axis.begin());
    for (int n = axes_; n > 0; --n) {
      int largest = 0;
      for (int i = 1; i < n; ++i) {
        if (std::llabs(axis[i].stride) > std::llabs(axis[largest].stride)) largest = i;
      }
      sorted.append(axis[largest].extent, axis[largest].stride);
      axis[largest] = axis[n - 1];
    }
    return sorted;
  }

  /// The number of elements.
  std::int64_t count() const { return count_; }
  /// Axes outside the run.
  int outer_axes() const { return axes_ > 0 ? axes_ - 1 : 0; }
  const Axis& outer(int i) const { return axis_[i]; }
  Axis run() const { return axes_ > 0 ? axis_[axes_ - 1] : Axis{1, element_size_}; }
  /// The number of runs, unless there are no elements.
  std::int64_t runs() const { return count_ / run().extent; }

 private:
  static constexpr int kMaxAxes = 64;
  std::array<Axis, kMaxAxes> axis_;  // the first axes_ are set
  int axes_ = 0;
  std::int64_t count_ = 1;
  std::int64_t element_size_;
};

/// Walks over the runs of a layout in order.
class RunCursor {
 public:
  RunCursor(const Layout& layout, const unsigned char* base, std::int64_t first_run)
      : layout_(layout), at_(base) {
    for (int i = layout.outer_axes() - 1; i >= 0; --i) {
      index_[i] = first_run % layout.outer(i).extent;
      first_run /= layout.outer(i).extent;
      at_ += index_[i] * layout.outer(i).stride;
    }
  }
  const unsigned char* at() const { return at_; }
  void next() {
    for (int i = layout_.outer_axes() - 1; i >= 0; --i) {
      at_ += layout_.outer(i).stride;
      if (++index_[i] < layout_.outer(i).extent) return;
      at_ -= layout_.outer(i).extent * layout_.outer(i).stride;
      index_[i] = 0;
    }
  }

 private:
  const Layout& layout_;
  const unsigned char* at_;
  std::int64_t index_[64];
};

}  // namespace lamina::cpu
