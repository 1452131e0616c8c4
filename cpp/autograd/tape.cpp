#include "autograd/tape.h"

#include <algorithm>

#include "autograd/backward.h"
#include "autograd/functions.h"
#include "core/error.h"

namespace lamina::autograd {

namespace {

thread_local std::vector<Tape*> active;

}  // namespace

Tape::Tape(bool persistent, bool watch_variables)
    : id_(detail::begin_tape()), persistent_(persistent), watch_variables_(watch_variables) {}

Tape::~Tape() {
  if (recording_ && std::find(active.begin(), active.end(), this) != active.end()) stop();
  detail::end_tape(id_);
}

void Tape::start() {
  if (recording_) throw StateError("[GradientTape] the tape is recording already");
  active.push_back(this);
  recording_ = true;
  detail::recording = &active;
}

void Tape::stop() {
  const auto place = std::find(active.begin(), active.end(), this);
  if (place == active.end()) throw StateError("[GradientTape] the tape is not recording in this thread");
  active.erase(place);
  recording_ = false;
  if (active.empty()) detail::recording = nullptr;
}

void Tape::reset() {
  detail::end_tape(id_);
  id_ = detail::begin_tape();
  variables_.clear();
  used_ = false;
}

void Tape::watch(const Tensor& x) { autograd::watch(x, id_); }

void Tape::watch(const std::shared_ptr<Variable>& variable, const Tensor& value) {
  if (output_of(value)->watched_by.contains(id_)) return;
  autograd::watch(value, id_);
  variables_.push_back(variable);
}

std::vector<Tensor> Tape::gradient(std::span<const Tensor> targets, std::span<const Tensor> seeds,
                                   std::span<const Tensor> sources, Unconnected unconnected) {
  return partial_gradient(targets, seeds, sources, unconnected, true);
}

std::vector<Tensor> Tape::partial_gradient(std::span<const Tensor> targets, std::span<const Tensor> seeds,
                                           std::span<const Tensor> sources, Unconnected unconnected,
                                           bool last) {
  if (used_) {
    throw StateError(
        "[GradientTape.gradient] a tape that is not persistent gives gradients once, and lets go of what it "
        "recorded. Use GradientTape(persistent=True) for several");
  }
  bool connected = false;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const Output* output = output_of(targets[i]);
    connected = connected || (output != nullptr && is_watched(*output, id_));
    if (seeds[i].defined() && !(seeds[i].shape() == targets[i].shape())) {
      throw ValueError(
          text("[GradientTape.gradient] output_gradients must have the targets' shapes. Received: "
               "output_gradients.shape=",
               to_string(seeds[i].shape()), " for target.shape=", to_string(targets[i].shape())));
    }
  }
  if (!connected && unconnected == Unconnected::none) {
    const bool floating = std::all_of(targets.begin(), targets.end(), [](const Tensor& target) {
      return target.type() == ElementType::float32 || target.type() == ElementType::float64;
    });
    throw ValueError(text(
        "[GradientTape.gradient] the target was not computed, while the tape recorded, from anything that it "
        "watches",
        floating ? ": trainable Variables are watched when they are read, other values by tape.watch(x). "
                   "unconnected_gradients='zero' gives zeros instead"
                 : "; and only float32 and float64 values have gradients",
        targets.empty() ? ". Received: no target"
                        : text(". Received: target of shape ", to_string(targets[0].shape()),
                               ", dtype=", name_of(targets[0].type()))));
  }
  const bool finish = last && !persistent_;
  // What follows is recorded by other tapes only, unless this one is asked for more.
  if (!persistent_ && recording_) stop();
  used_ = finish;
  std::vector<Tensor> gradients = run_backward(id_, targets, seeds, sources, finish);
  if (unconnected == Unconnected::zero) {
    for (std::size_t i = 0; i < sources.size(); ++i) {
      if (!gradients[i].defined()) gradients[i] = ops::zeros(sources[i].type(), sources[i].shape());
    }
  }
  return gradients;
}

}  // namespace lamina::autograd
