// Two values become one, element by element, extents of 1 repeated: y = a op b. What Add, Subtract, Multiply,
// Average, Maximum and Minimum of several values are made of, from left to right.
#pragma once

#include "nn/layers/sample_axes.h"

namespace lamina::nn {

enum class MergeKind : std::uint8_t { add, subtract, multiply, divide, maximum, minimum };
/// "add", "subtract", ...; ValueError names them all.
MergeKind merge_kind_from_name(const std::string& name);

/// Every operation is rounded. Gradients, before what was repeated is summed (SampleReduction):
///   add dy, dy;  subtract dy, -dy;  multiply dy * b, dy * a;  divide dy / b, -(dy * (y / b))
///   maximum, minimum: dy * (1 for the operand that y is, 1/2 for both where they are equal, else 0)
class Merge final : public Layer {
 public:
  /// ValueError unless the shapes broadcast.
  Merge(MergeKind kind, const Shape& a, const Shape& b);
  MergeKind kind() const { return kind_; }

  void forward(const Pass&, const ForwardArguments&, bool skip_fused_activation) const override;
  void backward(const Pass&, const BackwardArguments&) const override;
  bool reads_inputs() const override { return kind_ > MergeKind::subtract; }
  bool reads_output() const override { return kind_ == MergeKind::divide; }
  bool passes_gradient(std::size_t input) const override {
    return !repeats_[input] && (kind_ == MergeKind::add || (kind_ == MergeKind::subtract && input == 0));
  }
  std::int64_t workspace(std::int64_t batch) const override;

 private:
  void differentiate(const Pass&, const BackwardArguments&, std::size_t input, void* to) const;

  MergeKind kind_;
  std::int64_t elements_;
  std::vector<std::int64_t> strides_[2];
  bool repeats_[2];
  SampleReduction sums_[2];
};

/// y = x op number, or number op x.
class NumberMerge final : public Layer {
 public:
  NumberMerge(MergeKind kind, Shape input, double number, bool number_first);
  MergeKind kind() const { return kind_; }
  double number() const { return number_; }
  bool number_first() const { return number_first_; }

  void forward(const Pass&, const ForwardArguments&, bool skip_fused_activation) const override;
  void backward(const Pass&, const BackwardArguments&) const override;
  bool reads_inputs() const override { return kind_ > MergeKind::multiply; }
  bool reads_output() const override { return kind_ == MergeKind::divide && number_first_; }

 private:
  MergeKind kind_;
  double number_;
  bool number_first_;
  std::int64_t elements_;
};

}  // namespace lamina::nn
