#include "nn/training/samples.h"

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

void grow(Device& device, Device::Memory& memory, std::size_t& capacity, std::size_t bytes) {
  if (bytes <= capacity && memory != nullptr) return;
  memory = device.make(bytes);
  capacity = bytes;
}

}  // namespace

void check_inputs(const ArrayView& x, const Shape& input) {
  if (!(x.row_shape == input)) {
    throw ValueError(text("[x] the model takes samples of shape ", to_string(input),
                          ". Received: samples of shape ", to_string(x.row_shape)));
  }
}

void check_targets(Device& device, const Samples& samples, const Shape& output, const TargetRule& rule) {
  const TargetForm form = rule.form;
  if (samples.y.rows != samples.x.rows) {
    throw ValueError(text("[y] x and y must have the same number of samples. Received: ", samples.x.rows,
                          " and ", samples.y.rows));
  }
  const std::int64_t outputs = element_count(output);
  const std::int64_t columns = output.empty() ? 1 : output.back();
  const std::int64_t wanted = form == TargetForm::values ? outputs : outputs / columns;
  if (element_count(samples.y.row_shape) != wanted) {
    throw ValueError(text("[y] for predictions of shape ", to_string(output), " the loss takes ",
                          form == TargetForm::values
                              ? "targets of that shape"
                              : "one integer label for each position of all axes but the last",
                          ". Received: targets of shape ", to_string(samples.y.row_shape)));
  }
  if (form == TargetForm::labels) {
    const std::int64_t classes = rule.columns ? columns : std::int64_t{1} << 31;
    const std::int64_t bad =
        device.find_bad_label(samples.y, {classes, rule.has_extra, rule.extra, rule.missing});
    if (bad >= 0) {
      throw ValueError(text("[y] labels must be integers from 0 to ", classes - 1,
                            " (the model has that many outputs). Received: another value in sample ",
                            bad / (wanted == 0 ? 1 : wanted)));
    }
  } else if (!rule.missing && device.has_nan(samples.y)) {
    throw ValueError("[y] targets contain NaN. Remove or fill the missing values");
  }
  if (!samples.weights) return;
  const std::int64_t weights = element_count(samples.weights->row_shape);
  if (samples.weights->rows != samples.x.rows || (weights != 1 && weights * columns != outputs)) {
    throw ValueError(text("[sample_weight] one weight is needed for each sample, shape (", samples.x.rows,
                          ",), or for each position of all axes of its prediction but the last. Received: ",
                          samples.weights->rows, " rows of shape ", to_string(samples.weights->row_shape)));
  }
  if (device.has_nan(*samples.weights)) throw ValueError("[sample_weight] weights contain NaN");
}

const void* Batch::take(const ArrayView& source, DType dtype, const std::int64_t* order, std::int64_t first,
                        std::int64_t rows, Device::Memory& memory, std::size_t& capacity) {
  if (order == nullptr && device_.is_host() && usable_in_place(source, dtype)) {
    return static_cast<const char*>(source.data) + first * source.row_stride;
  }
  const std::int64_t elements = element_count(source.row_shape);
  grow(device_, memory, capacity, static_cast<std::size_t>(rows * elements) * size_of(dtype));
  GatherRowsArguments g;
  g.source = &source;
  g.order = order == nullptr ? nullptr : order + first;
  g.first = first;
  g.rows = rows;
  g.dtype = dtype;
  g.out = memory.get();
  device_.gather_rows(g);
  return memory.get();
}

void Batch::gather_inputs(const ArrayView& x, std::int64_t first, std::int64_t rows) {
  x_ = take(x, dtype_, nullptr, first, rows, x_memory_, x_capacity_);
}

void Batch::gather(const Samples& samples, TargetForm form, std::int64_t positions, const std::int64_t* order,
                   std::int64_t first, std::int64_t rows) {
  x_ = take(samples.x, dtype_, order, first, rows, x_memory_, x_capacity_);
  if (form == TargetForm::values) {
    y_ = take(samples.y, dtype_, order, first, rows, y_memory_, y_capacity_);
  } else {
    grow(device_, y_memory_, y_capacity_, static_cast<std::size_t>(rows * positions) * sizeof(std::int32_t));
    GatherRowsArguments g;
    g.source = &samples.y;
    g.order = order == nullptr ? nullptr : order + first;
    g.first = first;
    g.rows = rows;
    g.out = y_memory_.get();
    device_.gather_labels(g);
    y_ = y_memory_.get();
  }
  weights_ = nullptr;
  if (!samples.weights) return;
  weights_ = take(weights_of_positions(*samples.weights, positions), dtype_, order, first, rows,
                  weights_memory_, weights_capacity_);
}

