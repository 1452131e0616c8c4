#include "nn/layers/residual.h"

#include <algorithm>

#include "core/error.h"

namespace lamina::nn {

namespace {

constexpr std::int64_t kPlacement = 16;  // elements: whole vectors
constexpr int kGradients = 3;            // buffers in front of the workspace

std::int64_t placed(std::int64_t elements) { return (elements + kPlacement - 1) / kPlacement * kPlacement; }

bool needs_pre_activation(const Layer& operation) {
  return operation.fused_activation().kind != ActivationKind::linear &&
         derivative_from(operation.fused_activation()) == DerivativeFrom::input;
}

}  // namespace

Residual::Residual(Shape input, const Shape& body_output, Operations body, const Shape& shortcut_output,
                   Operations shortcut)
    : Layer(std::move(input)), body_(std::move(body)), shortcut_(std::move(shortcut)) {
  if (body_output != shortcut_output) {
    throw ValueError(text("[Residual] the layers must give what is added to their output: samples of shape ",
                          to_string(shortcut_output), ". Received: samples of shape ",
                          to_string(body_output)));
  }
  output_shape_ = body_output;
  widest_ = std::max(element_count(input_shape_), element_count(output_shape_));
  for (const Operations* chain : {&body_, &shortcut_}) {
    for (const auto& operation : *chain) {
      widest_ = std::max(widest_, element_count(operation->output_shape()));
      for (const Parameter& parameter : operation->parameters()) parameters_.push_back(parameter);
    }
  }
}

std::int64_t Residual::elements(const Layer& operation, std::int64_t batch) const {
  const std::int64_t output = placed(batch * element_count(operation.output_shape()));
  return output + (needs_pre_activation(operation) ? output : 0) + placed(operation.workspace(batch));
}

std::int64_t Residual::workspace(std::int64_t batch) const {
  std::int64_t total = kGradients * placed(batch * widest_);  // for gradients
  for (const Operations* chain : {&body_, &shortcut_}) {
    for (const auto& operation : *chain) total += elements(*operation, batch);
  }
  return total;
}

bool Residual::adds_loss() const {
  const auto any = [](const Operations& chain) {
    return std::any_of(chain.begin(), chain.end(), [](const auto& o) { return o->adds_loss(); });
  };
  return any(body_) || any(shortcut_);
}

bool Residual::has_state_update() const {
  const auto any = [](const Operations& chain) {
    return std::any_of(chain.begin(), chain.end(), [](const auto& o) { return o->has_state_update(); });
  };
  return any(body_) || any(shortcut_);
}

bool Residual::state_update_moves_weights() const {
  const auto any = [](const Operations& chain) {
    return std::any_of(chain.begin(), chain.end(),
                       [](const auto& o) { return o->state_update_moves_weights(); });
  };
  return any(body_) || any(shortcut_);
}

bool Residual::trains() const {
  const auto any = [](const Operations& chain) {
    return std::any_of(chain.begin(), chain.end(), [](const auto& o) { return o->trains(); });
  };
  return any(body_) || any(shortcut_);
}

void Residual::set_trainable(std::int64_t index, bool trainable) {
  for (const auto& operation : body_) operation->set_trainable(index, trainable);
  for (const auto& operation : shortcut_) operation->set_trainable(index, trainable);
}

const void* Residual::lay_out(const Pass& pass, const Operations& chain, const void* x, char*& memory,
                              std::size_t& parameter, Steps& steps) const {
  const auto take = [&](std::int64_t n) {
    char* start = memory;
    memory += static_cast<std::size_t>(placed(n)) * size_of(pass.dtype);
    return start;
  };
  for (const auto& operation : chain) {
    Step step{operation.get(), x, nullptr, nullptr, nullptr, parameter};
    parameter += operation->parameters().size();
    const std::int64_t outputs = pass.batch * element_count(operation->output_shape());
    step.y = take(outputs);
    if (needs_pre_activation(*operation)) step.pre_activation = take(outputs);
    if (const std::int64_t kept = operation->workspace(pass.batch); kept > 0) step.workspace = take(kept);
    if (operation->skipped(pass)) continue;
    x = step.y;
    steps.push_back(step);
  }
  return x;
}

void Residual::reserve(Chains& chains) const {
  chains.body.reserve(body_.size());
  chains.shortcut.reserve(shortcut_.size());
}

void Residual::run(const Pass& pass, const Steps& steps, const ParameterPointers& all) const {
  for (const Step& step : steps) {
    const ParameterPointers parameters =
        all.subspan(step.first_parameter, step.operation->parameters().size());
    ForwardArguments f;
    f.x = step.x;
    f.y = step.y;
    f.pre_activation = step.pre_activation;
    f.parameters = &parameters;
    f.workspace = step.workspace;
    step.operation->forward(pass, f, false);
  }
}

void Residual::forward(const Pass& pass, const ForwardArguments& f, bool) const {
  Device::Memory own{nullptr, Device::Release{&pass.device}};
  char* memory = static_cast<char*>(f.workspace);
  if (memory == nullptr) {  // inference, maybe in several threads at once
    own = pass.device.make(static_cast<std::size_t>(workspace(pass.batch)) * size_of(pass.dtype));
    memory = static_cast<char*>(own.get());
  }
  memory += kGradients * static_cast<std::size_t>(placed(pass.batch * widest_)) * size_of(pass.dtype);
  std::size_t parameter = 0;
  Chains chains;
  reserve(chains);
  const void* a = lay_out(pass, body_, f.x, memory, parameter, chains.body);
  const void* b = lay_out(pass, shortcut_, f.x, memory, parameter, chains.shortcut);
  run(pass, chains.body, *f.parameters);
  run(pass, chains.shortcut, *f.parameters);
  ElementwiseArguments sum;
  sum.dtype = pass.dtype;
  sum.n = pass.batch * element_count(output_shape_);
  sum.a = a;
  sum.b = b;
  sum.out = f.y;
  pass.device.elementwise(sum);
}

void Residual::run_back(const Pass& pass, const Steps& steps, const BackwardArguments& outer,
                        const void* gradient, void* const (&buffers)[2], void* out) const {
  if (steps.empty()) {
    if (out != nullptr) {
      pass.device.copy(
          out, gradient,
          static_cast<std::size_t>(pass.batch * element_count(output_shape_)) * size_of(pass.dtype));
    }
    return;
  }
  const auto below_of = [](const Step& step) -> ProducerActivation {
    const Activation& ending = step.operation->fused_activation();
    if (ending.kind == ActivationKind::linear) return {};
    return {ending, derivative_from(ending) == DerivativeFrom::output ? step.y : step.pre_activation};
  };
  const ProducerActivation last = below_of(steps.back());
  int next = 0;
  if (last.activation.kind != ActivationKind::linear) {
    const Shape& shape = steps.back().operation->output_shape();
    const std::int64_t columns = shape.empty() ? 1 : shape.back();
    pass.device.activate_backward(pass.dtype, last.activation, pass.batch * (element_count(shape) / columns),
                                  columns, last.saved, gradient, buffers[next]);
    gradient = buffers[next];
    next ^= 1;
  }
  for (std::size_t i = steps.size(); i-- > 0;) {
    const Step& step = steps[i];
    const std::size_t count = step.operation->parameters().size();
    const ParameterPointers parameters = outer.parameters->subspan(step.first_parameter, count),
                            gradients = outer.parameter_gradients->subspan(step.first_parameter, count);
    BackwardArguments b;
    b.x = step.x;
    b.y = step.y;
    b.gradient = gradient;
    b.input_gradient = i == 0 ? out : buffers[next];
    if (i > 0) b.producer = below_of(steps[i - 1]);
    b.parameters = &parameters;
    b.parameter_gradients = &gradients;
    b.workspace = step.workspace;
    step.operation->backward(pass, b);
    gradient = b.input_gradient;
    next ^= 1;
  }
}

void Residual::backward(const Pass& pass, const BackwardArguments& b) const {
  const std::size_t width = static_cast<std::size_t>(placed(pass.batch * widest_)) * size_of(pass.dtype);
  char* memory = static_cast<char*>(b.workspace);
  char* const first_buffer = memory;
  memory += kGradients * width;
  std::size_t parameter = 0;
  Chains chains;
  reserve(chains);
  const Steps &body = chains.body, &shortcut = chains.shortcut;
  lay_out(pass, body_, b.x, memory, parameter, chains.body);
  lay_out(pass, shortcut_, b.x, memory, parameter, chains.shortcut);
  void* const buffers[2] = {first_buffer, first_buffer + width};
  run_back(pass, body, b, b.gradient, buffers, b.input_gradient);
  if (b.input_gradient == nullptr) {
    run_back(pass, shortcut, b, b.gradient, buffers, nullptr);
    return;
  }
  ElementwiseArguments sum;
  sum.dtype = pass.dtype;
  sum.n = pass.batch * element_count(input_shape_);
  sum.a = b.input_gradient;
  sum.b = b.gradient;
  if (!shortcut.empty()) {
    void* const result = first_buffer + 2 * width;
    run_back(pass, shortcut, b, b.gradient, buffers, result);
    sum.b = result;
  }
  sum.out = b.input_gradient;
  pass.device.elementwise(sum);
  apply_producer_activation(pass, b.producer, b.input_gradient);
}

void Residual::update_state(const Pass& pass, const ParameterPointers& all, const void* workspace) const {
  char* memory = const_cast<char*>(static_cast<const char*>(workspace));
  memory += kGradients * static_cast<std::size_t>(placed(pass.batch * widest_)) * size_of(pass.dtype);
  std::size_t parameter = 0;
  Chains chains;
  reserve(chains);
  lay_out(pass, body_, nullptr, memory, parameter, chains.body);
  lay_out(pass, shortcut_, nullptr, memory, parameter, chains.shortcut);
  for (const Steps* steps : {&chains.body, &chains.shortcut}) {
    for (const Step& step : *steps) {
      if (!step.operation->has_state_update()) continue;
      step.operation->update_state(
          pass, all.subspan(step.first_parameter, step.operation->parameters().size()), step.workspace);
    }
  }
}

}  // namespace lamina::nn
