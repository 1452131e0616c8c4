// The losses and metrics of the CPU device.
//
// In the formulas p is the prediction, t the target, z logits, C the columns, w the row's
// weight (1 without weights), s the label smoothing; sums over a row are in the order of
// numerics/row.h and everything is in the arguments' dtype T unless said otherwise.
//
//   loss of a row                                      gradient g (times the factor c)
//   mean_squared_error     sum(e * e) / C, e = p - t   2 e
//   mean_absolute_error    sum(|e|) / C                sign(e), +0 at 0
//   huber                  sum(|e| <= delta ? e / 2 * e : delta * (|e| - delta / 2)) / C
//                                                      |e| <= delta ? e : sign(e) * delta
//   binary_crossentropy    t' = t (1 - s) + s / 2, one fma
//     probabilities        q = clip(p);  sum(-(t' log q + (1 - t') log1p(-q))) / C
//                                                      (q - t') / (q (1 - q)), +0 where clipped
//     logits               sum((max(z, 0) - z t') + log1p(exp(-|z|))) / C
//                                                      sigmoid(z) - t'
//   categorical_crossentropy   t' = t (1 - s) + s / C, one fma
//     probabilities        S = sum(p), q = clip(p / S);  sum(-(t' log q))
//                                    (A - h) / S;  h = t' / q, A = sum(t'), where not clipped
//     logits               m = max(z), E = sum(exp(z - m));  A log E - sum(t' (z - m)), A = sum(t')
//                                                      softmax(z) A - t', one fma
//   sparse_categorical_crossentropy: the same with t' = 1 at the label and 0 elsewhere.
//
// clip keeps to [1e-7, 1 - 1e-7] (bounds rounded to T). A term with t' = 0 counts as 0 also
// where its logarithm is infinite, so logits may be -inf; in the binary loss infinite logits
// count as the largest finite number. The mean divides once, by C.
// softmax(z) and sigmoid(z) are the activations' own arithmetic, bit for bit.
//
// The factor c is worked out in double and rounded once to T: scale * w, for the means
// divided by C. The gradient is c * g. The row's loss is w times its loss, rounded to T.
// The total widens these to double, adds up each kRowChunk rows one after the other from +0
// and joins the chunks by the binary tree. A row without columns has loss +0.
//
// Metrics: the row values times w in double, added up like a loss; count is the sum of the
// weights in the same order (the number of rows without weights).
//   binary_accuracy                the share of columns with (p > threshold) == t;  a NaN is wrong
//   categorical_accuracy           1 if p and t are largest in the same column, the first one among
//                                  equals; 0 if either row has a NaN
//   sparse_categorical_accuracy    1 if p is largest in the label's column, likewise
//   mean_squared_error, mean_absolute_error   the losses' values
#pragma once

#include "device/arguments.h"

namespace lamina::cpu {

/// The weighted sum over the rows of the loss (not divided); fills what the arguments ask for.
double loss(const LossArguments& arguments);

/// Adds the rows' metric to `sums`.
void add_metric(const MetricArguments& arguments, MetricSums& sums);

}  // namespace lamina::cpu
