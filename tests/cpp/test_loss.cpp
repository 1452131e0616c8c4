// The loss kernels: the same bits from every instruction set and thread count and
// with every combination of outputs; values against formulas in double; gradients against
// central differences. With an argument: prints the largest errors.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "check.h"
#include "core/threads.h"
#include "cpu/activation/activation.h"
#include "cpu/dispatch.h"
#include "cpu/loss/loss.h"
#include "device/names.h"
#include "numbers.h"
#include "numerics/order.h"

using namespace lamina;
using test::same_bits;

namespace {

bool verbose = false;

template <class T>
constexpr DType kDType = sizeof(T) == 4 ? DType::float32 : DType::float64;

struct Numbers : test::Numbers {
  explicit Numbers(std::uint64_t seed = 1) : test::Numbers(seed) {}
  double next() { return static_cast<double>(bits() >> 11) * 0x1p-53; }  // [0, 1)
  double normal_ish() { return 2.0 * (next() + next() + next() + next() - 2.0); }
};

struct Case {
  LossSpecification loss;
  PredictionForm form;
  bool categorical() const { return loss.kind == LossKind::categorical_crossentropy || sparse(); }
  bool sparse() const { return loss.kind == LossKind::sparse_categorical_crossentropy; }
  bool probabilities() const {
    return form == PredictionForm::values && (categorical() || loss.kind == LossKind::binary_crossentropy);
  }
  /// Losses of positive numbers.
  bool positive() const {
    switch (loss.kind) {
      case LossKind::mean_squared_logarithmic_error:
      case LossKind::poisson:
      case LossKind::kl_divergence:
      case LossKind::dice:
      case LossKind::tversky:
      case LossKind::binary_focal_crossentropy:
      case LossKind::categorical_focal_crossentropy:
        return true;
      default:
        return false;
    }
  }
  /// Whether the loss has a kink between p - h and p + h.
  bool kink(double p, double t, double h) const {
    switch (loss.kind) {
      case LossKind::mean_absolute_error:
      case LossKind::mean_absolute_percentage_error:
      case LossKind::quantile:
        return std::fabs(p - t) < h;
      case LossKind::huber:
        return std::fabs(std::fabs(p - t) - loss.delta) < h;
      case LossKind::hinge:
        return std::fabs(1.0 - t * p) < 10 * h;
      default:
        return false;
    }
  }
};

std::vector<Case> cases() {
  using K = LossKind;
  std::vector<Case> all;
  all.push_back({{K::mean_squared_error}, PredictionForm::values});
  all.push_back({{K::mean_absolute_error}, PredictionForm::values});
  all.push_back({{K::huber, false, 0.0, 1.0}, PredictionForm::values});
  all.push_back({{K::huber, false, 0.0, 0.3}, PredictionForm::values});
  for (PredictionForm form :
       {PredictionForm::values, PredictionForm::logits, PredictionForm::logits_of_activation}) {
    const bool logits = form == PredictionForm::logits;
    for (double smoothing : {0.0, 0.1}) {
      all.push_back({{K::binary_crossentropy, logits, smoothing}, form});
      all.push_back({{K::categorical_crossentropy, logits, smoothing}, form});
    }
    all.push_back({{K::sparse_categorical_crossentropy, logits}, form});
  }
  return all;
}

/// The losses above and those whose values tests/test_losses.py checks.
std::vector<Case> all_cases() {
  using K = LossKind;
  std::vector<Case> all = cases();
  for (K kind : {K::mean_absolute_percentage_error, K::mean_squared_logarithmic_error, K::log_cosh,
                 K::poisson, K::hinge, K::squared_hinge, K::quantile, K::kl_divergence, K::cosine_similarity,
                 K::categorical_hinge, K::dice, K::tversky}) {
    LossSpecification loss{kind};
    loss.alpha = 0.3;
    loss.beta = 0.8;
    loss.quantile = 0.8;
    all.push_back({loss, PredictionForm::values});
  }
  for (K kind : {K::binary_focal_crossentropy, K::categorical_focal_crossentropy}) {
    for (PredictionForm form : {PredictionForm::values, PredictionForm::logits}) {
      LossSpecification loss{kind, form == PredictionForm::logits, 0.1};
      loss.gamma = 1.7;
      loss.class_balancing = kind == K::binary_focal_crossentropy;
      all.push_back({loss, form});
    }
  }
  return all;
}

template <class T>
struct Data {
  std::int64_t rows, columns;
  std::vector<T> prediction, target, weights;
  std::vector<std::int32_t> labels;
};

template <class T>
Data<T> make_data(const Case& c, std::int64_t rows, std::int64_t columns, std::uint64_t seed) {
  Data<T> d{rows, columns, {}, {}, {}, {}};
  Numbers numbers(seed * 77 + 5);
  for (std::int64_t r = 0; r < rows; ++r) {
    d.weights.push_back(static_cast<T>(numbers.next() * 3.0));
    d.labels.push_back(
        columns == 0 ? 0 : static_cast<std::int32_t>(numbers.next() * static_cast<double>(columns)));
    for (std::int64_t j = 0; j < columns; ++j) {
      const double v = numbers.normal_ish();
      if (c.probabilities()) {
        // Some lie where the clip acts.
        const double u = numbers.next();
        d.prediction.push_back(static_cast<T>(u < 0.05 && (j > 0 || !c.categorical()) ? 0.0
                                              : u > 0.97 && columns == 1              ? 1.0
                                                                                      : 0.02 + 0.9 * u));
      } else if (c.positive() && c.form == PredictionForm::values) {
        d.prediction.push_back(static_cast<T>(0.02 + 0.9 * numbers.next()));
      } else {
        d.prediction.push_back(static_cast<T>(2.0 * v));
      }
      const double t = c.positive()      ? numbers.next()
                       : c.categorical() ? numbers.next() / static_cast<double>(columns)
                       : c.loss.kind == LossKind::binary_crossentropy ? (numbers.next() < 0.5 ? 0.0 : 1.0)
                                                                      : numbers.normal_ish();
      d.target.push_back(static_cast<T>(t));
    }
  }
  return d;
}

template <class T>
struct Result {
  double total;
  std::vector<T> gradient, row_losses, output;
};

template <class T>
LossArguments arguments_of(const Case& c, const Data<T>& d, bool weighted) {
  LossArguments a;
  a.dtype = kDType<T>;
  a.loss = c.loss;
  a.form = c.form;
  a.rows = d.rows;
  a.columns = d.columns;
  a.prediction = d.prediction.data();
  a.target = c.sparse() ? static_cast<const void*>(d.labels.data()) : d.target.data();
  a.weights = weighted ? d.weights.data() : nullptr;
  a.scale = d.rows == 0 ? 1.0 : 1.0 / static_cast<double>(d.rows);
  return a;
}

template <class T>
Result<T> compute(const Case& c, const Data<T>& d, bool weighted) {
  Result<T> result;
  result.gradient.assign(d.prediction.size(), T(9));
  result.row_losses.assign(static_cast<std::size_t>(d.rows), T(9));
  const bool activation = c.form == PredictionForm::logits_of_activation;
  if (activation) result.output.assign(d.prediction.size(), T(9));
  LossArguments a = arguments_of(c, d, weighted);
  a.gradient = result.gradient.data();
  a.row_losses = result.row_losses.data();
  a.output = activation ? result.output.data() : nullptr;
  result.total = cpu::loss(a);
  return result;
}

/// A row's loss by its formula, in double.
double reference(const Case& c, const double* p, const double* t, std::int64_t label, std::int64_t n) {
  using K = LossKind;
  const double s = c.loss.label_smoothing, count = static_cast<double>(n);
  const auto clip = [](double q) { return std::min(std::max(q, 1e-7), 1.0 - 1e-7); };
  double sum = 0.0;
  if (c.categorical()) {
    double largest = -std::numeric_limits<double>::infinity(), total = 0.0;
    for (std::int64_t j = 0; j < n; ++j) largest = std::max(largest, p[j]);
    for (std::int64_t j = 0; j < n; ++j) total += c.probabilities() ? p[j] : std::exp(p[j] - largest);
    for (std::int64_t j = 0; j < n; ++j) {
      const double wanted = c.sparse() ? (j == label ? 1.0 : 0.0) : t[j] * (1.0 - s) + s / count;
      sum -= wanted * (c.probabilities() ? std::log(clip(p[j] / total)) : p[j] - largest - std::log(total));
    }
    return sum;
  }
  for (std::int64_t j = 0; j < n; ++j) {
    const double e = p[j] - t[j], size = std::fabs(e), d = c.loss.delta;
    const double wanted = t[j] * (1.0 - s) + 0.5 * s;
    switch (c.loss.kind) {
      case K::mean_squared_error:
        sum += e * e;
        break;
      case K::mean_absolute_error:
        sum += size;
        break;
      case K::huber:
        sum += size <= d ? 0.5 * e * e : d * size - 0.5 * d * d;
        break;
      default: {
        if (c.form == PredictionForm::values) {
          const double q = clip(p[j]);
          sum -= wanted * std::log(q) + (1.0 - wanted) * std::log(1.0 - q);
        } else {
          sum += std::max(p[j], 0.0) - p[j] * wanted + std::log1p(std::exp(-std::fabs(p[j])));
        }
      }
    }
  }
  return sum / count;
}

template <class T>
void test_values(double tolerance) {
  double worst = 0.0;
  for (const Case& c : cases()) {
    for (std::int64_t columns : {1, 2, 3, 10, 16, 17, 33, 70}) {
      for (std::int64_t rows : {1, 5, 63, 64, 65, 200}) {
        const Data<T> d = make_data<T>(c, rows, columns, static_cast<std::uint64_t>(rows * 100 + columns));
        const Result<T> got = compute(c, d, false), weighted = compute(c, d, true);
        // Probabilities: as T sees the upper bound of the clip.
        const double upper = static_cast<double>(static_cast<T>(1.0 - 1e-7));
        double total = 0.0, size = 0.0;
        for (std::int64_t r = 0; r < rows; ++r) {
          std::vector<double> p, t;
          for (std::int64_t j = 0; j < columns; ++j) {
            p.push_back(d.prediction[static_cast<std::size_t>(r * columns + j)]);
            if (c.loss.kind == LossKind::binary_crossentropy && c.probabilities())
              p.back() = std::min(p.back(), upper);
            t.push_back(d.target[static_cast<std::size_t>(r * columns + j)]);
          }
          const std::size_t at = static_cast<std::size_t>(r);
          const double exact = reference(c, p.data(), t.data(), d.labels[at], columns);
          const double error = std::fabs(got.row_losses[at] - exact) / std::max(1.0, std::fabs(exact));
          worst = std::max(worst, error);
          CHECK(error <= tolerance);
          CHECK(same_bits(weighted.row_losses[at], d.weights[at] * got.row_losses[at]));
          total += got.row_losses[at];
          size += std::fabs(got.row_losses[at]);
        }
        CHECK(std::fabs(got.total - total) <= 1e-14 * size);
      }
    }
  }
  if (verbose) std::printf("row losses, %zu bytes: largest error %g\n", sizeof(T), worst);
}

void test_gradients() {
  double worst = 0.0;
  const double h = 0x1p-20;
  for (const Case& c : all_cases()) {
    for (std::int64_t columns : {1, 3, 10, 17}) {
      const std::int64_t rows = 4;
      Data<double> d = make_data<double>(c, rows, columns, static_cast<std::uint64_t>(columns));
      const Result<double> got = compute(c, d, true);
      for (std::int64_t i = 0; i < rows * columns; ++i) {
        const std::size_t at = static_cast<std::size_t>(i);
        const double kept = d.prediction[at];
        if (c.kink(kept, d.target[at], 4 * h)) continue;
        const auto objective = [&](double step) {
          d.prediction[at] = kept + step;
          LossArguments a = arguments_of(c, d, true);
          return cpu::loss(a) * a.scale;
        };
        double difference =
            (8.0 * (objective(h) - objective(-h)) - (objective(2 * h) - objective(-2 * h))) / (12.0 * h);
        d.prediction[at] = kept;
        // Where the clip acts the difference sees both sides of it; the gradient there is 0.
        if (c.probabilities() && (kept < 1e-5 || kept > 1.0 - 1e-5)) {
          if (c.loss.kind == LossKind::binary_crossentropy) CHECK(got.gradient[at] == 0.0);
          continue;
        }
        const double error = std::fabs(got.gradient[at] - difference) / std::max(1.0, std::fabs(difference));
        worst = std::max(worst, error);
        CHECK(error < 1e-7);
      }
    }
  }
  if (verbose) std::printf("gradients against central differences: %g\n", worst);
}

/// Sparse labels are one-hot targets, bit for bit.
template <class T>
void test_sparse_is_one_hot() {
  for (PredictionForm form : {PredictionForm::values, PredictionForm::logits}) {
    const Case sparse{{LossKind::sparse_categorical_crossentropy}, form};
    const Case dense{{LossKind::categorical_crossentropy}, form};
    for (std::int64_t columns : {1, 10, 37}) {
      Data<T> d = make_data<T>(sparse, 70, columns, 3);
      for (std::int64_t i = 0; i < d.rows * columns; ++i) {
        d.target[static_cast<std::size_t>(i)] =
            d.labels[static_cast<std::size_t>(i / columns)] == i % columns ? T(1) : T(0);
      }
      const Result<T> a = compute(sparse, d, true), b = compute(dense, d, true);
      CHECK(same_bits(a.row_losses, b.row_losses) && same_bits(a.total, b.total));
      bool equal = true;  // but for the sign of zeros
      for (std::size_t i = 0; i < a.gradient.size(); ++i) equal = equal && a.gradient[i] == b.gradient[i];
      CHECK(equal);
    }
  }
}

// ---- Bits. The chosen table is behind cpu::loss, so other instruction sets are compared
// ---- through their kernels, chunk by chunk.

template <class T>
const cpu::LossKernelsOf<T>& kernels_of(const std::string& isa) {
  if constexpr (sizeof(T) == 4) {
    return cpu::kernels_of(isa).loss->f32;
  } else {
    return cpu::kernels_of(isa).loss->f64;
  }
}

template <class T>
Result<T> compute_with(const std::string& isa, const Case& c, const Data<T>& d, bool weighted) {
  Result<T> result;
  result.gradient.assign(d.prediction.size() + 3, T(9));
  result.row_losses.assign(static_cast<std::size_t>(d.rows), T(9));
  if (c.form == PredictionForm::logits_of_activation) result.output.assign(d.prediction.size() + 3, T(9));
  for (std::int64_t first = 0; first < d.rows; first += numerics::kRowChunk) {
    cpu::LossRows<T> rows{};
    rows.loss = c.loss;
    rows.logits = c.form != PredictionForm::values;
    rows.rows = static_cast<std::size_t>(std::min<std::int64_t>(numerics::kRowChunk, d.rows - first));
    rows.columns = static_cast<std::size_t>(d.columns);
    rows.prediction = d.prediction.data() + first * d.columns;
    rows.target = c.sparse() ? nullptr : d.target.data() + first * d.columns;
    rows.labels = c.sparse() ? d.labels.data() + first : nullptr;
    rows.weights = weighted ? d.weights.data() + first : nullptr;
    rows.scale = 1.0 / static_cast<double>(d.rows);
    rows.gradient = result.gradient.data() + first * d.columns;
    rows.output = result.output.empty() ? nullptr : result.output.data() + first * d.columns;
    rows.row_losses = result.row_losses.data() + first;
    kernels_of<T>(isa).loss_rows(rows);
  }
  // The total's written order.
  std::vector<double> partials;
  for (std::int64_t first = 0; first < d.rows; first += numerics::kRowChunk) {
    double sum = 0.0;
    for (std::int64_t r = first; r < std::min(d.rows, first + numerics::kRowChunk); ++r) {
      sum += static_cast<double>(result.row_losses[static_cast<std::size_t>(r)]);
    }
    partials.push_back(sum);
  }
  while (partials.size() > 1) {
    std::vector<double> up;
    for (std::size_t i = 0; i + 1 < partials.size(); i += 2) up.push_back(partials[i] + partials[i + 1]);
    if (partials.size() % 2 == 1) up.push_back(partials.back());
    partials = up;
  }
  result.total = partials.empty() ? 0.0 : partials[0];
  return result;
}

/// Where a hundredth of the speed is left, widths around those of vectors and of chunks.
const bool emulated = std::getenv("LAMINA_TEST_ISA") != nullptr;

template <class T>
void test_same_bits() {
  const std::vector<std::string> isas = cpu::available_isas();
  for (const Case& c : all_cases()) {
    std::vector<std::int64_t> widths;
    if (emulated) {
      widths = {0, 1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 18, 31, 32, 33, 40, 63, 64, 65, 4097};
    } else {
      for (std::int64_t n = 0; n <= 70; ++n) widths.push_back(n);
      widths.push_back(4097);
      widths.push_back(12500);
    }
    for (std::int64_t columns : widths) {
      const std::int64_t rows = columns > 100 ? 2 : columns % 8 == 1 ? 66 : 5;
      const Data<T> d = make_data<T>(c, rows, columns, static_cast<std::uint64_t>(columns + 1));
      for (bool weighted : {false, true}) {
        const Result<T> first = compute_with(isas[0], c, d, weighted);
        for (std::size_t other_isa = 1; other_isa < isas.size(); ++other_isa) {
          const Result<T> other = compute_with(isas[other_isa], c, d, weighted);
          CHECK(same_bits(first.gradient, other.gradient) && same_bits(first.row_losses, other.row_losses));
          CHECK(same_bits(first.output, other.output) && same_bits(first.total, other.total));
        }
        Result<T> whole = compute(c, d, weighted);
        CHECK(same_bits(whole.total, first.total) && same_bits(whole.row_losses, first.row_losses));
        whole.gradient.resize(whole.gradient.size() + 3, T(9));
        CHECK(same_bits(whole.gradient, first.gradient));
      }
    }
  }
}

/// The activation that the loss leaves is what the activation kernel gives; and every
/// combination of optional results gives the same bits, in place too.
template <class T>
void test_outputs() {
  for (const Case& c : all_cases()) {
    for (std::int64_t columns : {1, 7, 16, 40, 5000}) {
      const Data<T> d = make_data<T>(c, 70, columns, 11);
      const Result<T> full = compute(c, d, true);
      if (c.form == PredictionForm::logits_of_activation) {
        std::vector<T> activated(d.prediction.size());
        const ActivationKind kind = c.categorical() ? ActivationKind::softmax : ActivationKind::sigmoid;
        cpu::activate(kDType<T>, {kind}, d.rows, columns, d.prediction.data(), activated.data());
        CHECK(same_bits(activated, full.output));
      }
      LossArguments a = arguments_of(c, d, true);
      CHECK(same_bits(cpu::loss(a), full.total));
      std::vector<T> in_place = d.prediction;
      a.prediction = a.gradient = in_place.data();
      CHECK(same_bits(cpu::loss(a), full.total) && same_bits(in_place, full.gradient));
      if (c.form != PredictionForm::logits_of_activation) continue;
      for (bool with_gradient : {false, true}) {
        std::vector<T> gradient(d.prediction.size());
        in_place = d.prediction;
        a.prediction = a.output = in_place.data();
        a.gradient = with_gradient ? gradient.data() : nullptr;
        CHECK(same_bits(cpu::loss(a), full.total) && same_bits(in_place, full.output));
        if (with_gradient) CHECK(same_bits(gradient, full.gradient));
      }
    }
  }
}

template <class T>
void test_threads() {
  for (const Case& c : all_cases()) {
    const Data<T> d = make_data<T>(c, 9011, 5, 2);
    threads::set_count(1);
    const Result<T> one = compute(c, d, true);
    for (int threads : {2, 3, 5}) {
      threads::set_count(threads);
      const Result<T> many = compute(c, d, true);
      CHECK(same_bits(one.total, many.total) && same_bits(one.gradient, many.gradient) &&
            same_bits(one.row_losses, many.row_losses));
      CHECK(same_bits(one.output, many.output));
    }
  }
  threads::set_count(threads::default_count());
}

// ---- Special values.

template <class T>
T row_loss(const Case& c, std::vector<T> prediction, std::vector<T> target, std::int32_t label,
           std::vector<T>* gradient = nullptr) {
  const Data<T> d{1, static_cast<std::int64_t>(prediction.size()), prediction, target, {T(1)}, {label}};
  const Result<T> result = compute(c, d, false);
  if (gradient) *gradient = result.gradient;
  return result.row_losses[0];
}

template <class T>
void test_special_values() {
  using K = LossKind;
  const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  for (const Case& c : cases()) {
    std::vector<T> gradient;
    CHECK(std::isnan(row_loss<T>(c, {T(0.25), nan, T(0.5)}, {T(0), T(1), T(0)}, 1, &gradient)));
    CHECK(std::isnan(gradient[1]));
    CHECK(std::isnan(row_loss<T>(c, {nan}, {T(1)}, 0)));
    if (!c.sparse()) CHECK(std::isnan(row_loss<T>(c, {T(0.25), T(0.5)}, {T(0), nan}, 1)));
  }
  const Case binary{{K::binary_crossentropy}, PredictionForm::logits};
  CHECK(row_loss<T>(binary, {inf}, {T(1)}, 0) == 0 && row_loss<T>(binary, {-inf}, {T(0)}, 0) == 0);
  CHECK(row_loss<T>(binary, {T(500)}, {T(0)}, 0) == 500);
  CHECK(row_loss<T>(binary, {T(30)}, {T(1)}, 0) > 0 && row_loss<T>(binary, {T(30)}, {T(1)}, 0) < 1e-12);
  const Case sparse{{K::sparse_categorical_crossentropy}, PredictionForm::logits};
  const Case dense{{K::categorical_crossentropy}, PredictionForm::logits};
  std::vector<T> gradient;
  CHECK(row_loss<T>(sparse, {-inf, T(3), -inf}, {}, 1, &gradient) == 0);
  CHECK(gradient == std::vector<T>(3, T(0)));
  CHECK(row_loss<T>(dense, {-inf, T(3), -inf}, {T(0), T(1), T(0)}, 0, &gradient) == 0);
  CHECK(gradient == std::vector<T>(3, T(0)));
  CHECK(row_loss<T>(sparse, {-inf, T(3)}, {}, 0) == inf);
  CHECK(row_loss<T>(sparse, {T(1e4), T(0)}, {}, 1) == T(1e4));
  const Case absolute{{K::mean_absolute_error}, PredictionForm::values};
  row_loss<T>(absolute, {T(1), T(2), T(3)}, {T(1), T(1), T(9)}, 0, &gradient);
  CHECK(gradient[0] == 0 && gradient[1] == T(1.0 / 3.0) && gradient[2] == -gradient[1]);
  for (const Case& c : cases()) CHECK(same_bits(row_loss<T>(c, {}, {}, 0), T(0)));
  const Data<T> empty{0, 4, {}, {}, {}, {}};
  for (const Case& c : cases()) CHECK(same_bits(compute(c, empty, false).total, 0.0));
}

}  // namespace

int main(int argc, char**) {
  verbose = argc > 1;
  test_values<float>(4e-6);
  test_values<double>(1e-13);
  test_gradients();
  test_sparse_is_one_hot<float>();
  test_sparse_is_one_hot<double>();
  test_same_bits<float>();
  test_same_bits<double>();
  test_outputs<float>();
  test_outputs<double>();
  test_threads<float>();
  test_threads<double>();
  test_special_values<float>();
  test_special_values<double>();
  return test::result();
}
