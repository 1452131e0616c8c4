#include "device/metric.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "device/names.h"
#include "numerics/elementary.h"
#include "numerics/scalar.h"

namespace lamina {

namespace {

constexpr double kEpsilon = 1e-7;

double quotient(double a, double b) { return b == 0.0 ? 0.0 : a / b; }
double logarithm(double x) { return numerics::log(numerics::Lane<double>{x}).value; }

bool is_mean(MetricKind kind) {
  switch (kind) {
    case MetricKind::confusion:
    case MetricKind::fbeta:
    case MetricKind::iou:
    case MetricKind::r2:
      return false;
    default:
      return true;
  }
}

/// The four counts at each threshold, in the order in which the thresholds were given.
struct Counts {
  std::vector<double> tp, fp, tn, fn;
};

/// The state is, for each group, positives and then negatives by how many of the sorted thresholds they
/// pass: 0 to count. Those that pass threshold i are summed up from the most to the least.
Counts counts_of(const MetricSpecification& m, const double* group) {
  const std::size_t count = m.thresholds.size();
  const double* positives = group;
  const double* negatives = group + count + 1;
  std::vector<double> tp(count), fp(count);
  double hits = 0.0, alarms = 0.0;
  for (std::size_t i = count; i-- > 0;) {
    hits += positives[i + 1];
    alarms += negatives[i + 1];
    tp[i] = hits;
    fp[i] = alarms;
  }
  const double all_positives = hits + positives[0], all_negatives = alarms + negatives[0];
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return m.thresholds[a] < m.thresholds[b]; });
  Counts c;
  for (std::vector<double>* v : {&c.tp, &c.fp, &c.tn, &c.fn}) v->resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = order[i];
    c.tp[at] = tp[i];
    c.fp[at] = fp[i];
    c.tn[at] = all_negatives - fp[i];
    c.fn[at] = all_positives - tp[i];
  }
  return c;
}

/// The largest of `wanted` where `constrained` reaches `least`; 0 if nowhere.
double best_where(const std::vector<double>& constrained, const std::vector<double>& wanted, double least) {
  double best = 0.0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (constrained[i] >= least && wanted[i] > best) best = wanted[i];
  }
  return best;
}

std::vector<double> quotients(const std::vector<double>& a, const std::vector<double>& rest) {
  std::vector<double> q(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) q[i] = quotient(a[i], a[i] + rest[i]);
  return q;
}

/// The area under precision over recall, interpolated as Davis and Goadrich (2006) do: between two
/// thresholds true positives grow linearly with all that pass.
double interpolated_pr(const Counts& c) {
  double area = 0.0;
  for (std::size_t i = 0; i + 1 < c.tp.size(); ++i) {
    const double dtp = c.tp[i] - c.tp[i + 1];
    const double here = c.tp[i] + c.fp[i], next = c.tp[i + 1] + c.fp[i + 1];
    const double slope = quotient(dtp, std::max(here - next, 0.0));
    const double intercept = c.tp[i + 1] - slope * next;
    const double ratio = here > 0.0 && next > 0.0 ? here / next : 1.0;
    area += quotient(slope * (dtp + intercept * logarithm(ratio)), std::max(c.tp[i + 1] + c.fn[i + 1], 0.0));
  }
  return area;
}

