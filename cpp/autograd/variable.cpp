#include "autograd/variable.h"

#include "autograd/functions.h"
#include "autograd/tape.h"
#include "core/error.h"
#include "ops/ops.h"

namespace lamina::autograd {

Variable::Variable(const Tensor& value, bool trainable, bool in_place)
    : trainable_(trainable), in_place_(in_place) {
  value_ = value.alias();
  Node::attach(Node::share(new Leaf), 0, value_);
  link_ = link_of(value_);
}

Variable::Variable() : Variable(ops::zeros(ElementType::float32, {0}), true) {}

const Tensor& Variable::read() {
  if (place_ != nullptr) place_->fetch();
  if (is_recording() && trainable_ && ops::is_floating(value_.type())) {
    for (Tape* tape : *detail::recording) {
      if (tape->watches_variables()) tape->watch(shared_from_this(), value_);
    }
  }
  return value_;
}

Tensor Variable::snapshot() { return in_place_ ? copy(read()) : read(); }

void Variable::point_to(const Tensor& value) {
  Tensor next = value.alias();
  link_->type = value.type();
  link_->shape = value.shape();
  next.set_grad_link(link_);
  value_ = std::move(next);
}

void Variable::assign(const Tensor& value) {
  if (!(value.shape() == value_.shape())) {
    throw ValueError(text("[Variable.assign] the value must have the variable's shape ",
                          to_string(value_.shape()), ". Received: value.shape=", to_string(value.shape())));
  }
  const Tensor converted = value.type() == value_.type() ? value : ops::cast(value, value_.type());
  if (in_place_) {
    if (place_ != nullptr) place_->fetch();  // what comes later would overwrite the value
    ops::assign(value_, converted);
    changed_in_place();
    return;
  }
  // Memory of somebody else may change, and a view keeps more alive than it shows.
  const bool own = converted.contiguous() && converted.storage().owned();
  point_to(own ? converted : ops::copy(converted));
}

void Variable::hold(const Tensor& value) {
  in_place_ = false;
  place_ = nullptr;
  point_to(value.contiguous() && value.storage().owned() ? value : ops::copy(value));
}

void Variable::move_to(const Tensor& tensor, std::shared_ptr<Place> place) {
  point_to(tensor);
  in_place_ = true;
  place_ = std::move(place);
}

}  // namespace lamina::autograd
