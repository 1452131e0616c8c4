// Every other call of the device, against the CPU, bit for bit.
#include <algorithm>
#include <cmath>

#include "both.h"
#include "device/names.h"

namespace {

using namespace lamina;
using namespace lamina::test;
using Pointers = std::vector<void*>;
using Results = std::vector<double>;

Activation activation_of(int kind) {
  Activation f;
  f.kind = static_cast<ActivationKind>(kind);
  switch (f.kind) {
    case ActivationKind::leaky_relu:
    case ActivationKind::elu:
    case ActivationKind::celu:
    case ActivationKind::hard_shrink:
    case ActivationKind::soft_shrink:
      f.a = 0.5;
      break;
    case ActivationKind::threshold:
      f.a = 0.25, f.b = -0.125;
      break;
    case ActivationKind::squareplus:
      f.a = 4.0;
      break;
    default:
      break;
  }
  return f;
}

template <class T>
void activations() {
  Numbers numbers(1);
  for (int kind = 0; kind <= static_cast<int>(ActivationKind::sparsemax); ++kind) {
    for (const auto& [rows, columns] : {std::pair{3, 1}, {5, 7}, {4, 16}, {2, 33}, {1, 4500}, {0, 4}}) {
      Activation f = activation_of(kind);
      for (int variant = 0; variant < (f.kind == ActivationKind::relu ? 3 : 1); ++variant) {
        if (variant == 1) f.a = 0.25, f.b = 1.5, f.c = 0.5;
        if (variant == 2) f.a = 0.0, f.b = 6.0, f.c = 0.0;
        for (const bool special : {false, true}) {
          const std::int64_t n = rows * columns;
          check_same(text("activation ", name_of(f.kind), " ", rows, " x ", columns),
                     {numbers.array<T>(n, -4, 4, special), numbers.array<T>(n, -4, 4, special),
                      numbers.array<T>(n), numbers.array<T>(n)},
                     [&](Device& on, const Pointers& p) {
                       on.activate(kDType<T>, f, rows, columns, p[0], p[2]);
                       on.activate_backward(kDType<T>, f, rows, columns, p[2], p[1], p[3]);
                       on.activate(kDType<T>, f, rows, columns, p[0], p[0]);
                       return Results{};
                     });
        }
      }
    }
  }
}

template <class T>
void reductions() {
  Numbers numbers(2);
  for (const std::int64_t rows : {0, 1, 64, 127, 128, 129, 256, 257, 1100}) {
    for (const std::int64_t columns : {1, 5, 16, 33, 130}) {
      check_same(text("sums ", rows, " x ", columns),
                 {numbers.array<T>(rows * columns, -2, 2, columns == 5), numbers.array<T>(columns),
                  numbers.array<T>(rows)},
                 [&](Device& on, const Pointers& p) {
                   on.column_sums(kDType<T>, rows, columns, p[0], p[1]);
                   on.row_sums(kDType<T>, rows, columns, p[0], p[2]);
                   return Results{};
                 });
    }
  }
  for (const std::int64_t n : {0, 1, 15, 16, 17, 4096, 4097, 70001}) {
    check_same(text("long sums ", n), {numbers.array<T>(2 * n), numbers.array<T>(2), numbers.array<T>(n)},
               [&](Device& on, const Pointers& p) {
                 on.row_sums(kDType<T>, 2, n, p[0], p[1]);
                 return Results{on.dot(kDType<T>, n, p[0], p[2]), on.abs_max(kDType<T>, n, p[2]),
                                on.all_finite(kDType<T>, n, p[0]) ? 1.0 : 0.0};
               });
    check_same(text("finite ", n), {numbers.array<T>(n, -2, 2, true)}, [&](Device& on, const Pointers& p) {
      return Results{on.all_finite(kDType<T>, n, p[0]) ? 1.0 : 0.0};
    });
  }
}

template <class T>
void losses() {
  Numbers numbers(3);
  for (int kind = 0; kind <= static_cast<int>(LossKind::circle); ++kind) {
    for (const auto& [rows, columns] :
         {std::pair{1, 1}, {150, 1}, {3, 7}, {130, 16}, {2, 40}, {1, 5000}, {0, 3}}) {
      for (int variant = 0; variant < 6; ++variant) {
        LossArguments l;
        l.dtype = kDType<T>;
        l.loss.kind = static_cast<LossKind>(kind);
        const bool labels = takes_labels(l.loss.kind);
        const bool sparse = l.loss.kind == LossKind::sparse_categorical_crossentropy;
        const bool crossentropy = l.loss.kind == LossKind::binary_crossentropy || sparse ||
                                  l.loss.kind == LossKind::categorical_crossentropy ||
                                  l.loss.kind == LossKind::binary_focal_crossentropy ||
                                  l.loss.kind == LossKind::categorical_focal_crossentropy;
        const bool overlap = l.loss.kind == LossKind::dice || l.loss.kind == LossKind::tversky;
        if (crossentropy && variant % 2 == 1) l.form = PredictionForm::logits;
        if (crossentropy && variant % 2 == 1 && variant > 2 && kind < 6) {
          l.form = PredictionForm::logits_of_activation;
        }
        if (variant == 2) l.loss.label_smoothing = 0.1;
        if (variant == 4 && overlap && rows > 0) l.loss.whole_batch = true;  // no weights are no array
        l.skip_missing = variant == 5 && !sparse;
        std::vector<double> alphas;
        if ((variant == 2 || variant == 3) && l.loss.kind == LossKind::categorical_focal_crossentropy) {
          for (int j = 0; j < columns; ++j) alphas.push_back(0.25 * (j % 5));
          l.loss.alphas = alphas.data();
          l.loss.classes = columns;
        }
        if (variant == 2) l.loss.exponent = 0.7, l.loss.remove_diagonal = false;
        if (variant == 3 && l.loss.kind == LossKind::circle) l.loss.gamma = 12.0;
        if (variant == 5 && sparse) l.loss.ignores_class = true;
        l.loss.class_balancing = variant == 3;
        l.rows = rows;
        l.columns = columns;
        l.scale = rows > 0 ? 1.0 / rows : 1.0;
        const std::int64_t n = rows * columns;
        Array target = numbers.array<T>(n, 0.0, 1.0, l.skip_missing);
        if (variant == 1) target = numbers.whole<T>(n, 2);
        if (labels) target = numbers.labels(rows, std::min(columns, 7), variant == 5 && !sparse);
        const bool weighted = variant >= 3;
        const bool in_place = variant == 3 && (l.form != PredictionForm::values || (labels && !sparse));
        const bool probabilities = l.loss.kind == LossKind::categorical_generalized_cross_entropy ||
                                   (crossentropy && l.form == PredictionForm::values);
        const bool vectors = l.loss.kind == LossKind::circle;
        check_same(text("loss ", name_of(l.loss.kind), " ", rows, " x ", columns, " variant ", variant),
                   {numbers.array<T>(n,
                                     probabilities ? 0.0
                                     : vectors     ? -0.5
                                                   : -3.0,
                                     vectors ? 0.5 : 1.0),
                    target, numbers.array<T>(rows, 0.0, 2.0), numbers.array<T>(n), numbers.array<T>(rows),
                    numbers.array<T>(n)},
                   [&](Device& on, const Pointers& p) {
                     LossArguments a = l;
                     a.prediction = p[0];
                     a.target = p[1];
                     a.weights = weighted ? p[2] : nullptr;
                     a.gradient = in_place ? p[0] : variant == 4 ? nullptr : p[3];
                     a.row_losses = variant % 2 == 0 ? p[4] : nullptr;
                     if (a.form == PredictionForm::logits_of_activation) a.output = p[5];
                     const double total = on.loss(a);
                     return Results{total, on.loss_count(a, false), on.loss_count(a, true)};
                   });
      }
    }
  }
}

template <class T>
void metrics() {
  Numbers numbers(4);
  for (int kind = 0; kind <= static_cast<int>(MetricKind::r2); ++kind) {
    for (const auto& [rows, columns] : {std::pair{1, 1}, {70, 3}, {130, 20}, {3, 5000}}) {
      for (int variant = 0; variant < 6; ++variant) {
        MetricSpecification m;
        m.kind = static_cast<MetricKind>(kind);
        m.loss.kind = variant < 4    ? LossKind::huber
                      : variant == 4 ? LossKind::circle
                                     : LossKind::categorical_generalized_cross_entropy;
        if (variant >= 4 && m.kind != MetricKind::loss) continue;
        m.k = 2;
        m.thresholds = {0.25, 0.5, 0.75};
        m.classes = 3;
        m.regressors = 0;
        if (m.kind == MetricKind::iou) m.sparse_target = m.sparse_prediction = true;
        const bool labels = takes_labels(m), missing = variant == 3 && !labels;
        const std::int64_t n = rows * columns;
        Array target =
            labels ? numbers.whole<std::int32_t>(rows, columns) : numbers.array<T>(n, 0.0, 1.0, missing);
        if (!labels && variant == 1) target = numbers.whole<T>(n, 2);
        check_same(text("metric ", name_of(m.kind), " ", rows, " x ", columns, " variant ", variant),
                   {numbers.array<T>(n, 0.0, 1.0), target, numbers.array<T>(rows, 0.0, 2.0)},
                   [&](Device& on, const Pointers& p) {
                     MetricArguments a;
                     a.dtype = kDType<T>;
                     a.metric = &m;
                     a.rows = rows;
                     a.columns = columns;
                     a.prediction = p[0];
                     a.target = p[1];
                     a.weights = variant == 2 || variant == 4 ? p[2] : nullptr;
                     a.skip_missing = missing;
                     Results state(static_cast<std::size_t>(state_size(m, columns)), 0.5);
                     on.add_metric(a, state.data());
                     return state;
                   });
      }
    }
  }
}

template <class T>
void updates() {
  Numbers numbers(5);
  constexpr std::int64_t n = 300;
  for (int kind = 0; kind < static_cast<int>(OptimizerKind::adafactor); ++kind) {
    for (int variant = 0; variant < 4; ++variant) {
      check_same(text("update ", name_of(static_cast<OptimizerKind>(kind)), " variant ", variant),
                 {numbers.array<T>(n), numbers.array<T>(n), numbers.array<T>(n, 0.0, 1.0),
                  numbers.array<T>(n, 0.0, 1.0), numbers.array<T>(n, 0.0, 1.0), numbers.array<T>(n)},
                 [&](Device& on, const Pointers& p) {
                   UpdateArguments u;
                   u.dtype = kDType<T>;
                   u.kind = static_cast<OptimizerKind>(kind);
                   u.n = n;
                   u.parameters = p[0];
                   u.gradients = p[1];
                   const int slots = u.kind == OptimizerKind::lamb ? 3 : slot_count(u.kind);
                   for (int i = 0; i < slots; ++i) u.slots[i] = p[static_cast<std::size_t>(2 + i)];
                   u.rate = 0.01;
                   u.momentum = 0.9;
                   u.beta_1 = 0.9, u.beta_2 = 0.999, u.epsilon = 1e-7;
                   for (int i = 0; i < kUpdateNumbers; ++i) u.numbers[i] = 0.1 + 0.07 * i;
                   UpdateTreatment t;
                   if (variant > 0) u.treatment = &t;
                   if (variant == 1)
                     t.clip_scale = 1.0, t.clip_divisor = 3.0, t.decay = 0.1, t.decay_rate = 0.01;
                   if (variant == 2) t.clip_value = 0.5, t.average = p[5], t.average_momentum = 0.75;
                   if (variant == 3) t.average = p[5], t.average_momentum = 0.9, t.overwrite = true;
                   on.update(u);
                   return Results{};
                 });
    }
  }
  for (int kind = 0; kind <= static_cast<int>(VectorKind::lift); ++kind) {
    check_same(text("flat ", kind),
               {numbers.array<T>(n, -2, 2, true), numbers.array<T>(n, 0, 2, true), numbers.array<T>(n)},
               [&](Device& on, const Pointers& p) {
                 on.vector_op({kDType<T>, static_cast<VectorKind>(kind), n, p[0], p[1], p[2], 0.75, 0.25});
                 return Results{};
               });
  }
}

template <class T>
void normalizations() {
  Numbers numbers(6);
  for (const auto& [rows, columns] : {std::pair{1, 1}, {128, 5}, {129, 17}, {300, 40}, {2, 4200}}) {
    const std::int64_t n = rows * columns;
    for (int variant = 0; variant < 4; ++variant) {
      const bool batch = variant < 2;
      check_same(text("normalize columns ", rows, " x ", columns, " variant ", variant),
                 {numbers.array<T>(n), numbers.array<T>(columns), numbers.array<T>(columns),
                  numbers.array<T>(columns), numbers.array<T>(columns, 0.1, 2.0), numbers.array<T>(n),
                  numbers.array<T>(n), numbers.array<T>(n), numbers.array<T>(columns),
                  numbers.array<T>(columns), numbers.array<T>(columns)},
                 [&](Device& on, const Pointers& p) {
                   ColumnNormalization c;
                   c.dtype = kDType<T>;
                   c.rows = rows, c.columns = columns;
                   c.x = p[0];
                   if (variant % 2 == 0) c.gamma = p[1], c.beta = p[2];
                   c.epsilon = 1e-3;
                   if (variant < 3) c.mean = p[3], c.variance = p[4];
                   c.batch_statistics = batch;
                   c.y = p[5];
                   on.normalize_columns(c);
                   c.dy = p[6];
                   c.dx = p[7];
                   c.gamma_gradient = p[8];
                   c.beta_gradient = p[9];
                   on.normalize_columns_backward(c);
                   on.update_moving_average(kDType<T>, columns, 0.99, p[3], p[10]);
                   return Results{};
                 });
    }
    for (int variant = 0; variant < 4; ++variant) {
      check_same(text("renormalize ", rows, " x ", columns, " variant ", variant),
                 {numbers.array<T>(n), numbers.array<T>(columns), numbers.array<T>(columns),
                  numbers.array<T>(columns), numbers.array<T>(columns, -0.1, 2.0),
                  numbers.array<T>(7 * columns), numbers.array<T>(n), numbers.array<T>(n),
                  numbers.array<T>(n), numbers.array<T>(columns), numbers.array<T>(columns)},
                 [&](Device& on, const Pointers& p) {
                   const auto part = [&](std::int64_t i) { return static_cast<T*>(p[5]) + i * columns; };
                   Renormalization r;
                   r.moving_mean = p[3], r.moving_deviation = p[4];
                   r.r_min = variant == 0 ? -HUGE_VAL : 0.75;
                   r.r_max = variant == 0 ? HUGE_VAL : 1.25;
                   r.d_max = variant == 0 ? HUGE_VAL : 0.5;
                   r.deviation = part(2), r.factor = part(3), r.offset = part(4);
                   ColumnNormalization c;
                   c.dtype = kDType<T>;
                   c.rows = rows, c.columns = columns;
                   c.x = p[0];
                   if (variant != 2) c.gamma = p[1];
                   if (variant != 3) c.beta = p[2];
                   c.epsilon = 1e-3;
                   c.mean = part(0), c.variance = part(1);
                   c.batch_statistics = true;
                   c.renormalization = &r;
                   c.y = p[6];
                   on.normalize_columns(c);
                   c.dy = p[7];
                   c.dx = p[8];
                   c.gamma_gradient = p[9];
                   c.beta_gradient = p[10];
                   on.normalize_columns_backward(c);
                   on.variance_of_deviation(kDType<T>, columns, 0.5, p[4], part(5));
                   return Results{};
                 });
    }
    for (int kind = 0; kind < 4; ++kind) {
      for (const std::int64_t period : {1, 2}) {
        if (rows % period != 0) continue;
        const std::int64_t width = period * columns;
        check_same(text("normalize rows ", rows, " x ", columns, " kind ", kind),
                   {numbers.array<T>(n), numbers.array<T>(width), numbers.array<T>(width),
                    numbers.array<T>(2 * rows), numbers.array<T>(n), numbers.array<T>(n), numbers.array<T>(n),
                    numbers.array<T>(width), numbers.array<T>(width)},
                   [&](Device& on, const Pointers& p) {
                     RowNormalization r;
                     r.dtype = kDType<T>;
                     r.kind = static_cast<RowNormalizationKind>(kind);
                     r.rows = rows, r.columns = columns, r.period = period;
                     r.epsilon = 1e-3;
                     r.x = p[0];
                     r.gamma = p[1];
                     if (period == 1) r.beta = p[2];
                     r.statistics = p[3];
                     r.y = p[4];
                     on.normalize_rows(r);
                     r.dy = p[5];
                     r.dx = p[6];
                     r.gamma_gradient = p[7];
                     r.beta_gradient = p[8];
                     on.normalize_rows_backward(r);
                     r.statistics = nullptr;
                     on.normalize_rows(r);
                     return Results{};
                   });
      }
    }
  }
}

/// Every function over dense, repeated, cut and reversed operands; sums and extremes along rows and down
/// columns.
template <class T>
void merges() {
  Numbers numbers(11);
  constexpr std::int64_t a = 5, b = 7, c = 3, n = a * b * c;
  for (int kind = 0; kind <= static_cast<int>(StridedKind::quotient_slope); ++kind) {
    for (const int form : {0, 1, 2, 3, 4}) {
      check_same(text("strided ", kind, " form ", form),
                 {numbers.array<T>(n, -2, 2, true), numbers.array<T>(n, -2, 2, true),
                  numbers.array<T>(n, -2, 2, true), numbers.array<T>(2 * n)},
                 [&](Device& on, const Pointers& p) {
                   StridedArguments s;
                   s.dtype = kDType<T>;
                   s.kind = static_cast<StridedKind>(kind);
                   s.a = p[0], s.b = p[1], s.c = p[2], s.out = p[3];
                   s.number = 0.75;
                   if (form == 0) {
                     s.add_axis({n, 1, 1, 1, 1});
                   } else if (form == 1) {  // repeated along the middle axis, and along the first
                     s.add_axis({a, c, 0, b * c, b * c});
                     s.add_axis({b, 0, c, c, c});
                     s.add_axis({c, 1, 1, 1, 1});
                   } else if (form == 2) {  // backwards, to every second element
                     s.a = static_cast<const T*>(p[0]) + n - 1;
                     s.add_axis({n, -1, 1, 1, 2});
                   } else {  // with a number
                     s.b = nullptr;
                     s.number_first = form == 4;
                     s.add_axis({n, form == 4 ? 0 : 1, form == 4 ? 1 : 0, 1, 1});
                   }
                   on.strided(s);
                   return Results{};
                 });
    }
  }
  for (const ReduceKind kind : {ReduceKind::sum, ReduceKind::max, ReduceKind::min}) {
    for (const std::int64_t reduced : {1, 5, 16, 40, 129, 300, 5000}) {
      for (const bool row : {true, false}) {
        const std::int64_t outer = 3, inner = row ? 1 : 4;
        check_same(
            text("reduce ", static_cast<int>(kind), " of ", reduced, row ? " along rows" : " down columns"),
            {numbers.array<T>(outer * reduced * inner, -2, 2, reduced == 40),
             numbers.array<T>(outer * inner)},
            [&](Device& on, const Pointers& p) {
              ReduceArguments r;
              r.kind = kind;
              r.type = element_type(kDType<T>);
              r.outer = outer, r.reduced = reduced, r.inner = inner;
              r.row = row;
              r.x = p[0], r.out = p[1];
              on.reduce(r);
              return Results{};
            });
      }
    }
  }
}

template <class T>
void layers() {
  Numbers numbers(7);
  constexpr std::int64_t rows = 21, columns = 19, n = rows * columns;
  for (int kind = 0; kind < 4; ++kind) {
    check_same(
        text("combine and rescale ", kind),
        {numbers.array<T>(n, -2, 2, true), numbers.array<T>(n, -2, 2, true), numbers.array<T>(n),
         numbers.array<T>(columns), numbers.array<T>(columns), numbers.array<T>(n)},
        [&](Device& on, const Pointers& p) {
          on.elementwise(
              {kDType<T>, static_cast<ElementwiseKind>(kind), n, p[0], p[1], p[2], 0.5, 0.25, -1.0});
          on.rescale({kDType<T>, static_cast<RescaleKind>(kind), rows, columns, p[0], p[3], p[4], p[5]});
          return Results{};
        });
    check_same(text("constrain ", kind), {numbers.array<T>(2 * 150 * 7)}, [&](Device& on, const Pointers& p) {
      ConstraintArguments c;
      c.dtype = kDType<T>;
      c.kind = static_cast<ConstraintKind>(kind);
      c.outer = 2, c.reduced = 150, c.inner = 7;
      c.low = 0.5, c.high = 2.0, c.rate = 0.75;
      c.values = p[0];
      on.constrain(c);
      return Results{};
    });
  }
  check_same("prelu",
             {numbers.array<T>(n, -2, 2, true), numbers.array<T>(columns), numbers.array<T>(n),
              numbers.array<T>(n), numbers.array<T>(n), numbers.array<T>(n)},
             [&](Device& on, const Pointers& p) {
               on.prelu({kDType<T>, rows, columns, p[0], p[1], p[2]});
               on.prelu_backward({kDType<T>, rows, columns, p[0], p[1], nullptr, p[3], p[4], p[5]});
               return Results{};
             });
  check_same("rearrange", {numbers.array<T>(24), numbers.array<T>(48)}, [&](Device& on, const Pointers& p) {
    on.transpose({kDType<T>, {2, 4, 3, 2}, {12, 1, 4, 0}, p[0], p[1]});
    return Results{};
  });
  check_same("table",
             {numbers.whole<T>(90, 11), numbers.array<T>(11 * 5), numbers.array<T>(90 * 5),
              numbers.array<T>(11 * 5)},
             [&](Device& on, const Pointers& p) {
               on.embedding_lookup({kDType<T>, 90, 11, 5, p[0], p[1], p[2]});
               on.embedding_backward({kDType<T>, 90, 11, 5, p[0], p[2], p[3]});
               return Results{};
             });
  check_same("an index that is none", {numbers.whole<T>(90, 12), numbers.array<T>(55), numbers.array<T>(450)},
             [&](Device& on, const Pointers& p) {
               bool thrown = false;
               try {
                 on.embedding_lookup({kDType<T>, 90, 11, 5, p[0], p[1], p[2]});
               } catch (const ValueError&) {
                 thrown = true;
               }
               on.fill_zero(p[2], 450 * sizeof(T));  // what was taken before the error
               return Results{thrown ? 1.0 : 0.0};
             });
  for (const std::int64_t count : {0, 1, 100, 9000}) {
    for (int variant = 0; variant < 3; ++variant) {
      check_same(text("penalty ", count),
                 {numbers.array<T>(count), numbers.array<T>(count), numbers.array<T>(count)},
                 [&](Device& on, const Pointers& p) {
                   PenaltyArguments a;
                   a.dtype = kDType<T>;
                   a.n = count;
                   a.l1 = variant != 1 ? 0.01 : 0.0;
                   a.l2 = variant != 2 ? 0.02 : 0.0;
                   a.scale = 0.125;
                   a.values = p[0];
                   a.gradient_in = p[1];
                   a.gradient = p[2];
                   return Results{on.penalty(a)};
                 });
    }
  }
}

template <class T>
void randomness() {
  Numbers numbers(8);
  for (const std::int64_t n : {1, 31, 32, 33, 64, 65, 5000}) {
    for (int kind = 0; kind < 3; ++kind) {
      check_same(text("random ", kind, " ", n), {numbers.array<T>(n)}, [&](Device& on, const Pointers& p) {
        RandomArguments r;
        r.dtype = kDType<T>;
        r.distribution = static_cast<Distribution>(kind);
        r.key = {7, 0x0400000000000003u};
        r.n = n;
        r.out = p[0];
        r.a = -0.5, r.b = 1.5;
        on.random(r);
        return Results{};
      });
    }
    check_same(text("random integers ", n), {numbers.array<double>(n)}, [&](Device& on, const Pointers& p) {
      on.integers(n, -5, 1'000'000'007, {7, 0x0400000000000004u}, static_cast<std::int64_t*>(p[0]));
      return Results{};
    });
    check_same(text("dropout ", n), {numbers.array<T>(3 * n, -2, 2, true), numbers.array<T>(3 * n)},
               [&](Device& on, const Pointers& p) {
                 DropoutArguments d;
                 d.dtype = kDType<T>;
                 d.key = {9, 0x0200000000000005u};
                 d.rate = 0.375;
                 d.rows = 3, d.columns = n, d.first_row = 2;
                 d.in = p[0];
                 d.out = p[1];
                 on.dropout(d);
                 return Results{};
               });
  }
}

template <class T>
void gathering() {
  Numbers numbers(9);
  const Array source = numbers.array<double>(50 * 6);
  std::vector<std::int64_t> order;
  for (std::int64_t i = 0; i < 50; ++i) order.push_back(i * 7 % 50);
  ArrayView view;
  view.data = source.bytes.data();
  view.type = ElementType::float64;
  view.rows = 50;
  view.row_stride = 48;
  view.row_shape = {2, 3};
  view.strides = {8, 16};
  check_same("gather", {numbers.array<T>(40 * 6), numbers.array<T>(40 * 6)},
             [&](Device& on, const Pointers& p) {
               GatherRowsArguments g;
               g.source = &view;
               g.order = order.data();
               g.rows = 40;
               g.dtype = kDType<T>;
               g.out = p[0];
               on.gather_rows(g);
               g.order = nullptr;
               g.first = 10;
               g.out = p[1];
               on.gather_rows(g);
               on.copy(p[0], p[1], 6 * sizeof(T));
               return Results{};
             });
}

template <class T>
void all() {
  activations<T>();
  reductions<T>();
  losses<T>();
  metrics<T>();
  updates<T>();
  normalizations<T>();
  layers<T>();
  merges<T>();
  randomness<T>();
  gathering<T>();
}

}  // namespace

int main(int argc, char**) {  // any argument: brief, for the sanitizers
  if (!cuda::available()) {
    std::printf("'%s' cannot be used here: %s\n", std::string(cuda::name()).c_str(), cuda::status().c_str());
    return EXIT_SUCCESS;
  }
  all<float>();
  if (argc == 1) all<double>();
  return result();
}
