// A tape: from start() to stop() it records, in the thread that started it, the calls that
// depend on values that it watches.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "autograd/node.h"

namespace lamina::autograd {

class Variable;

/// What the gradient of something that the target does not depend on is.
enum class Unconnected : std::uint8_t { none, zero };

class Tape {
 public:
  /// A persistent tape can be asked for several gradients. With `watch_variables`, trainable
  /// Variables are watched as soon as they are read.
  Tape(bool persistent, bool watch_variables);
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  TapeId id() const { return id_; }
  bool persistent() const { return persistent_; }
  bool watches_variables() const { return watch_variables_; }
  bool recording() const { return recording_; }

  /// Begins to record in this thread; StateError when it does already.
  void start();
  /// Stops; StateError when it does not record in this thread.
  void stop();
  /// Forgets everything that was recorded and watched.
  void reset();

  void watch(const Tensor& x);
  /// The same for the value of a variable, which variables() then lists.
  void watch(const std::shared_ptr<Variable>& variable, const Tensor& value);
  /// Trainable variables read, in order, while the tape recorded.
  const std::vector<std::shared_ptr<Variable>>& variables() const { return variables_; }

  /// The gradients of the sum of all elements of all targets, each times its element of `seeds` (an
  /// empty Tensor: ones), with respect to each source. Empty Tensors for sources that no target
  /// depends on, or zeros. StateError when a tape that is not persistent is asked twice;
  /// ValueError when no target depends on anything that is watched.
  std::vector<Tensor> gradient(std::span<const Tensor> targets, std::span<const Tensor> seeds,
                               std::span<const Tensor> sources, Unconnected unconnected);
  /// As gradient(), for several passes over the same record; the last has `last`.
  std::vector<Tensor> partial_gradient(std::span<const Tensor> targets, std::span<const Tensor> seeds,
                                       std::span<const Tensor> sources, Unconnected unconnected, bool last);

 private:
  TapeId id_;
  bool persistent_, watch_variables_;
  bool recording_ = false, used_ = false;
  std::vector<std::shared_ptr<Variable>> variables_;
};

/// While it lives, no tape records in this thread.
class NoRecording {
 public:
  NoRecording() : before_(detail::recording) { detail::recording = nullptr; }
  ~NoRecording() { detail::recording = before_; }
  NoRecording(const NoRecording&) = delete;
  NoRecording& operator=(const NoRecording&) = delete;

 private:
  const std::vector<Tape*>* before_;
};

}  // namespace lamina::autograd
