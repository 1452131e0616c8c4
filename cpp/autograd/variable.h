// A value that training changes.
#pragma once

#include <memory>
#include <string>

#include "autograd/node.h"

namespace lamina::autograd {

/// Memory that others have copies of, or something made of it: a network's parameter.
class Place {
 public:
  virtual ~Place() = default;
  /// Before the value is read: the newest of all copies comes here.
  virtual void fetch() = 0;
  /// The value was changed here.
  virtual void changed() = 0;
};

/// Two kinds: a variable of its own takes a new value by pointing to it, so whoever holds the old
/// value, a tape too, keeps it as it was. One that lies *in place*, in memory that others use
/// (a network's parameters), is overwritten, and tapes that still need the old value say so.
class Variable : public std::enable_shared_from_this<Variable> {
 public:
  Variable(const Tensor& value, bool trainable, bool in_place = false);
  /// One whose value comes later, by hold() or move_to(); until then an empty one.
  Variable();
  virtual ~Variable() = default;
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

  /// The value to compute with: watched by the tapes that record, if it is trainable.
  const Tensor& read();
  /// The same without being watched.
  const Tensor& current() {
    if (place_ != nullptr) place_->fetch();
    return value_;
  }
  /// The tensor that stands for the variable, whose numbers may be old where others have copies of them.
  const Tensor& value() const { return value_; }
  /// The value at this moment, watched likewise, which no assignment changes.
  Tensor snapshot();

  ElementType type() const { return value_.type(); }
  const ArrayShape& shape() const { return value_.shape(); }
  bool trainable() const { return trainable_; }
  void set_trainable(bool trainable) { trainable_ = trainable; }

  /// Sets the value, converted to the variable's type. ValueError unless the shape is the same.
  void assign(const Tensor& value);
  /// From now on the value lies in the memory of `tensor`, which holds it already. `place`: who has to
  /// be asked and told; null for nobody.
  void move_to(const Tensor& tensor, std::shared_ptr<Place> place = nullptr);
  /// From now on the value is this one, in memory of the variable's own.
  void hold(const Tensor& value);
  bool in_place() const { return in_place_; }
  /// The memory in which it lies was changed, not by assign().
  void changed_in_place() const {
    if (place_ != nullptr) place_->changed();
  }

 protected:
  /// Makes `value` the value, with this variable's link.
  void point_to(const Tensor& value);

  Tensor value_;
  Link link_;
  bool trainable_, in_place_;
  std::shared_ptr<Place> place_;
};

}  // namespace lamina::autograd