void Batch::upload(const ArrayView& source, bool labels, Column& column) {
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
}

bool Batch::upload_dataset(const Samples& samples, TargetForm form, std::int64_t positions,
                           const std::int64_t* order) {
  if (uploaded_.tried) return uploaded_.here;
  uploaded_.tried = true;
  const std::size_t most = device_.upload_capacity(), rows = static_cast<std::size_t>(samples.x.rows);
  const auto width = static_cast<std::size_t>(element_count(samples.x.row_shape) +
                                              element_count(samples.y.row_shape) + 2 * positions);
  if (most == 0 || rows == 0 || rows > most / (width * size_of(dtype_) + sizeof(std::int64_t))) return false;
  Uploaded all;
  upload(samples.x, false, all.x);
  upload(samples.y, form == TargetForm::labels, all.y);
  if (samples.weights) upload(weights_of_positions(*samples.weights, positions), false, all.weights);
  if (order != nullptr) {
    all.order = device_.make(rows * sizeof(std::int64_t));
    device_.copy_from_host(all.order.get(), order, rows * sizeof(std::int64_t));
  }
  all.tried = all.here = true;
  uploaded_ = std::move(all);
  return true;
}

void Batch::describe(CapturedRuns& runs) const {
  runs.samples[0] = uploaded_.x.memory.get();
  runs.samples[1] = uploaded_.y.memory.get();
  runs.samples[2] = uploaded_.weights.memory.get();
  runs.order = static_cast<const std::int64_t*>(uploaded_.order.get());
}

BatchPlaces::BatchPlaces(std::int64_t row_count, std::int64_t inputs, std::int64_t outputs,
                         std::int64_t positions, TargetForm form, bool has_weights, DType dtype)
    : rows(row_count), weighted(has_weights) {
  const auto after = [&](std::size_t at, std::int64_t each, std::size_t item) {
    constexpr std::size_t aligned = 256;  // as memory of its own would be
    return (at + static_cast<std::size_t>(rows * each) * item + aligned - 1) / aligned * aligned;
  };
  const std::size_t item = size_of(dtype);
  y = after(0, inputs, item);
  const bool labels = form == TargetForm::labels;
  weights = after(y, labels ? positions : outputs, labels ? sizeof(std::int32_t) : item);
  bytes = weighted ? after(weights, positions, item) : weights;
}

void Batch::set_location(void* inputs, const BatchPlaces& places) {
  const char* const base = static_cast<const char*>(inputs);
  x_ = base;
  y_ = base + places.y;
  weights_ = places.weighted ? base + places.weights : nullptr;
}

void Batch::gather_uploaded(const BatchPlaces& places) {
  const auto to = [&](int array, const Column& column, const void* place) {
    device_.gather_uploaded(places.rows, column.bytes, array, const_cast<void*>(place));
  };
  to(0, uploaded_.x, x_);
  to(1, uploaded_.y, y_);
  if (weights_ != nullptr) to(2, uploaded_.weights, weights_);
}

void Batch::stage(const Samples& samples, TargetForm form, std::int64_t positions, const std::int64_t* order,
                  std::int64_t first, const BatchPlaces& places, CapturedStep& step) {
  GatherRowsArguments g;
  g.order = order == nullptr ? nullptr : order + first;
  g.first = first;
  g.rows = places.rows;
  g.dtype = dtype_;
  g.source = &samples.x;
  step.gather_rows(g, false, 0);
  g.source = &samples.y;
  step.gather_rows(g, form == TargetForm::labels, places.y);
  if (!samples.weights) return;
  const ArrayView weights = weights_of_positions(*samples.weights, positions);
  g.source = &weights;
  step.gather_rows(g, false, places.weights);
}

}  // namespace lamina::nn
