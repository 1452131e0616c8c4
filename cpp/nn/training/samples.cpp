#include "nn/training/samples.h"

#include <algorithm>
#include <utility>

#include "core/error.h"

namespace lamina::nn {

namespace {

/// Whether rows follow each other without gaps, as `dtype`, on the host that computes.
bool usable_in_place(const ArrayView& view, DType dtype) {
  if (view.type != (dtype == DType::float32 ? ElementType::float32 : ElementType::float64)) return false;
  const auto item = static_cast<std::int64_t>(size_of(dtype));
  if (reinterpret_cast<std::uintptr_t>(view.data) % static_cast<std::uintptr_t>(item) != 0) return false;
  std::int64_t expected = item;
  for (std::size_t axis = view.row_shape.size(); axis-- > 0;) {
    if (view.row_shape[axis] != 1 && view.strides[axis] != expected) return false;
    expected *= view.row_shape[axis];
  }
  return view.row_stride == expected || view.rows <= 1;
}

/// One weight for each position: a sample's is repeated, by a stride of 0.
ArrayView weights_of_positions(const ArrayView& weights, std::int64_t positions) {
  if (positions > 1 && element_count(weights.row_shape) == positions) return weights;
  ArrayView repeated = weights;
  repeated.row_shape = {positions};
  repeated.strides = {0};
  return repeated;
}

/// Names one of several.
std::string which(const char* what, std::size_t i, std::size_t count) {
  return count < 2 ? std::string() : text(what, " ", i, ": ");
}

void check_target(Device& device, const Samples& samples, std::size_t i, const TargetRule& rule,
                  const std::string& of, bool scanned) {
  const std::int64_t rows = samples.rows();
  const Shape& output = rule.output;
  const std::int64_t columns = output.empty() ? 1 : output.back();
  if (rule.read && (i >= samples.y.size() || !samples.y[i])) {
    throw ValueError(text("[y] ", of, "the loss and the metrics need targets. Received: none"));
  }
  if (i < samples.y.size() && samples.y[i]) {
    const ArrayView& y = *samples.y[i];
    if (y.rows != rows) {
      throw ValueError(text("[y] ", of, "x and y must have the same number of samples. Received: ", rows,
                            " and ", y.rows));
    }
    if (rule.read) {
      const std::int64_t wanted = rule.elements;
      if (element_count(y.row_shape) != wanted) {
        throw ValueError(text("[y] ", of, "for predictions of shape ", to_string(output), " the loss takes ",
                              rule.form == TargetForm::values
                                  ? "targets of that shape"
                                  : "one integer label for each position of all axes but the last",
                              ". Received: targets of shape ", to_string(y.row_shape)));
      }
      if (!scanned && rule.form == TargetForm::labels) {
        const std::int64_t classes = rule.columns ? columns : std::int64_t{1} << 31;
        const std::int64_t bad =
            device.find_bad_label(y, {classes, rule.has_extra, rule.extra, rule.missing});
        if (bad >= 0) {
          throw ValueError(text("[y] ", of, "labels must be integers from 0 to ", classes - 1,
                                " (the model has that many outputs). Received: another value in sample ",
                                bad / (wanted == 0 ? 1 : wanted)));
        }
      } else if (!scanned && !rule.missing && device.has_nan(y)) {
        throw ValueError(text("[y] ", of, "targets contain NaN. Remove or fill the missing values"));
      }
    }
  }
  const ArrayView* const weights = samples.weights_of(i);
  if (weights == nullptr) return;
  const std::int64_t each = element_count(weights->row_shape);
  if (weights->rows != rows || (each != 1 && each * columns != element_count(output))) {
    throw ValueError(text("[sample_weight] ", of, "one weight is needed for each sample, shape (", rows,
                          ",), or for each position of all axes of its prediction but the last. Received: ",
                          weights->rows, " rows of shape ", to_string(weights->row_shape)));
  }
  if (device.has_nan(*weights)) throw ValueError(text("[sample_weight] ", of, "weights contain NaN"));
}

}  // namespace

void check_inputs(std::span<const ArrayView> x, std::span<const Shape> inputs) {
  if (x.size() != inputs.size()) {
    throw ValueError(text("[x] the model takes ", inputs.size(), " arrays of samples. Received: ", x.size()));
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!(x[i].row_shape == inputs[i])) {
      throw ValueError(text("[x] ", which("input", i, x.size()), "the model takes samples of shape ",
                            to_string(inputs[i]), ". Received: samples of shape ",
                            to_string(x[i].row_shape)));
    }
    if (x[i].rows != x[0].rows) {
      throw ValueError(text("[x] all inputs must have the same number of samples. Received: ", x[0].rows,
                            " and ", x[i].rows));
    }
  }
}

