// The losses of the CPU device.
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
//   mean_absolute_percentage_error   sum(100 |e / m|) / C, m = max(1e-7, |t|)
//                                                      sign(e) 100 / m, +0 at 0
//   mean_squared_logarithmic_error   sum(l * l) / C, l = log1p(max(1e-7, p)) - log1p(max(1e-7, t))
//                                                      2 l / (1 + p), +0 where p < 1e-7
//   log_cosh               sum(log(cosh(e))) / C: below 1 log1p(u^2 / (2 (1 + u))), u = expm1(|e|), else
//                          (|e| - log 2) + log1p(exp(-2 |e|))
//                                                      tanh(e)
//   quantile               sum(e < 0 ? -q e : (1 - q) e) / C
//                                                      e < 0 ? -q : 1 - q, +0 at 0
//   poisson                sum(p - t log(p + 1e-7)) / C
//                                                      1 - t / (p + 1e-7)
//   hinge                  sum(max(0, m)) / C, m = 1 - h p; h = 2 t - 1 if the batch's targets are all 0 or
//   1,
//                          else t                      m <= 0 ? 0 : -h
//   squared_hinge          sum(max(0, m)^2) / C        -2 max(0, m) h
//   kl_divergence          sum(t' log(t' / p')), both kept to [1e-7, 1]
//                                                      -t' / p', +0 where p was moved
//   binary_focal_crossentropy   t' as above, q = clip(p), n = t' (1 - p) + (1 - t') p, b the binary loss,
//                          v = 1, or with class balancing t' alpha + (1 - t') (1 - alpha)
//                          sum(v n^gamma b) / C        v (gamma n^(gamma - 1) (1 - 2 t') b + n^gamma b')
//     logits               p = sigmoid(z)              times p (1 - p)
//   categorical_focal_crossentropy   t' as above, S = sum(p), r = p / S, q = clip(r)
//                          sum(-(alpha (1 - q)^gamma t' log q))
//                                    (h - sum(h r)) / S,  h = alpha t' (gamma (1 - q)^(gamma - 1) log q -
//                                    (1 - q)^gamma / q), +0 where clipped
//     logits               p = exp(z - m)              (h - sum(h r)) r
//   cosine_similarity      -sum(y x), x = p l, y = t k, l = min(1 / sqrt(sum(p p)), 1e7), k likewise of t
//                                                      (sum(y x) x - y) l;  -y l where l is 1e7
//   categorical_hinge      max(0, o - sum(t p) + 1), o = max((1 - t) p)
//                                                      -t, and 1 - 2 t in the first column with o; +0 at 0
//   tversky                1 - I / D, D = I + alpha (sum(t) - I) + beta (sum(p) - I) + 1e-7, I = sum(t p)
//                                                      ((I / D) (1 - alpha - beta) - 1) / D t + (I / D) beta
//                                                      / D
//   dice                   1 - R, R = 2 I / D, D = sum(t) + sum(p) + 1e-7
//                                                      -2 / D t + R / D
//   categorical_generalized_cross_entropy   (1 - p^q) / q, p the prediction at the label
//                                                      -max(p, 1e-7)^(q - 1) at the label, +0 elsewhere
//   circle                 softplus(A + N) over the other rows j of the batch, d = max(0, 1 - sum(p p_j)),
//                          A = log(sum(exp(-g (m + d) (m - d)))) over those of the row's label,
//                          N = log(sum(exp(g max(0, 1 + m - d) (1 - m - d)))) over all others
//                          g gamma, m margin; without any of one kind the row does not count
//     its gradient reaches both rows of a pair: sum over j of (W + W^T) p_j, W = -dloss/dd, +0 where d = 0
//   Dice and Tversky in double from the sums on. With whole_batch they are of one row, all elements of the
//   batch; its weight is the sum of the weights, or 1 without.
//
// A row with an ignored or missing label has loss and gradient +0. With skip_missing the elements of
// NaN targets do: of losses that mix a row the whole row.
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
#pragma once

#include "device/arguments.h"

namespace lamina::cpu {

/// The weighted sum over the rows of the loss (not divided); fills what the arguments ask for.
double loss(const LossArguments& arguments);

/// The sum over the rows of weight times loss, weighted in double; `arguments` has no weights of its own.
double weighted_row_losses(const LossArguments& arguments, const void* weights);

/// How many rows count: all but those of missing targets and of an ignored class; a row with some
/// missing elements counts by the share of the others, a whole batch that is one row (dice,
/// tversky) as 1, or with weights as its rows. With `weighted` each counts w times.
double loss_count(const LossArguments& arguments, bool weighted);

}  // namespace lamina::cpu
