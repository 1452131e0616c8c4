// The arguments of the device calls: plain structs over raw memory. Strides count
// elements, not bytes. Nothing here owns anything.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/types.h"
#include "device/kinds.h"
#include "device/metric.h"

namespace lamina {

/// What a derivative is computed from: monotonic functions need only their output.
enum class DerivativeFrom : std::uint8_t { output, input };
DerivativeFrom derivative_from(const Activation& activation);
/// softmax, log_softmax and sparsemax mix a whole row; all others work element by element.
bool is_elementwise(const Activation& activation);

/// C[m,n] = epilogue(sum over k of A[m,k] * B[k,n]).
enum class Reduction : std::uint8_t {
  depth,  ///< chains of kDepthChunk: forward, input gradients, matmul
  rows,   ///< chains of kRowChunk: k counts the rows of a batch (weight gradients)
};

struct GemmArguments {
  DType dtype = DType::float32;
  bool of_layer = false;  ///< of a layer's pass: at the device's precision. Others have the contract's bits
  Reduction reduction = Reduction::depth;
  std::int64_t m = 0, n = 0, k = 0;
  const void* a = nullptr;  ///< A[i,l] at a[i * a_row + l * a_column]
  std::int64_t a_row = 0, a_column = 1;
  const void* b = nullptr;  ///< B[l,j] at b[l * b_row + j * b_column]
  std::int64_t b_row = 0, b_column = 1;
  void* c = nullptr;  ///< C[i,j] at c[i * c_row + j]; overlaps neither A nor B
  std::int64_t c_row = 0;

  // Forward epilogue: C = activation(sum + bias). `activation` is element-wise.
  const void* bias = nullptr;  ///< [n], or null for none
  Activation activation;
  void* pre_activation = nullptr;  ///< receives sum + bias, laid out like C; or null

  // Backward epilogue: C = sum * f'(saved), f = derivative_of (element-wise); `saved`
  // holds f's output or its input, as derivative_from(f) says. Not with the above.
  const void* saved = nullptr;  ///< [m,n], or null for none
  std::int64_t saved_row = 0;
  Activation derivative_of;

  // Weight gradients: also the sums of B's columns, in the same chunks and tree
  // (the bias gradient). B's chain is +0 + b[0] + b[1] ... within a chunk.
  void* column_sums = nullptr;  ///< [n], or null

