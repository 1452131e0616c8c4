// What a rule keeps of its call's inputs and outputs.
#pragma once

#include <cstdint>

#include "autograd/backward.h"

namespace lamina::autograd {

/// A value that a rule needs, as it was when the call was recorded. Reading it when the memory has
/// been changed in place since is a StateError: a wrong gradient never comes out.
class Saved {
 public:
  Saved() = default;
  /// An input of the call.
  explicit Saved(const Tensor& x) : value_(x), version_(x.storage().version()) {}
  /// Output number `index` of it (which must not keep its own node alive).
  static Saved result(const Tensor& y, std::uint32_t index = 0);

  /// The value, connected as it was, so that a rule can be differentiated itself. Not defined
  /// where nothing was saved.
  Tensor get(const Backward& pass) const;

 private:
  Tensor value_;
  std::uint64_t version_ = 0;
  bool is_result_ = false;
  std::uint32_t index_ = 0;
};

}  // namespace lamina::autograd