double area(const MetricSpecification& m, const Counts& c) {
  if (m.curve == Curve::pr && m.summation == Summation::interpolation) return interpolated_pr(c);
  std::vector<double> x, y;
  const std::vector<double> recall = quotients(c.tp, c.fn);
  if (m.curve == Curve::roc) {
    x = quotients(c.fp, c.tn);
    y = recall;
  } else if (m.curve == Curve::pr) {
    x = recall;
    y = quotients(c.tp, c.fp);
  } else {
    for (std::size_t i = 0; i < c.tp.size(); ++i) {
      const double scale = quotient(c.tp[i] + c.fn[i], c.tn[i] + c.fp[i]);
      const bool none = c.tp[i] == 0.0;
      x.push_back(none ? 0.0 : std::max(1.0 - scale * (c.fn[i] / c.tp[i]), 0.0));
      y.push_back(none ? 1.0 : 1.0 - scale * (c.fp[i] / c.tp[i]));
    }
  }
  double sum = 0.0;
  for (std::size_t i = 0; i + 1 < x.size(); ++i) {
    const double height = m.summation == Summation::interpolation ? (y[i] + y[i + 1]) / 2.0
                          : m.summation == Summation::minoring    ? std::min(y[i], y[i + 1])
                                                                  : std::max(y[i], y[i + 1]);
    sum += (x[i] - x[i + 1]) * height;
  }
  return sum;
}

std::int64_t groups(const MetricSpecification& m, std::int64_t columns) {
  return m.multi_label ? columns : 1;
}
std::int64_t group_size(const MetricSpecification& m) {
  return 2 * (static_cast<std::int64_t>(m.thresholds.size()) + 1);
}

void append_confusion(const MetricSpecification& m, std::int64_t columns, const double* state,
                      std::vector<double>& out) {
  if (m.result == ConfusionResult::auc) {
    double total = 0.0, weights = 0.0;
    const std::int64_t count = groups(m, columns);
    for (std::int64_t g = 0; g < count; ++g) {
      const double own =
          m.multi_label && !m.label_weights.empty() ? m.label_weights[static_cast<std::size_t>(g)] : 1.0;
      total += own * area(m, counts_of(m, state + g * group_size(m)));
      weights += own;
    }
    out.push_back(m.multi_label ? quotient(total, weights) : total);
    return;
  }
  const Counts c = counts_of(m, state);
  const auto all = [&](const std::vector<double>& values) {
    out.insert(out.end(), values.begin(), values.end());
  };
  switch (m.result) {
    case ConfusionResult::true_positives:
      return all(c.tp);
    case ConfusionResult::false_positives:
      return all(c.fp);
    case ConfusionResult::true_negatives:
      return all(c.tn);
    case ConfusionResult::false_negatives:
      return all(c.fn);
    case ConfusionResult::precision:
      return all(quotients(c.tp, c.fp));
    case ConfusionResult::recall:
      return all(quotients(c.tp, c.fn));
    case ConfusionResult::sensitivity_at_specificity:
      return out.push_back(best_where(quotients(c.tn, c.fp), quotients(c.tp, c.fn), m.least));
    case ConfusionResult::specificity_at_sensitivity:
      return out.push_back(best_where(quotients(c.tp, c.fn), quotients(c.tn, c.fp), m.least));
    case ConfusionResult::precision_at_recall:
      return out.push_back(best_where(quotients(c.tp, c.fn), quotients(c.tp, c.fp), m.least));
    case ConfusionResult::recall_at_precision:
      return out.push_back(best_where(quotients(c.tp, c.fp), quotients(c.tp, c.fn), m.least));
    case ConfusionResult::auc:
      return;
  }
}

/// State: TP, FP, FN and the targets' weight of each column.
void append_fbeta(const MetricSpecification& m, std::int64_t columns, const double* state,
                  std::vector<double>& out) {
  const auto score = [&](double tp, double fp, double fn) {
    const double precision = tp / (tp + fp + kEpsilon), recall = tp / (tp + fn + kEpsilon);
    const double square = m.beta * m.beta;
    return (precision * recall) / (square * precision + recall + kEpsilon) * (1.0 + square);
  };
  const double* tp = state;
  const double* fp = tp + columns;
  const double* fn = fp + columns;
  const double* mass = fn + columns;
  if (m.average == Average::micro) {
    double sums[3] = {0.0, 0.0, 0.0};
    for (std::int64_t j = 0; j < columns; ++j) {
      sums[0] += tp[j];
      sums[1] += fp[j];
      sums[2] += fn[j];
    }
    return out.push_back(score(sums[0], sums[1], sums[2]));
  }
  double all_mass = 0.0, total = 0.0;
  for (std::int64_t j = 0; j < columns; ++j) all_mass += mass[j];
  for (std::int64_t j = 0; j < columns; ++j) {
    const double own = score(tp[j], fp[j], fn[j]);
    if (m.average == Average::none) out.push_back(own);
    total += m.average == Average::weighted ? own * (mass[j] / (all_mass + kEpsilon)) : own;
  }
  if (m.average == Average::macro) total = quotient(total, static_cast<double>(columns));
  if (m.average != Average::none) out.push_back(total);
}

