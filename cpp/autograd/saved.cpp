#include "autograd/saved.h"

#include "core/error.h"

namespace lamina::autograd {

Saved Saved::result(const Tensor& y, std::uint32_t index) {
  Saved saved;
  saved.value_ = y.alias();
  saved.version_ = y.storage().version();
  saved.is_result_ = true;
  saved.index_ = index;
  return saved;
}

Tensor Saved::get(const Backward& pass) const {
  if (!value_.defined()) return value_;
  if (value_.storage().version() != version_) {
    throw StateError(text(
        "[GradientTape.gradient] a value that the gradient of '", pass.node()->name(),
        "' needs was changed in place after it was recorded (by an assignment to a Variable, or to "
        "memory shared with it). Compute the gradient first, or assign after the tape is done. Received: "
        "shape=",
        to_string(value_.shape()), ", dtype=", name_of(value_.type())));
  }
  if (!is_result_ || !is_recording()) return value_;
  Tensor connected = value_.alias();
  connected.set_grad_link(Node::link(pass.node(), index_));
  return connected;
}

}  // namespace lamina::autograd
