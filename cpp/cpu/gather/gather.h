// Batches straight from a user's array: any element type, any strides, nothing copied but the rows asked
// for. And the scans that check such an array.
//
// Conversions are those of IEEE 754 and C++: to float or double exactly where possible, otherwise rounded
// to nearest, ties to even, once (64-bit integers too); a double beyond float's range becomes infinite;
// float and double keep NaN, infinities, denormals and -0; a bool is 1 unless its byte is zero.
#pragma once

#include <cstdint>

#include "device/arguments.h"

namespace lamina::cpu {

/// Row r of `out`, dense in `dtype`, is row order[r] (or first + r) of the source, its elements in C order.
void gather_rows(const GatherRowsArguments& arguments);

/// The same with int32 elements, cut towards zero, whatever `dtype` says: class indices, kMissingLabel
/// for NaN. The source must have passed find_bad_label.
void gather_labels(const GatherRowsArguments& arguments);

/// The index (in C order) of the first element that is NaN, fractional or outside [0, classes) and that
/// the rule makes no exception for; -1 if there is none.
std::int64_t find_bad_label(const ArrayView& labels, const LabelRule& rule);
inline std::int64_t find_bad_label(const ArrayView& labels, std::int64_t classes) {
  return find_bad_label(labels, LabelRule{classes});
}

/// Whether any element is NaN.
bool has_nan(const ArrayView& array);

}  // namespace lamina::cpu