/// State: the targets' sum, their squares' sum, the squared errors' sum and the weights' sum of each
/// column; then the number of targets.
void append_r2(const MetricSpecification& m, std::int64_t columns, const double* state,
               std::vector<double>& out) {
  const double* sum = state;
  const double* squares = sum + columns;
  const double* residual = squares + columns;
  const double* count = residual + columns;
  const double samples = state[4 * columns];
  const auto adjusted = [&](double score) {
    const double p = static_cast<double>(m.regressors);
    if (m.regressors == 0 || p >= samples - 1.0) return score;
    return 1.0 - ((1.0 - score) * (samples - 1.0)) / (samples - p - 1.0);
  };
  double total = 0.0, mass = 0.0;
  for (std::int64_t j = 0; j < columns; ++j) {
    const double spread = squares[j] - sum[j] * (sum[j] / count[j]);
    double score = 1.0 - residual[j] / spread;
    if (score == kUnbounded || score == -kUnbounded) score = 0.0;
    if (m.average == Average::none && !m.by_variance) out.push_back(adjusted(score));
    total += m.by_variance ? spread * score : score;
    mass += m.by_variance ? spread : 1.0;
  }
  if (m.average != Average::none || m.by_variance) out.push_back(adjusted(total / mass));
}

void append_iou(const MetricSpecification& m, const double* state, std::vector<double>& out) {
  const std::int64_t n = m.classes;
  double total = 0.0, valid = 0.0;
  for (const std::int64_t id : m.class_ids) {
    double row = 0.0, column = 0.0;
    for (std::int64_t j = 0; j < n; ++j) {
      row += state[id * n + j];
      column += state[j * n + id];
    }
    const double both = state[id * n + id], either = row + column - both;
    if (!(either > 1e-9)) continue;
    total += both / (either + kEpsilon);
    valid += 1.0;
  }
  out.push_back(total / (valid + kEpsilon));
}

}  // namespace

bool takes_labels(const MetricSpecification& m) {
  switch (m.kind) {
    case MetricKind::sparse_categorical_accuracy:
      return true;
    case MetricKind::sparse_top_k_categorical_accuracy:
      return true;
    case MetricKind::loss:
      return takes_labels(m.loss.kind);
    case MetricKind::iou:
      return m.sparse_target && !m.sparse_prediction;
    default:
      return false;
  }
}

std::int64_t state_size(const MetricSpecification& m, std::int64_t columns) {
  if (is_mean(m.kind)) return 2;
  switch (m.kind) {
    case MetricKind::confusion:
      return groups(m, columns) * group_size(m);
    case MetricKind::fbeta:
      return 4 * columns;
    case MetricKind::r2:
      return 4 * columns + 1;
    default:
      return m.classes * m.classes;
  }
}

std::int64_t result_size(const MetricSpecification& m, std::int64_t columns) {
  switch (m.kind) {
    case MetricKind::confusion:
      if (m.result > ConfusionResult::recall || m.thresholds.size() == 1) return 0;
      return static_cast<std::int64_t>(m.thresholds.size());
    case MetricKind::fbeta:
      return m.average == Average::none ? columns : 0;
    case MetricKind::r2:
      return m.average == Average::none && !m.by_variance ? columns : 0;
    default:
      return 0;
  }
}

