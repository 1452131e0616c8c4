// Metrics: what they are asked for, what they keep, and what they make of it. The state is host
// memory, in double; cpu/metric/metric.h states how rows are added to it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "device/kinds.h"

namespace lamina {

/// What is read from the counts over thresholds. TP are positives that pass, and so on.
enum class ConfusionResult : std::uint8_t {
  true_positives,
  false_positives,
  true_negatives,
  false_negatives,
  precision,
  recall,
  sensitivity_at_specificity,
  specificity_at_sensitivity,
  precision_at_recall,
  recall_at_precision,
  auc,
};
enum class Curve : std::uint8_t { roc, pr, prgain };
enum class Summation : std::uint8_t { interpolation, minoring, majoring };
enum class Average : std::uint8_t { none, micro, macro, weighted };

struct MetricSpecification {
  MetricKind kind = MetricKind::mean_squared_error;
  double a = 0.5;         ///< binary_accuracy: the threshold
  bool weighted = false;  ///< in a model: by the samples' weights

  // Means.
  LossSpecification loss;   ///< kind loss
  bool negated = false;     ///< minus the mean
  bool root = false;        ///< the mean's square root
  std::int64_t k = 5;       ///< top k
  bool sorted_ids = false;  ///< top k: predictions are class indices, best first

  // Confusion. A prediction passes a threshold that it is greater than.
  ConfusionResult result = ConfusionResult::precision;
  std::vector<double> thresholds;
  bool even = false;           ///< thresholds i / (count - 1), compared as ceil(p * (count - 1)) > i
  bool beyond = false;         ///< even: everything passes the first, nothing the last
  std::int64_t top_k = 0;      ///< of each row only the largest are predictions; 0: all
  std::int64_t class_id = -1;  ///< only this column; -1: all
  bool from_logits = false;    ///< predictions are taken through a sigmoid
  bool multi_label = false;    ///< auc: of each column, then their mean
  std::vector<double> label_weights;
  double least = 0.0;  ///< ..._at_...: what must be reached
  Curve curve = Curve::roc;
  Summation summation = Summation::interpolation;

  // F-beta.
  double beta = 1.0;
  bool has_threshold = false;  ///< `a`; else the row's largest elements are predictions
  Average average = Average::none;

  // R2.
  bool by_variance = false;  ///< average weighted rather than macro
  std::int64_t regressors = 0;

  // Intersection over union.
  std::int64_t classes = 0;
  std::vector<std::int64_t> class_ids;
  bool ignores_class = false;
  std::int64_t ignore_class = 0;
  bool sparse_target = true;      ///< targets are class indices rather than rows of scores
  bool sparse_prediction = true;  ///< so are predictions; with has_threshold: class 1 from `a` on
};

/// Whether targets are int32 class indices, one a row.
bool takes_labels(const MetricSpecification& metric);

/// How many numbers the state has, for predictions of so many columns.
std::int64_t state_size(const MetricSpecification& metric, std::int64_t columns);

/// How many numbers the result has; 0 for a single number.
std::int64_t result_size(const MetricSpecification& metric, std::int64_t columns);

/// Appends the result (result_size numbers, or one) to `out`. A quotient without a denominator is 0, as Keras
/// has it.
void append_result(const MetricSpecification& metric, std::int64_t columns, const double* state,
                   std::vector<double>& out);

/// The part of the state that users know: the counts at each threshold for a confusion, the state
/// itself for others. Names and values; each value has `shape` elements.
struct StateVariable {
  std::string name;
  std::vector<std::int64_t> shape;
  std::vector<double> values;
};
std::vector<StateVariable> state_variables(const MetricSpecification& metric, std::int64_t columns,
                                           const double* state);

/// ValueError unless the metric can be computed of predictions of so many columns.
void check_metric(const MetricSpecification& metric, std::int64_t columns);

}  // namespace lamina