void check_targets(Device& device, const Samples& samples, std::span<const TargetRule> rules, bool scanned) {
  const auto check_count = [&](const char* name, std::size_t count) {
    if (count > rules.size()) {
      throw ValueError(
          text("[", name, "] the model has ", rules.size(), " outputs. Received: ", count, " arrays"));
    }
  };
  check_count("y", samples.y.size());
  check_count("sample_weight", samples.weights.size());
  for (std::size_t i = 0; i < rules.size(); ++i) {
    check_target(device, samples, i, rules[i], which("output", i, rules.size()), scanned);
  }
}

void Batch::grow(Part& part, std::size_t bytes) {
  if (bytes <= part.capacity && part.memory != nullptr) return;
  part.memory = device_.make(bytes);
  part.capacity = bytes;
}

void Batch::take(const ArrayView& source, const std::int64_t* order, std::int64_t first, std::int64_t rows,
                 Part& to) {
  if (order == nullptr && device_.is_host() && usable_in_place(source, dtype_)) {
    to.data = static_cast<const char*>(source.data) + first * source.row_stride;
    return;
  }
  grow(to, static_cast<std::size_t>(rows * element_count(source.row_shape)) * size_of(dtype_));
  GatherRowsArguments g;
  g.source = &source;
  g.order = order == nullptr ? nullptr : order + first;
  g.first = first;
  g.rows = rows;
  g.dtype = dtype_;
  g.out = to.memory.get();
  device_.gather_rows(g);
  to.data = to.memory.get();
}

void Batch::take_labels(const ArrayView& source, const std::int64_t* order, std::int64_t first,
                        std::int64_t rows, Part& to) {
  grow(to, static_cast<std::size_t>(rows * element_count(source.row_shape)) * sizeof(std::int32_t));
  GatherRowsArguments g;
  g.source = &source;
  g.order = order == nullptr ? nullptr : order + first;
  g.first = first;
  g.rows = rows;
  g.out = to.memory.get();
  device_.gather_labels(g);
  to.data = to.memory.get();
}

void Batch::gather_inputs(std::span<const ArrayView> x, const std::int64_t* order, std::int64_t first,
                          std::int64_t rows) {
  if (x_.size() < x.size()) x_.resize(x.size());
  x_pointers_.resize(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    take(x[i], order, first, rows, x_[i]);
    x_pointers_[i] = x_[i].data;
  }
}

void Batch::gather(const Samples& samples, std::span<const TargetRule> rules, const std::int64_t* order,
                   std::int64_t first, std::int64_t rows) {
  gather_inputs(samples.x, order, first, rows);
  if (y_.size() < rules.size()) y_.resize(rules.size());
  if (weights_.size() < rules.size()) weights_.resize(rules.size());
  for (std::size_t i = 0; i < rules.size(); ++i) {
    y_[i].data = weights_[i].data = nullptr;
    if (!rules[i].read) continue;
    if (rules[i].form == TargetForm::labels) {
      take_labels(*samples.y[i], order, first, rows, y_[i]);
    } else {
      take(*samples.y[i], order, first, rows, y_[i]);
    }
    if (const ArrayView* const weights = samples.weights_of(i); weights != nullptr) {
      take(weights_of_positions(*weights, rules[i].positions), order, first, rows, weights_[i]);
    }
  }
}

std::size_t Batch::bytes() const {
  std::size_t bytes = 0;
  for (const auto* parts : {&x_, &y_, &weights_}) {
    for (const Part& part : *parts) bytes += part.capacity;
  }
  return bytes;
}

Batch::Column Batch::upload(const ArrayView& source, bool labels) {
  Column column;
  const std::size_t item = labels ? sizeof(std::int32_t) : size_of(dtype_);
  column.bytes = element_count(source.row_shape) * static_cast<std::int64_t>(item);
  column.memory = device_.make(static_cast<std::size_t>(source.rows * column.bytes));
  GatherRowsArguments g;
  g.source = &source;
  g.rows = source.rows;
  g.dtype = dtype_;
  g.out = column.memory.get();
  if (labels) {
    device_.gather_labels(g);
  } else {
    device_.gather_rows(g);
  }
  return column;
}

