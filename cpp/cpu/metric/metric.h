// The metrics of the CPU device: how rows are added to a state. What is read from it: device/metric.h.
//
// In the formulas p is the prediction, t the target, w the row's weight (1 without weights).
//
// Means keep (total, count). The row values times w, in double, are added up as a loss's: chains
// of kRowChunk rows from +0, the chunk tree, then onto the state; count likewise of w (without
// weights the number of rows).
//   binary_accuracy                the share of columns with (p > threshold) == t;  a NaN is wrong
//   categorical_accuracy           1 if p and t are largest in the same column, the first one among
//                                  equals; 0 if either row has a NaN
//   sparse_categorical_accuracy    1 if p is largest in the label's column, likewise
//   top_k, sparse_top_k            1 if fewer than k elements are larger than the one in the label's
//                                  column, or with sorted ids if one of the first k is the label; 0 with a
//                                  NaN
//   accuracy                       the share of columns with p == t
//   pearson_correlation            x, y the deviations of p, t from the row's means, M the mean of a row:
//                                  M(xy) / (sqrt(M(xx)) sqrt(M(yy)))
//   concordance_correlation        2 M(xy) / (M(xx) + M(yy) + (M(t) - M(p))^2 + 1e-7)
//   mean_squared_error, mean_absolute_error, loss   the loss's value
//
// Counts and moments keep what device/metric.cpp says for each, and are one chain: every element,
// row by row and column by column, is added straight onto the state. So they do not even depend
// on how samples are cut into batches.
//   confusion   t is a positive unless it is 0. p (from_logits: sigmoid(p)) passes the thresholds it is
//               greater than; even: the first ceil(q (n - 1)) of n, q = p kept to [0, 1], in T. A NaN
//               passes none. With top_k only the k largest of a row are predictions, of equals the first;
//               the others are -1e10. w is multiplied by the column's label weight.
//   fbeta       a prediction d is 1 where p > threshold, or p is the row's largest and |p| > 1e-9, else 0:
//               TP += w d t, FP += w d (1 - t), FN += w (1 - d) t, mass += w t
//   r2          sums of w t, w t^2, w (t - p)^2 and w; the number of targets
//   iou         table[t, p] += w; what lies outside of the classes and the ignored class are left out
//
// Missing targets (NaN, kMissingLabel) are left out: an element of a count, the share of a row that
// they are of accuracy, binary_accuracy and most losses, the whole row of other means.
#pragma once

#include "device/arguments.h"

namespace lamina::cpu {

/// Adds the rows to `state`.
void add_metric(const MetricArguments& arguments, double* state);

/// Each row's value of a mean: rows of double.
void metric_values(const MetricArguments& arguments, double* values);

}  // namespace lamina::cpu
