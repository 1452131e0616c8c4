// Losses of rows as one node: the kernel that works out the loss leaves its gradient in the same pass.
// Composed of differentiable functions where the target has a gradient too, or for second derivatives.
#include "autograd/double_backward.h"
#include "autograd/labels.h"
#include "autograd/operators.h"
#include "autograd/record.h"
#include "core/error.h"
#include "device/device.h"
#include "device/names.h"
#include "ops/ops.h"

namespace lamina::autograd {

namespace {

constexpr double kEpsilon = 1e-7;

bool is_sparse(const LossSpecification& loss) { return takes_labels(loss.kind); }

Tensor mean_of_row(const Tensor& x) { return mean(x, ArrayShape{x.rank() - 1}, false); }
Tensor sum_of_row(const Tensor& x) { return sum(x, ArrayShape{x.rank() - 1}, false); }

/// The formulas of cpu/loss/loss.h, as far as they have second derivatives here.
Tensor decomposed(const LossSpecification& loss, const Tensor& p, const Tensor& target) {
  const Tensor e = is_sparse(loss) ? p : p - target;
  const auto smoothed = [&](double others) {
    return target * (1 - loss.label_smoothing) + loss.label_smoothing * others;
  };
  const auto classes = static_cast<double>(p.shape().back());
  switch (loss.kind) {
    case LossKind::mean_squared_error:
      return mean_of_row(e * e);
    case LossKind::mean_absolute_error:
      return mean_of_row(absolute(e));
    case LossKind::huber: {
      const Tensor size = absolute(e), delta = number_like(e, loss.delta);
      return mean_of_row(where(ops::less_equal(size, delta), e * e * 0.5, delta * (size - loss.delta * 0.5)));
    }
    case LossKind::log_cosh: {
      const Tensor size = absolute(e);
      return mean_of_row(size + log1p(exp(size * -2)) - 0.69314718055994530942);
    }
    case LossKind::poisson:
      return mean_of_row(p - target * log(p + kEpsilon));
    case LossKind::binary_crossentropy: {
      const Tensor t = smoothed(0.5);
      if (loss.from_logits) {
        return mean_of_row(activation({ActivationKind::softplus}, p) - p * t);
      }
      const Tensor q = clip(p, kEpsilon, 1 - kEpsilon);
      return mean_of_row(-(t * log(q) + (1 - t) * log1p(-q)));
    }
    case LossKind::categorical_crossentropy: {
      const Tensor t = smoothed(1 / classes);
      if (loss.from_logits) return -sum_of_row(t * activation({ActivationKind::log_softmax}, p));
      const Tensor q = clip(p / sum(p, ArrayShape{p.rank() - 1}, true), kEpsilon, 1 - kEpsilon);
      return -sum_of_row(t * log(q));
    }
    case LossKind::sparse_categorical_crossentropy: {
      const Tensor labels = ops::arange_integer(ElementType::int32, 0, 1, p.shape().back());
      Tensor t = ops::cast(ops::equal(ops::expand_dims(target, ArrayShape{-1}), labels), p.type());
      if (loss.ignores_class) {
        const Tensor ignored = number_like(target, static_cast<double>(loss.ignore_class));
        const Tensor counts = ops::cast(ops::not_equal(target, ignored), p.type());
        t = ops::multiply(t, ops::expand_dims(counts, ArrayShape{-1}));
      }
      if (loss.from_logits) return -sum_of_row(t * activation({ActivationKind::log_softmax}, p));
      const Tensor q = clip(p / sum(p, ArrayShape{p.rank() - 1}, true), kEpsilon, 1 - kEpsilon);
      return -sum_of_row(t * log(q));
    }
    default:
      throw StateError(
          text("[", name_of(loss.kind),
               "] gradients of the target and second derivatives of this loss are not there: write it "
               "with functions of lamina.ops for them"));
  }
}

}  // namespace

Tensor row_losses(const LossSpecification& loss, const Tensor& target_in, const Tensor& prediction_in) {
  const std::string_view name = name_of(loss.kind);
  const auto wrong = [&](std::string_view rule) {
    return ValueError(text("[", name, "] ", rule, ". Received: target.shape=", to_string(target_in.shape()),
                           ", output.shape=", to_string(prediction_in.shape())));
  };
  if (prediction_in.rank() < 1) throw wrong("the output must have an axis of classes or values");
  if (prediction_in.type() != ElementType::float32 && prediction_in.type() != ElementType::float64) {
    throw TypeError(text("[", name, "] the output must be float32 or float64. Received: output.dtype=",
                         name_of(prediction_in.type())));
  }
  ArrayShape rows_shape = prediction_in.shape();
  const std::int64_t columns = rows_shape.back();
  rows_shape.resize(rows_shape.rank() - 1);
  const bool sparse = is_sparse(loss);
  if (!(target_in.shape() == (sparse ? rows_shape : prediction_in.shape()))) {
    throw wrong(sparse ? "the target must have the output's shape without its last axis"
                       : "target and output must have the same shape");
  }
  if (!sparse && would_record(target_in))
    return decomposed(loss, prediction_in, cast(target_in, prediction_in.type()));

  const Tensor prediction = contiguous(prediction_in);
  const Tensor target = sparse ? labels_of(target_in, loss, columns, false)
                               : ops::contiguous(ops::cast(target_in, prediction.type()));
  if (loss.alphas != nullptr && loss.classes != columns) {
    throw ValueError(text("[", name, "] alpha must have one number for each of the ", columns,
                          " classes. Received: ", loss.classes, " numbers"));
  }
  Tensor losses(prediction.type(), rows_shape, prediction.device()), gradient;
  if (would_record(prediction)) gradient = Tensor(prediction.type(), prediction.shape(), prediction.device());
  LossArguments arguments;
  arguments.dtype = prediction.type() == ElementType::float32 ? DType::float32 : DType::float64;
  arguments.loss = loss;
  arguments.form = loss.from_logits ? PredictionForm::logits : PredictionForm::values;
  arguments.rows = losses.size();
  arguments.columns = columns;
  arguments.prediction = prediction.raw();
  arguments.target = target.raw();
  arguments.row_losses = losses.raw();
  arguments.gradient = gradient.defined() ? gradient.raw() : nullptr;
  prediction.device()->loss(arguments);

  record(name, {&losses}, {&prediction}, [&] {
    return [loss, gradient, target, saved = Saved(prediction)](Backward& pass) {
      const Tensor dy = pass.dy();
      if (is_recording()) {
        const Tensor p = saved.get(pass);
        if (would_record(dy, p)) {
          return backward_by_decomposition(pass, {p}, [&](const std::vector<Tensor>& v) {
            return std::vector<Tensor>{decomposed(loss, v[0], target)};
          });
        }
      }
      if (loss.kind == LossKind::circle && dy.size() > 1) {
        // Each row's loss depends on all rows: the kernel knows the gradient of their sum only.
        const Tensor first = ops::contiguous(dy);
        const auto uniform = [&first](const auto* values) {
          for (std::int64_t i = 1; i < first.size(); ++i) {
            if (values[i] != values[0]) return false;
          }
          return true;
        };
        if (!(first.type() == ElementType::float32 ? uniform(first.data<float>())
                                                   : uniform(first.data<double>()))) {
          throw StateError(
              "[circle] rows whose losses count differently have no gradient here: use lamina.losses.Circle "
              "with sample_weight");
        }
      }
      pass.accumulate_grad(0, expand_dims(dy, ArrayShape{-1}) * gradient);
    };
  });
  return losses;
}

}  // namespace lamina::autograd