bool Batch::upload_dataset(const Samples& samples, std::span<const TargetRule> rules,
                           const std::int64_t* order) {
  if (uploaded_.tried) return uploaded_.here;
  uploaded_.tried = true;
  const std::size_t most = device_.upload_capacity(), rows = static_cast<std::size_t>(samples.rows());
  std::int64_t width = 0;
  std::size_t arrays = samples.x.size();
  for (const ArrayView& x : samples.x) width += element_count(x.row_shape);
  for (const TargetRule& rule : rules) {
    if (rule.read) width += rule.elements + 2 * rule.positions, arrays += 2;
  }
  if (arrays > kMaximumUploadedArrays || most == 0 || rows == 0 ||
      rows > most / (static_cast<std::size_t>(width) * size_of(dtype_) + sizeof(std::int64_t))) {
    return false;
  }
  Uploaded all;
  for (const ArrayView& x : samples.x) all.columns.push_back(upload(x, false));
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (!rules[i].read) continue;
    all.columns.push_back(upload(*samples.y[i], rules[i].form == TargetForm::labels));
    if (const ArrayView* const weights = samples.weights_of(i); weights != nullptr) {
      all.columns.push_back(upload(weights_of_positions(*weights, rules[i].positions), false));
    }
  }
  if (order != nullptr) {
    all.order = device_.make(rows * sizeof(std::int64_t));
    device_.copy_from_host(all.order.get(), order, rows * sizeof(std::int64_t));
  }
  all.tried = all.here = true;
  uploaded_ = std::move(all);
  return true;
}

void Batch::describe(CapturedRuns& runs) const {
  for (std::size_t i = 0; i < uploaded_.columns.size(); ++i) {
    runs.samples[i] = uploaded_.columns[i].memory.get();
  }
  runs.order = static_cast<const std::int64_t*>(uploaded_.order.get());
}

BatchPlaces::BatchPlaces(std::int64_t row_count, std::span<const Shape> inputs,
                         std::span<const TargetRule> rules, const Samples& samples, DType dtype)
    : rows(row_count) {
  const auto place = [&](std::int64_t each, std::size_t item) {
    constexpr std::size_t aligned = 256;  // as memory of its own would be
    const std::size_t at = bytes;
    bytes = (at + static_cast<std::size_t>(rows * each) * item + aligned - 1) / aligned * aligned;
    return at;
  };
  const std::size_t item = size_of(dtype);
  for (const Shape& input : inputs) x.push_back(place(element_count(input), item));
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const TargetRule& rule = rules[i];
    y.push_back(kNone);
    weights.push_back(kNone);
    if (!rule.read) continue;
    y.back() = place(rule.elements, rule.form == TargetForm::labels ? sizeof(std::int32_t) : item);
    if (samples.weights_of(i) != nullptr) weights.back() = place(rule.positions, item);
  }
}

void Batch::set_location(void* inputs, const BatchPlaces& places) {
  const char* const base = static_cast<const char*>(inputs);
  x_.resize(std::max(x_.size(), places.x.size()));
  y_.resize(std::max(y_.size(), places.y.size()));
  weights_.resize(std::max(weights_.size(), places.y.size()));
  x_pointers_.resize(places.x.size());
  for (std::size_t i = 0; i < places.x.size(); ++i) x_pointers_[i] = x_[i].data = base + places.x[i];
  const auto at = [base](std::size_t place) { return place == BatchPlaces::kNone ? nullptr : base + place; };
  for (std::size_t i = 0; i < places.y.size(); ++i) {
    y_[i].data = at(places.y[i]);
    weights_[i].data = at(places.weights[i]);
  }
}

void Batch::gather_uploaded(const BatchPlaces& places) {
  std::size_t array = 0;
  const auto to = [&](const void* place) {
    const Column& column = uploaded_.columns[array];
    device_.gather_uploaded(places.rows, column.bytes, static_cast<int>(array), const_cast<void*>(place));
    ++array;
  };
  for (const void* x : x_pointers_) to(x);
  for (std::size_t i = 0; i < places.y.size(); ++i) {
    if (y_[i].data != nullptr) to(y_[i].data);
    if (weights_[i].data != nullptr) to(weights_[i].data);
  }
}

void Batch::stage(const Samples& samples, std::span<const TargetRule> rules, const std::int64_t* order,
                  std::int64_t first, const BatchPlaces& places, CapturedStep& step) {
  GatherRowsArguments g;
  g.order = order == nullptr ? nullptr : order + first;
  g.first = first;
  g.rows = places.rows;
  g.dtype = dtype_;
  for (std::size_t i = 0; i < samples.x.size(); ++i) {
    g.source = &samples.x[i];
    step.gather_rows(g, false, places.x[i]);
  }
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (!rules[i].read) continue;
    g.source = &*samples.y[i];
    step.gather_rows(g, rules[i].form == TargetForm::labels, places.y[i]);
    const ArrayView* const each = samples.weights_of(i);
    if (each == nullptr) continue;
    const ArrayView weights = weights_of_positions(*each, rules[i].positions);
    g.source = &weights;
    step.gather_rows(g, false, places.weights[i]);
  }
}

}  // namespace lamina::nn