  /// Weight gradients: the update that C is the gradient for, element by element (c_row == n), done
  /// as soon as elements of C are known, with the bits of Device::update(). C is undefined after it.
  /// Only where the device fuses_updates(); no other epilogue; or null.
  const struct UpdateArguments* update = nullptr;
};

/// C[m,n] = A[m,k] B[k,n], all dense; what is `turned` is given as its transpose, [k,m] or [n,k].
GemmArguments dense_product(DType dtype, std::int64_t m, std::int64_t n, std::int64_t k, const void* a,
                            bool a_turned, const void* b, bool b_turned, void* c);

/// A row is one position of the last axis; a batch has `rows` of them.
struct LossArguments {
  DType dtype = DType::float32;
  LossSpecification loss;
  PredictionForm form = PredictionForm::values;
  std::int64_t rows = 0, columns = 0;
  const void* prediction = nullptr;  ///< [rows, columns], dense
  const void* target = nullptr;      ///< [rows, columns] of dtype; sparse: int32 [rows]
  const void* weights = nullptr;     ///< [rows] of dtype, or null for ones
  double scale = 1.0;                ///< d(total)/d(row loss): usually 1 / rows
  void* gradient = nullptr;          ///< [rows, columns] or null; may be `prediction` itself. With
                                     ///< logits: with respect to the logits
  void* row_losses = nullptr;        ///< [rows] of dtype: each row's weighted loss; or null
  void* output = nullptr;            ///< logits_of_activation: [rows, columns] sigmoid or softmax; or
                                     ///< null; may be `prediction` itself, not `gradient`
  bool skip_missing = false;         ///< NaN among the targets does not count; else there is none
};

struct MetricArguments {
  DType dtype = DType::float32;
  const MetricSpecification* metric = nullptr;
  std::int64_t rows = 0, columns = 0;
  const void* prediction = nullptr;  ///< [rows, columns]
  const void* target = nullptr;      ///< int32 [rows] if the metric takes_labels, else of dtype
                                     ///< [rows, target_columns]
  std::int64_t target_columns = 0;   ///< 0: like the prediction
  const void* weights = nullptr;     ///< [rows] or null
  bool skip_missing = false;         ///< NaN among the targets does not count; else there is none
};

/// The loss whose values of rows are the metric's, without weights; nothing where there is none.
std::optional<LossArguments> loss_of(const MetricArguments& metric);

int slot_count(OptimizerKind kind);

/// What happens to gradients and parameters in the same pass as a rule, in this order, each where
/// it is wanted (flat kinds of the same names).
struct UpdateTreatment {
  double clip_scale = 0.0, clip_divisor = 0.0;  ///< g = scale_divide(g), unless the divisor is 0
  double clip_value = 0.0;                      ///< g = clamp(g), unless 0
  double decay = 0.0, decay_rate = 0.0;         ///< p = decay(p) before the rule, unless 0
  void* average = nullptr;                      ///< average = blend(average, p) after the rule
  double average_momentum = 0.0;
  bool overwrite = false;        ///< p = average at last
  const double* clip = nullptr;  ///< clip_scale and clip_divisor in the device's memory; or null
};

/// How gradients are to be clipped by their norm: the root of the sum of Device::dot() of all parts, in
/// double.
struct ClipArguments {
  struct Part {
    const void* gradients;
    std::int64_t n;
  };
  DType dtype = DType::float32;
  double limit = 0.0;
  std::vector<Part> parts;
  /// Together: g * (limit / norm), NaN where the norm is not finite; else (g * limit) / norm.
  bool together = false;
  /// [2]: UpdateTreatment::clip; a divisor of 0 where the norm is within the limit.
  double* factors = nullptr;
};

inline constexpr int kUpdateSlots = 3, kUpdateNumbers = 8;

/// One step over a flat range; formulas in cpu/optimizer/optimizer.h.
struct UpdateArguments {
  DType dtype = DType::float32;
  OptimizerKind kind = OptimizerKind::sgd;
  std::int64_t n = 0;
  void* parameters = nullptr;
  const void* gradients = nullptr;
  void* slots[kUpdateSlots] = {nullptr, nullptr, nullptr};
  double rate = 0.0;      ///< learning rate; Adam: with both bias corrections folded in
  double momentum = 0.0;  ///< SGD
  double beta_1 = 0.0, beta_2 = 0.0, epsilon = 0.0;  ///< Adam
  double numbers[kUpdateNumbers] = {};               ///< of the rules after Adam
  const UpdateTreatment* treatment = nullptr;        ///< null for none
};

/// Element-wise arithmetic over a flat range; out may be x or y.
struct VectorArguments {
  DType dtype = DType::float32;
  VectorKind kind = VectorKind::scale;
  std::int64_t n = 0;
  const void* x = nullptr;
  const void* y = nullptr;  ///< null where the kind does not read it
  void* out = nullptr;
  double a = 0.0, b = 0.0;
};

/// Names a sequence of random numbers: element i is a function of (seed, stream, i).
struct RandomKey {
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;
};

enum class Distribution : std::uint8_t {
  uniform,           ///< [a, b)
  normal,            ///< mean a, standard deviation b
  truncated_normal,  ///< the same, drawn again outside two standard deviations
};

struct RandomArguments {
  DType dtype = DType::float32;
  Distribution distribution = Distribution::uniform;
  RandomKey key;
  std::int64_t n = 0;
  void* out = nullptr;
  double a = 0.0, b = 1.0;
};

/// out = kept ? in / (1 - rate) : +0. Element (r, c) is kept by a function of
/// (key, first_row + r, c) alone, the same for both dtypes: the backward pass gives the
/// gradient as `in`. `out` may be `in`.
struct DropoutArguments {
  DType dtype = DType::float32;
  RandomKey key;
  double rate = 0.0;  ///< 0 <= rate < 1
  std::int64_t rows = 0, columns = 0, first_row = 0;
  const void* in = nullptr;
  void* out = nullptr;
};

/// A user's array as it lies in memory: `rows` samples of `row_shape` elements, byte
/// strides (may be zero or negative), native byte order, never written to.
struct ArrayView {
  const void* data = nullptr;
  ElementType type = ElementType::float32;
  std::int64_t rows = 0;
  std::int64_t row_stride = 0;  ///< bytes
  Extents row_shape;            ///< without the rows
  Extents strides;              ///< bytes, one for each extent of row_shape
};

/// Which labels are right: whole numbers in [0, classes), maybe one more, maybe NaN.
struct LabelRule {
  std::int64_t classes = 0;  ///< at most 2^31
  bool has_extra = false;
  std::int64_t extra = 0;
  bool missing = false;  ///< NaN is allowed
};

/// Copies rows into a dense [rows, element_count(row_shape)] matrix of `dtype`.
struct GatherRowsArguments {
  const ArrayView* source = nullptr;
  const std::int64_t* order = nullptr;  ///< indices of rows; null: first, first + 1, ...
  std::int64_t first = 0;
  std::int64_t rows = 0;
  DType dtype = DType::float32;
  void* out = nullptr;
};

}  // namespace lamina
