#include "cpu/loss/kinds.isa.h"
#include "cuda/loss/circle.h"
#include "cuda/loss/loss.h"
#include "cuda/memory.h"
#include "cuda/reduce/tree.h"

namespace lamina::cuda {
namespace {

using cpu::LossRows;

template <class T>
LAMINA_HOST_DEVICE T* moved(T* base, std::int64_t by) {
  return base == nullptr ? nullptr : base + by;
}

/// Rows of a loss, `each` by a group of threads.
template <class T>
struct Rows {
  static constexpr const char* kName = "loss";
  LossRows<T> all;
  std::int64_t rows, each;
  const int* not_binary;  ///< hinges: whether a target is neither 0 nor 1
  LAMINA_KERNEL void operator()(std::int64_t i) const {
    const std::int64_t first = i * each, columns = static_cast<std::int64_t>(all.columns);
    LossRows<T> a = all;
    a.rows = static_cast<std::size_t>(rows - first < each ? rows - first : each);
    a.prediction = all.prediction + first * columns;
    a.target = moved(all.target, first * columns);
    a.labels = moved(all.labels, first);
    a.weights = moved(all.weights, first);
    a.gradient = moved(all.gradient, first * columns);
    a.output = moved(all.output, first * columns);
    a.row_losses = all.row_losses + first;
    if (not_binary != nullptr) a.binary_targets = *not_binary == 0;
    formulas::loss_rows<Vec<T>>(a);
  }
};

/// All elements as one row, whose weight is the sum of the rows'.
template <class T>
struct OneRow {
  static constexpr const char* kName = "loss (whole batch)";
  LossRows<T> whole;
  const double* total_weight;
  LAMINA_KERNEL void operator()(std::int64_t) const {
    const T weight = total_weight != nullptr ? static_cast<T>(*total_weight) : T(1);
    LossRows<T> a = whole;
    a.weights = &weight;
    formulas::loss_rows<Vec<T>>(a);
  }
};

template <class T>
struct Spread {
  static constexpr const char* kName = "loss (spread)";
  const T* value;
  T* to;
  LAMINA_KERNEL void operator()(std::int64_t i) const { to[i] = *value; }
};

template <class T>
struct FindOther {
  static constexpr const char* kName = "loss (binary targets)";
  const T* targets;
  int* found;
  LAMINA_KERNEL void operator()(std::int64_t i) const {
    const T t = targets[i];
    if (!(t == T(0) || t == T(1) || t != t)) *found = 1;  // whoever writes it writes the same
  }
};

template <class T>
struct Shares {
  static constexpr const char* kName = "loss (shares)";
  LossRows<T> all;
  double* shares;
  LAMINA_KERNEL void operator()(std::int64_t r) const {
    LossRows<T> a = all;
    a.rows = 1;
    a.target = moved(all.target, r * static_cast<std::int64_t>(all.columns));
    a.labels = moved(all.labels, r);
    formulas::row_shares<T>(a, shares + r);
  }
};

bool is_hinge(LossKind kind) { return kind == LossKind::hinge || kind == LossKind::squared_hinge; }

template <class T>
LossRows<T> rows_of(const LossArguments& a) {
  const bool sparse = takes_labels(a.loss.kind);
  LossRows<T> all{};
  all.loss = a.loss;
  all.logits = a.form != PredictionForm::values;
  all.skip_missing = a.skip_missing;
  all.columns = static_cast<std::size_t>(a.columns);
  all.prediction = in<T>(a.prediction);
  all.target = sparse ? nullptr : in<T>(a.target);
  all.labels = sparse ? in<std::int32_t>(a.target) : nullptr;
  all.weights = in<T>(a.weights);
  all.scale = a.scale;
  all.gradient = out<T>(a.gradient);
  all.output = a.form == PredictionForm::logits_of_activation ? out<T>(a.output) : nullptr;
  all.row_losses = out<T>(a.row_losses);
  return all;
}

/// Every row's loss, to row_losses.
template <class T>
void run_rows(const LossArguments& a, const LossRows<T>& all) {
  const Scratch flag(sizeof(int));
  int* not_binary = nullptr;
  if (is_hinge(a.loss.kind)) {
    not_binary = flag.as<int>();
    runtime::fill_zero(not_binary, sizeof(int));
    for_each_item(a.rows * a.columns, FindOther<T>{all.target, not_binary});
  }
  LossRows<T> rows = all;
  const std::size_t list = a.loss.alphas != nullptr ? static_cast<std::size_t>(a.loss.classes) : 0;
  const Scratch alphas(list * sizeof(double));  // the caller's are the host's
  if (list > 0) {
    runtime::copy_from_host(alphas.as<double>(), a.loss.alphas, list * sizeof(double));
    rows.loss.alphas = alphas.as<double>();
  }
  const std::int64_t each = a.columns == 1 ? Vec<T>::lanes : 1;  // rows of one element lie side by side
  for_each_group<T>(pieces_of(a.rows, each), Rows<T>{rows, a.rows, each, not_binary});
}

/// The loss of the batch as one row, to `value`; not multiplied by `weights` but by their sum.
template <class T>
void run_one_row(const LossArguments& a, T* value) {
  const Scratch total(sizeof(double));
  LossRows<T> whole = rows_of<T>(a);
  if (a.weights != nullptr) sum_of_rows<T, T>(a.rows, nullptr, whole.weights, total.as<double>());
  T* const spread = whole.row_losses;
  whole.rows = 1;
  whole.columns = static_cast<std::size_t>(a.rows * a.columns);
  whole.row_losses = value;
  for_each_group<T>(1, OneRow<T>{whole, a.weights != nullptr ? total.as<double>() : nullptr});
  if (spread != nullptr) for_each_item(a.rows, Spread<T>{value, spread});
}

template <class T>
struct Widened {
  const T* value;
  LAMINA_KERNEL double operator()(std::int64_t) const { return static_cast<double>(*value); }
};

template <class T>
double total_loss(const LossArguments& a, double* to, bool adds) {
  const Scratch own(sizeof(double) + sizeof(T));
  double* const result = to != nullptr ? to : own.as<double>();
  if (a.loss.whole_batch) {
    T* const value = reinterpret_cast<T*>(own.as<double>() + 1);
    run_one_row(a, value);
    tree_of(1, Widened<T>{value}, result, adds);
  } else {
    const Scratch losses(static_cast<std::size_t>(a.rows) * sizeof(T));
    LossRows<T> all = rows_of<T>(a);
    if (all.row_losses == nullptr) all.row_losses = losses.as<T>();
    run_rows(a, all);
    tree_of(pieces_of(a.rows, numerics::kRowChunk), ChunkOfRows<T, T>{a.rows, all.row_losses, nullptr},
            result, adds);
  }
  return to != nullptr ? 0.0 : read(result);
}

template <class T>
double total_weight(const T* weights, std::int64_t rows) {
  if (weights == nullptr) return static_cast<double>(rows);
  const Scratch total(sizeof(double));
  sum_of_rows<T, T>(rows, nullptr, weights, total.as<double>());
  return read(total.as<double>());
}

template <class T>
double weighted_losses(const LossArguments& a, const T* weights, double* to, bool adds) {
  const Scratch own(sizeof(double) + sizeof(T));
  if (a.loss.whole_batch) {
    const double count = weights == nullptr ? 1.0 : total_weight(weights, a.rows);
    T* const value = own.as<T>();
    run_one_row(a, value);
    return count * static_cast<double>(read(value));
  }
  double* const result = to != nullptr ? to : own.as<double>();
  const Scratch losses(static_cast<std::size_t>(a.rows) * sizeof(T));
  LossRows<T> all = rows_of<T>(a);
  all.row_losses = losses.as<T>();
  run_rows(a, all);
  tree_of(pieces_of(a.rows, numerics::kRowChunk), ChunkOfRows<T, T>{a.rows, all.row_losses, weights}, result,
          adds);
  return to != nullptr ? 0.0 : read(result);
}

template <class T>
double counted_rows(const LossArguments& a, bool by_weight) {
  const T* weights = in<T>(a.weights);
  if (a.loss.whole_batch) {
    if (weights == nullptr) return 1.0;
    return by_weight ? total_weight(weights, a.rows) : static_cast<double>(a.rows);
  }
  if (!a.skip_missing && !a.loss.ignores_class) {
    return total_weight<T>(by_weight ? weights : nullptr, a.rows);
  }
  const Scratch shares(static_cast<std::size_t>(a.rows + 1) * sizeof(double));
  double* const total = shares.as<double>() + a.rows;
  for_each_item(a.rows, Shares<T>{rows_of<T>(a), shares.as<double>()});
  sum_of_rows<T, double>(a.rows, shares.as<double>(), by_weight ? weights : nullptr, total);
  return read(total);
}

}  // namespace

double loss(const LossArguments& a, double* to, bool adds) {
  if (a.loss.kind == LossKind::circle) return circle_loss(a, to, adds);
  return a.dtype == DType::float32 ? total_loss<float>(a, to, adds) : total_loss<double>(a, to, adds);
}

double weighted_row_losses(const LossArguments& a, const void* weights, double* to, bool adds) {
  if (a.loss.kind == LossKind::circle) {
    LossArguments all = a;
    all.weights = weights;
    return circle_loss(all, to, adds);
  }
  return a.dtype == DType::float32 ? weighted_losses<float>(a, in<float>(weights), to, adds)
                                   : weighted_losses<double>(a, in<double>(weights), to, adds);
}

double loss_count(const LossArguments& a, bool weighted) {
  if (a.loss.kind == LossKind::circle) return circle_count(a, weighted);
  return a.dtype == DType::float32 ? counted_rows<float>(a, weighted) : counted_rows<double>(a, weighted);
}

}  // namespace lamina::cuda
