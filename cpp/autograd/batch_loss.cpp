#include "autograd/batch_loss.h"

#include <algorithm>

#include "autograd/double_backward.h"
#include "autograd/labels.h"
#include "autograd/layers.h"
#include "autograd/operators.h"
#include "autograd/record.h"
#include "core/error.h"
#include "core/float_environment.h"
#include "device/device.h"
#include "device/names.h"
#include "nn/training/objective.h"

namespace lamina::autograd {

namespace {

DType type_of(const Tensor& x) { return x.type() == ElementType::float32 ? DType::float32 : DType::float64; }

bool is_sparse(const LossSpecification& loss) { return takes_labels(loss.kind); }

double number(const Tensor& x) {
  return x.type() == ElementType::float32 ? static_cast<double>(*x.data<float>()) : *x.data<double>();
}

/// What the kernel was asked, and the tensors that it reads.
struct Call {
  LossArguments arguments;
  Tensor prediction, target, weights;
};

Tensor gradient_of(const Call& call, double scale) {
  Tensor gradient(call.prediction.type(), call.prediction.shape(), call.prediction.device());
  LossArguments arguments = call.arguments;
  arguments.scale = scale;
  arguments.gradient = gradient.raw();
  const FloatEnvironment environment;
  call.prediction.device()->loss(arguments);
  return gradient;
}

}  // namespace

BatchLoss::Answer BatchLoss::operator()(const Tensor& target_in, const Tensor& prediction_in,
                                        const Tensor& weights_in) const {
  const std::string_view name = name_of(loss.kind);
  const auto wrong = [&](std::string_view rule) {
    return ValueError(text("[", name, "] ", rule, ". Received: target.shape=", to_string(target_in.shape()),
                           ", output.shape=", to_string(prediction_in.shape())));
  };
  if (prediction_in.type() != ElementType::float32 && prediction_in.type() != ElementType::float64) {
    throw TypeError(text("[", name, "] the output must be float32 or float64. Received: output.dtype=",
                         name_of(prediction_in.type())));
  }
  if (prediction_in.rank() < 1) throw wrong("the output must have an axis of classes or values");
  ArrayShape positions = prediction_in.shape();
  const std::int64_t columns = positions.back();
  positions.resize(positions.rank() - 1);
  const bool sparse = is_sparse(loss);
  if (!(target_in.shape() == (sparse ? positions : prediction_in.shape()))) {
    throw wrong(sparse ? "the target must have the output's shape without its last axis"
                       : "target and output must have the same shape");
  }
  if (loss.alphas != nullptr && loss.classes != columns) {
    throw ValueError(text("[", name, "] alpha must have one number for each of the ", columns,
                          " classes. Received: ", loss.classes, " numbers"));
  }
  const std::int64_t rows = element_count(positions);

  // A crossentropy of layers' own sigmoid or softmax starts from the logits, as a plan does.
  const Logits logits = loss.from_logits ? Logits{} : logits_of(prediction_in);
  const bool from_layers = logits.z.defined() && nn::takes_logits(loss, logits.kind);

  // The target's own gradient: from differentiable pieces, for all rows alike.
  if (!sparse && would_record(target_in)) {
    if (skip_missing || weights_in.defined() || reduction == LossReduction::weighted_mean) {
      throw ValueError(text("[", name,
                            "] a target with a gradient cannot have weights or missing elements. Use "
                            "lamina.stop_gradient(y_true), or write the loss with lamina.ops"));
    }
    const Tensor all = row_losses(loss, target_in, prediction_in);
    Tensor total = reduction == LossReduction::sum ? sum(all) : mean(all);
    if (weight != 1.0) total = total * weight;
    const double value = number(total);
    return {total, value, value * static_cast<double>(rows), rows};
  }

  Call call;
  call.prediction = contiguous(from_layers ? logits.z : prediction_in);
  call.target = sparse ? labels_of(target_in, loss, columns, skip_missing)
                       : ops::contiguous(ops::cast(target_in, prediction_in.type()));
  if (weights_in.defined()) {
    if (!(weights_in.shape() == positions)) throw wrong("there must be one weight for each position");
    call.weights = ops::contiguous(ops::cast(weights_in, prediction_in.type()));
  }
  Device& device = *call.prediction.device();
  if (!sparse && !skip_missing && device.has_nan(elements_of(call.target))) {
    throw ValueError(text("[", name,
                          "] the target contains NaN: remove or fill missing targets, or compile the "
                          "model with missing_targets='ignore'"));
  }
  LossArguments& arguments = call.arguments;
  arguments.dtype = type_of(prediction_in);
  arguments.loss = loss;
  arguments.form = loss.from_logits ? PredictionForm::logits
                   : from_layers    ? PredictionForm::logits_of_activation
                                    : PredictionForm::values;
  arguments.rows = rows;
  arguments.columns = columns;
  arguments.prediction = call.prediction.raw();
  arguments.target = call.target.raw();
  arguments.weights = call.weights.defined() ? call.weights.raw() : nullptr;
  arguments.skip_missing = skip_missing;
  const nn::LossScale scaled = nn::LossScale::of(device, arguments, reduction, weight);
  const double scale = scaled.scale;
  const bool plain = scaled.plain;
  arguments.scale = scale;
  const bool records = would_record(prediction_in);
  Tensor gradient;
  if (records) {
    gradient = Tensor(prediction_in.type(), prediction_in.shape(), &device);
    arguments.gradient = gradient.raw();
  }
  double total = 0.0;
  if (rows > 0) {
    const FloatEnvironment environment;
    total = device.loss(arguments);
  }
  arguments.gradient = nullptr;
  Answer answer;
  answer.value = scaled.loss(total);
  answer.rows = rows;
  answer.total = scaled.sum(total);
  answer.loss = ops::full(prediction_in.type(), ArrayShape{}, answer.value);
  if (!records) return answer;

  // Inputs are the prediction and, where there are, its logits: whichever leads to what is asked for.
  const Tensor* inputs[] = {&prediction_in, &logits.z};
  Tensor* const outputs[] = {&answer.loss};
  record(name, std::span<Tensor* const>(outputs), std::span<const Tensor* const>(inputs, from_layers ? 2 : 1),
         [&] {
           return [*this, call, gradient, scale, from_layers, plain,
                   saved = Saved(prediction_in)](Backward& pass) {
             const double seed = number(pass.dy());
             const bool by_logits = from_layers && pass.needs_grad(1) && !pass.is_requested(0);
             if (is_recording() && would_record(pass.dy(), saved.get(pass))) {
               if (!plain || call.weights.defined()) {
                 throw StateError(
                     text("[", name_of(this->loss.kind),
                          "] second derivatives of this loss are there for plain means only: write it with "
                          "functions of lamina.ops for them"));
               }
               const Tensor p = saved.get(pass);
               std::vector<Tensor> list{p};
               return backward_by_decomposition(pass, list, [&](const std::vector<Tensor>& v) {
                 return std::vector<Tensor>{mean(row_losses(this->loss, call.target, v[0]))};
               });
             }
             saved.get(pass);
             if (by_logits || !from_layers) {
               pass.accumulate_grad(by_logits ? 1 : 0,
                                    seed == 1.0 ? gradient : gradient_of(call, scale * seed));
               return;
             }
             // The prediction itself is asked for: the derivative of the loss of probabilities.
             Call values = call;
             values.prediction = contiguous(saved.get(pass));
             values.arguments.prediction = values.prediction.raw();
             values.arguments.form = PredictionForm::values;
             pass.accumulate_grad(0, gradient_of(values, scale * seed));
           };
         });
  return answer;
}

}  // namespace lamina::autograd