void append_result(const MetricSpecification& m, std::int64_t columns, const double* state,
                   std::vector<double>& out) {
  switch (m.kind) {
    case MetricKind::confusion:
      return append_confusion(m, columns, state, out);
    case MetricKind::fbeta:
      return append_fbeta(m, columns, state, out);
    case MetricKind::r2:
      return append_r2(m, columns, state, out);
    case MetricKind::iou:
      return append_iou(m, state, out);
    default:
      break;
  }
  double mean = quotient(state[0], state[1]);
  if (m.negated) mean = -mean;
  out.push_back(m.root ? std::sqrt(mean) : mean);
}

std::vector<StateVariable> state_variables(const MetricSpecification& m, std::int64_t columns,
                                           const double* state) {
  std::vector<StateVariable> all;
  const auto add = [&](const char* name, const double* from, std::vector<std::int64_t> shape) {
    std::int64_t count = 1;
    for (const std::int64_t extent : shape) count *= extent;
    all.push_back({name, std::move(shape), std::vector<double>(from, from + count)});
  };
  if (m.kind == MetricKind::confusion) {
    const auto thresholds = static_cast<std::int64_t>(m.thresholds.size());
    const std::int64_t count = groups(m, columns);
    std::vector<double> parts[4];
    for (auto& part : parts) part.resize(static_cast<std::size_t>(thresholds * count));
    for (std::int64_t g = 0; g < count; ++g) {
      const Counts c = counts_of(m, state + g * group_size(m));
      for (std::int64_t i = 0; i < thresholds; ++i) {
        const auto at = static_cast<std::size_t>(i * count + g), from = static_cast<std::size_t>(i);
        parts[0][at] = c.tp[from];
        parts[1][at] = c.fp[from];
        parts[2][at] = c.tn[from];
        parts[3][at] = c.fn[from];
      }
    }
    const char* names[] = {"true_positives", "false_positives", "true_negatives", "false_negatives"};
    std::vector<std::int64_t> shape{thresholds};
    if (m.multi_label) shape.push_back(count);
    for (int i = 0; i < 4; ++i) add(names[i], parts[i].data(), shape);
    return all;
  }
  if (m.kind == MetricKind::iou) {
    add("total_confusion_matrix", state, {m.classes, m.classes});
  } else if (m.kind == MetricKind::fbeta) {
    const char* names[] = {"true_positives", "false_positives", "false_negatives", "intermediate_weights"};
    for (int i = 0; i < 4; ++i) add(names[i], state + i * columns, {columns});
  } else if (m.kind == MetricKind::r2) {
    add("num_samples", state + 4 * columns, {});
    const char* names[] = {"sum", "squared_sum", "residual", "count"};
    const int order[] = {1, 0, 2, 3};
    for (const int i : order) add(names[i], state + i * columns, {columns});
  } else {
    add("total", state, {});
    add("count", state + 1, {});
  }
  return all;
}

void check_metric(const MetricSpecification& m, std::int64_t columns) {
  if (m.class_id >= columns) {
    throw ValueError(text("[metric] class_id must be less than the predictions' ", columns,
                          " columns. Received: class_id=", m.class_id));
  }
  if (m.top_k > columns) {
    throw ValueError(text("[metric] top_k must be at most the predictions' ", columns,
                          " columns. Received: top_k=", m.top_k));
  }
  if (m.kind == MetricKind::iou && !m.sparse_target && m.sparse_prediction && columns != 1) {
    throw ValueError(
        text("[metric] predictions that are class indices need one column. Received: ", columns));
  }
  if (!m.label_weights.empty() && static_cast<std::int64_t>(m.label_weights.size()) != columns) {
    throw ValueError(text("[metric] one of label_weights is needed for each of the predictions' ", columns,
                          " columns. Received: ", m.label_weights.size()));
  }
}

}  // namespace lamina
