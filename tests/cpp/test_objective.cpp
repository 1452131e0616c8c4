// Objectives of several outputs, their sums, and batches of several arrays; against numbers worked out here.
#include <cmath>
#include <limits>
#include <vector>

#include "check.h"
#include "core/error.h"
#include "nn/training/objective.h"

namespace {

using namespace lamina;
using nn::LossScale;
using nn::Objective;
using nn::OutputObjective;

ArrayView view_of(const void* data, ElementType type, std::int64_t rows, Extents shape) {
  ArrayView view;
  view.data = data;
  view.type = type;
  view.rows = rows;
  view.row_shape = shape;
  std::int64_t stride = static_cast<std::int64_t>(size_of(type));
  view.strides = shape;
  for (std::size_t i = shape.size(); i-- > 0;) {
    view.strides[i] = stride;
    stride *= shape[i];
  }
  view.row_stride = stride;
  return view;
}

LossArguments squares(const std::vector<double>& p, const std::vector<double>& y, std::int64_t columns) {
  LossArguments loss;
  loss.dtype = DType::float64;
  loss.rows = static_cast<std::int64_t>(p.size()) / columns;
  loss.columns = columns;
  loss.prediction = p.data();
  loss.target = y.data();
  return loss;
}

void check_scales() {
  Device& cpu = device("cpu");
  const std::vector<double> p{1, 2, 3, 4, 5, 6}, zero(6, 0.0);
  const LossArguments loss = squares(p, zero, 2);
  const double total = (1 + 4) / 2.0 + (9 + 16) / 2.0 + (25 + 36) / 2.0;
  const LossScale plain = LossScale::of(cpu, loss, LossReduction::mean, 1.0);
  CHECK(plain.plain && plain.mean && plain.loss(total) == total / 3 && plain.sum(total) == total);
  const LossScale half = LossScale::of(cpu, loss, LossReduction::mean, 0.5);
  CHECK(!half.plain && half.mean && half.scale == 0.5 / 3 && half.unweighted_sum(total) == total);
  CHECK(std::abs(half.loss(total) - 0.5 * total / 3) < 1e-14);
  const LossScale sum = LossScale::of(cpu, loss, LossReduction::sum, 2.0);
  CHECK(sum.scale == 2.0 && sum.loss(total) == 2 * total && sum.unweighted_sum(total) == 3 * total);
  std::vector<double> missing = zero;
  missing[0] = missing[1] = std::numeric_limits<double>::quiet_NaN();
  LossArguments skips = squares(p, missing, 2);
  skips.skip_missing = true;
  const LossScale present = LossScale::of(cpu, skips, LossReduction::mean, 1.0);
  CHECK(!present.mean && present.scale == 0.5);
  LossArguments none = loss;
  none.rows = 0;
  CHECK(LossScale::of(cpu, none, LossReduction::mean, 1.0).loss(0.0) == 0.0);
}

void check_sums() {
  Device& cpu = device("cpu");
  OutputObjective first{LossSpecification{}, LossReduction::mean, 2.0};
  OutputObjective second{LossSpecification{}, LossReduction::sum, 0.25};
  second.metrics.resize(1);
  second.metrics[0].kind = MetricKind::mean_absolute_error;
  Objective all({first, OutputObjective{}, second}, {{2}, {7}, {3}});
  CHECK(all.losses() == 2 && all.has_metrics() && !all.rules()[1].read);
  CHECK((all.values() == std::vector<double>{0, 0, 0, 0}));

  const std::vector<double> p{1, 2, 3, 4}, q{1, -2, 3, 4, 5, -6}, zero(6, 0.0);
  double totals[2] = {0.0, 0.0};
  const auto batch = [&](double factor, double penalty) {
    std::vector<double> a = p, b = q;
    for (double& x : a) x *= factor;
    for (double& x : b) x *= factor;
    all.begin();
    const LossArguments losses[] = {squares(a, zero, 2), squares(b, zero, 3)};
    const std::size_t outputs[] = {0, 2};
    for (int k = 0; k < 2; ++k) {
      const OutputObjective& o = all[outputs[k]];
      const LossScale scale = LossScale::of(cpu, losses[k], o.reduction, o.weight);
      totals[k] = cpu.loss(losses[k]);
      all.add_loss(outputs[k], scale, totals[k]);
    }
    MetricArguments metric;
    metric.dtype = DType::float64;
    metric.rows = 2;
    metric.columns = 3;
    metric.prediction = b.data();
    metric.target = zero.data();
    all.add_metrics(cpu, 2, metric);
    all.add_penalty(penalty, 2);
  };
  batch(1.0, 0.5);
  CHECK((all.values() == std::vector<double>{0, 0, 0, 0}));  // not committed
  all.commit();
  CHECK(totals[0] == 15.0);  // (1 + 4) / 2 + (9 + 16) / 2
  const double squared = (1 + 4 + 9) / 3.0 + (16 + 25 + 36) / 3.0;
  std::vector<double> values = all.values();
  CHECK(values.size() == 4);
  CHECK(values[1] == 7.5 && std::abs(values[2] - squared) < 1e-12 && std::abs(values[3] - 21.0 / 6) < 1e-12);
  CHECK(values[0] == 2.0 * values[1] + 0.25 * values[2] + 0.5);
  const std::vector<double> kept = all.state();
  batch(2.0, 1.5);
  all.commit();
  values = all.values();
  CHECK(std::abs(values[1] - (7.5 + 30) / 2) < 1e-12 &&
        std::abs(values[2] - (squared + 4 * squared) / 2) < 1e-12);
  CHECK(values[0] == 2.0 * values[1] + 0.25 * values[2] + 1.0);
  Objective other({first, OutputObjective{}, second}, {{2}, {7}, {3}});
  other.set_state(kept);
  CHECK(other.state() == kept && other.values()[1] == 7.5);
  CHECK_THROWS(other.set_state({1.0}), ValueError);
  all.reset();
  CHECK((all.values() == std::vector<double>{0, 0, 0, 0}));

  // With one output the sum has weight and penalties in it.
  Objective one({first}, {{2}});
  one.begin();
  const LossArguments loss = squares(p, zero, 2);
  one.add_loss(0, LossScale::of(cpu, loss, first.reduction, first.weight), cpu.loss(loss));
  one.add_penalty(0.5, 2);
  one.commit();
  CHECK((one.values() == std::vector<double>{15.5}));
}

void check_errors() {
  const auto compiled = [](OutputObjective o, Shape output) {
    return Objective({std::move(o)}, {std::move(output)});
  };
  OutputObjective labels{LossSpecification{LossKind::sparse_categorical_crossentropy}};
  CHECK(compiled(labels, {4, 3}).rules()[0].elements == 4);
  labels.metrics.resize(1);
  labels.metrics[0].kind = MetricKind::mean_absolute_error;
  CHECK_THROWS(compiled(labels, {3}), ValueError);
  OutputObjective measured;
  measured.metrics.resize(2);
  measured.metrics[0].kind = MetricKind::mean_absolute_error;
  measured.metrics[1].kind = MetricKind::sparse_categorical_accuracy;
  CHECK_THROWS(compiled(measured, {3}), ValueError);
  CHECK_THROWS(compiled(OutputObjective{LossSpecification{}, LossReduction::mean, -1.0}, {3}), ValueError);
  CHECK_THROWS(Objective({OutputObjective{}}, {{1}, {2}}), ValueError);
  CHECK_THROWS(compiled(OutputObjective{}, {}), ValueError);
}

void check_batches() {
  Device& cpu = device("cpu");
  const std::vector<float> a{0, 1, 2, 3, 4, 5}, w{1, 2, 3};
  const std::vector<double> b{10, 20, 30};
  const std::vector<std::int64_t> y{2, 0, 1};
  nn::Samples samples;
  samples.x = {view_of(a.data(), ElementType::float32, 3, {2}),
               view_of(b.data(), ElementType::float64, 3, {1})};
  samples.y = {std::nullopt, view_of(y.data(), ElementType::int64, 3, {})};
  samples.weights = {std::nullopt, view_of(w.data(), ElementType::float32, 3, {})};
  const Objective objective(
      {OutputObjective{}, {LossSpecification{LossKind::sparse_categorical_crossentropy}}}, {{5}, {3}});
  const std::vector<Shape> inputs{{2}, {1}};
  nn::check_inputs(samples.x, inputs);
  nn::check_targets(cpu, samples, objective.rules());
  nn::Batch batch(cpu, DType::float32);
  const std::int64_t order[] = {2, 0, 1};
  batch.gather(samples, objective.rules(), order, 1, 2);
  const auto* const first = static_cast<const float*>(batch.x(0));
  const auto* const second = static_cast<const float*>(batch.x(1));
  const auto* const label = static_cast<const std::int32_t*>(batch.y(1));
  const auto* const weight = static_cast<const float*>(batch.weights(1));
  CHECK(first[0] == 0 && first[1] == 1 && first[2] == 2 && first[3] == 3);
  CHECK(second[0] == 10 && second[1] == 20);
  CHECK(label[0] == 2 && label[1] == 0 && weight[0] == 1 && weight[1] == 2);
  CHECK(batch.y(0) == nullptr && batch.weights(0) == nullptr);
  batch.gather(samples, objective.rules(), nullptr, 1, 2);
  CHECK(batch.x(0) == a.data() + 2);  // where it is

  nn::Samples bad = samples;
  bad.x[1].rows = 2;
  CHECK_THROWS(nn::check_inputs(bad.x, inputs), ValueError);
  CHECK_THROWS(nn::check_inputs({samples.x.data(), 1}, inputs), ValueError);
  bad = samples;
  bad.y[1].reset();
  CHECK_THROWS(nn::check_targets(cpu, bad, objective.rules()), ValueError);
  bad = samples;
  bad.weights[1]->rows = 2;
  CHECK_THROWS(nn::check_targets(cpu, bad, objective.rules()), ValueError);
  const std::vector<std::int64_t> beyond{2, 3, 0};
  bad = samples;
  bad.y[1] = view_of(beyond.data(), ElementType::int64, 3, {});
  CHECK_THROWS(nn::check_targets(cpu, bad, objective.rules()), ValueError);
}

}  // namespace

int main() {
  check_scales();
  check_sums();
  check_errors();
  check_batches();
  return lamina::test::result();
}
