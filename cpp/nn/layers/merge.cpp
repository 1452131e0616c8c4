#include "nn/layers/merge.h"

#include <algorithm>
#include <iterator>

#include "core/error.h"

namespace lamina::nn {

namespace {

constexpr const char* kNames[] = {"add", "subtract", "multiply", "divide", "maximum", "minimum"};
constexpr StridedKind kForward[] = {StridedKind::add,    StridedKind::subtract, StridedKind::multiply,
                                    StridedKind::divide, StridedKind::maximum,  StridedKind::minimum};

/// x -> out, both dense.
StridedArguments flat(const Pass& pass, std::int64_t elements, StridedKind kind, const void* a, void* out) {
  StridedArguments s;
  s.dtype = pass.dtype;
  s.kind = kind;
  s.a = a;
  s.out = out;
  s.add_axis({pass.batch * elements, 1, 0, 0, 1});
  return s;
}

}  // namespace

MergeKind merge_kind_from_name(const std::string& name) {
  const auto* const found = std::find(std::begin(kNames), std::end(kNames), name);
  if (found == std::end(kNames)) {
    throw ValueError(
        text("[add_binary] kind must be 'add', 'subtract', 'multiply', 'divide', 'maximum' or 'minimum'. "
             "Received: kind='",
             name, "'"));
  }
  return static_cast<MergeKind>(found - std::begin(kNames));
}

Merge::Merge(MergeKind kind, const Shape& a, const Shape& b)
    : Layer({a, b}, broadcast_shape(kNames[static_cast<int>(kind)], a, b)),
      kind_(kind),
      elements_(element_count(output_shape_)) {
  constexpr int batch = 1;
  if (output_shape_.size() + batch > StridedArguments::kMostAxes) {
    throw ValueError(text("[", kNames[static_cast<int>(kind)], "] samples have at most ",
                          StridedArguments::kMostAxes - batch, " axes. Received: shape ",
                          to_string(output_shape_)));
  }
  for (std::size_t i = 0; i < 2; ++i) {
    strides_[i] = broadcast_strides(input_shape(i), output_shape_);
    const Shape& from = input_shape(i);
    const std::size_t skip = output_shape_.size() - from.size();
    std::vector<bool> reduced(output_shape_.size());
    for (std::size_t axis = 0; axis < reduced.size(); ++axis) {
      reduced[axis] = output_shape_[axis] != 1 && (axis < skip || from[axis - skip] == 1);
    }
    repeats_[i] = std::find(reduced.begin(), reduced.end(), true) != reduced.end();
    if (repeats_[i]) sums_[i] = SampleReduction(output_shape_, reduced);
  }
}

std::int64_t Merge::workspace(std::int64_t batch) const {
  std::int64_t scratch = 0;
  for (std::size_t i = 0; i < 2; ++i) {
    if (repeats_[i]) scratch = std::max(scratch, elements_ + sums_[i].scratch());
  }
  return batch * scratch;
}

void Merge::forward(const Pass& pass, const ForwardArguments& f, bool) const {
  StridedArguments s;
  s.dtype = pass.dtype;
  s.kind = kForward[static_cast<int>(kind_)];
  s.a = f.x[0];
  s.b = f.x[1];
  s.out = f.y;
  s.add_axis({pass.batch, element_count(input_shape(0)), element_count(input_shape(1)), 0, elements_});
  std::int64_t out = elements_;
  for (std::size_t axis = 0; axis < output_shape_.size(); ++axis) {
    out /= output_shape_[axis];
    s.add_axis({output_shape_[axis], strides_[0][axis], strides_[1][axis], 0, out});
  }
  pass.device.strided(s);
}

void Merge::differentiate(const Pass& pass, const BackwardArguments& b, std::size_t input, void* to) const {
  StridedArguments s;
  s.dtype = pass.dtype;
  s.out = to;
  // Which strides an operand has: -1 for those of the output.
  int of_a = -1, of_b = 0, of_c = -2;
  const auto set = [&](StridedKind kind, const void* x, int of_x, const void* y, int of_y) {
    s.kind = kind;
    s.a = x, s.b = y, of_a = of_x, of_b = of_y;
  };
  const bool first = input == 0;
  switch (kind_) {
    case MergeKind::add:
      set(StridedKind::copy, b.gradient, -1, nullptr, -2);
      break;
    case MergeKind::subtract:
      set(first ? StridedKind::copy : StridedKind::negative, b.gradient, -1, nullptr, -2);
      break;
    case MergeKind::multiply:
      set(StridedKind::multiply, b.gradient, -1, b.x[1 - input], static_cast<int>(1 - input));
      break;
    case MergeKind::divide:
      if (first) {
        set(StridedKind::divide, b.gradient, -1, b.x[1], 1);
      } else {
        set(StridedKind::quotient_slope, b.y, -1, b.x[1], 1);
        s.c = b.gradient, of_c = -1;
      }
      break;
    case MergeKind::maximum:
    case MergeKind::minimum:
      set(kind_ == MergeKind::maximum ? StridedKind::larger_share : StridedKind::smaller_share, b.x[input],
          static_cast<int>(input), b.x[1 - input], static_cast<int>(1 - input));
      s.c = b.gradient, of_c = -1;
      break;
  }
  const auto batch_stride = [&](int of) {
    return of == -2 ? 0 : of == -1 ? elements_ : element_count(input_shape(static_cast<std::size_t>(of)));
  };
  s.add_axis({pass.batch, batch_stride(of_a), batch_stride(of_b), batch_stride(of_c), elements_});
  std::int64_t out = elements_;
  for (std::size_t axis = 0; axis < output_shape_.size(); ++axis) {
    out /= output_shape_[axis];
    const auto stride = [&](int of) { return of == -2 ? 0 : of == -1 ? out : strides_[of][axis]; };
    s.add_axis({output_shape_[axis], stride(of_a), stride(of_b), stride(of_c), out});
  }
  pass.device.strided(s);
}

void Merge::backward(const Pass& pass, const BackwardArguments& b) const {
  char* const whole = static_cast<char*>(b.workspace);
  for (std::size_t i = 0; i < 2; ++i) {
    void* const to = b.input_gradients[i];
    if (to == nullptr) continue;
    const ProducerActivation& producer = b.producers[i];
    if (passes_gradient(i) && producer.activation.kind != ActivationKind::linear) {
      const Shape& shape = input_shape(i);
      const std::int64_t columns = shape.empty() ? 1 : shape.back();
      const std::int64_t rows = columns == 0 ? 0 : pass.batch * (elements_ / columns);
      pass.device.activate_backward(pass.dtype, producer.activation, rows, columns, producer.saved,
                                    b.gradient, to);
      continue;
    }
    if (!repeats_[i]) {
      differentiate(pass, b, i, to);
    } else {
      const void* full = b.gradient;
      if (kind_ != MergeKind::add && !(kind_ == MergeKind::subtract && i == 0)) {
        differentiate(pass, b, i, whole);
        full = whole;
      }
      void* const scratch = whole + static_cast<std::size_t>(pass.batch * elements_) * size_of(pass.dtype);
      sums_[i].run(pass, ReduceKind::sum, full, to, scratch);
    }
    apply_producer_activation(pass, b, i);
  }
}

NumberMerge::NumberMerge(MergeKind kind, Shape input, double number, bool number_first)
    : Layer(std::move(input)),
      kind_(kind),
      number_(number),
      number_first_(number_first),
      elements_(element_count(output_shape_)) {}

void NumberMerge::forward(const Pass& pass, const ForwardArguments& f, bool) const {
  StridedArguments s = flat(pass, elements_, kForward[static_cast<int>(kind_)], f.x[0], f.y);
  s.number = number_;
  s.number_first = number_first_;
  if (number_first_) s.axis[0].a = 0, s.axis[0].b = s.axes == 0 ? 0 : 1;
  pass.device.strided(s);
}

void NumberMerge::backward(const Pass& pass, const BackwardArguments& b) const {
  void* const to = b.input_gradients[0];
  if (to == nullptr) return;
  StridedArguments s = flat(pass, elements_, StridedKind::copy, b.gradient, to);
  s.number = number_;
  const std::int64_t step = s.axes == 0 ? 0 : 1;
  switch (kind_) {
    case MergeKind::add:
      break;
    case MergeKind::subtract:
      if (number_first_) s.kind = StridedKind::negative;
      break;
    case MergeKind::multiply:
      s.kind = StridedKind::multiply;
      break;
    case MergeKind::divide:
      if (!number_first_) {
        s.kind = StridedKind::divide;
      } else {
        s.kind = StridedKind::quotient_slope;
        s.a = b.y, s.b = b.x[0], s.c = b.gradient;
        s.axis[0].b = s.axis[0].c = step;
      }
      break;
    case MergeKind::maximum:
    case MergeKind::minimum:
      s.kind = kind_ == MergeKind::maximum ? StridedKind::larger_share : StridedKind::smaller_share;
      s.a = b.x[0], s.c = b.gradient;
      s.axis[0].c = step;
      break;
  }
  pass.device.strided(s);
  apply_producer_activation(pass, b);
}

}  // namespace lamina::nn
