// A user's arrays as batches: checked once, then gathered row by row.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "device/device.h"

namespace lamina::nn {

/// What a loss expects for each sample.
enum class TargetForm : std::uint8_t {
  values,  ///< as many numbers as the prediction has
  labels,  ///< one class index for each position of the prediction
};

/// Inputs, and for training and evaluation the targets and maybe weights, of `rows` samples.
struct Samples {
  ArrayView x;
  ArrayView y;
  std::optional<ArrayView> weights;  ///< one number a sample, or one for each of its positions
};

/// Throws ValueError unless x holds samples of shape `input`.
void check_inputs(const ArrayView& x, const Shape& input);
/// What targets may hold beside numbers and class indices.
struct TargetRule {
  TargetForm form = TargetForm::values;
  bool missing = false;    ///< NaN
  bool has_extra = false;  ///< one more label
  std::int64_t extra = 0;
  bool columns = true;  ///< labels are columns of the prediction; else any up to 2^31 - 1
};
/// Throws ValueError unless y (and weights, one for each sample or for each position of all axes
/// but the last) fit x and a prediction of shape `output`, no target is NaN, and every label is
/// a class index, but for what the rule allows.
void check_targets(Device& device, const Samples& samples, const Shape& output, const TargetRule& rule);

/// Where the samples of a batch lie in one memory; distances in bytes.
struct BatchPlaces {
  /// `inputs`, `outputs`: elements of a sample.
  BatchPlaces(std::int64_t rows, std::int64_t inputs, std::int64_t outputs, std::int64_t positions,
              TargetForm form, bool weighted, DType dtype);
  std::int64_t rows;
  bool weighted;
  std::size_t y, weights, bytes;  ///< x lies first; bytes: of all
};

/// Device memory for the rows of one batch.
class Batch {
 public:
  Batch(Device& device, DType dtype) : device_(device), dtype_(dtype) {}

  /// Gathers `rows` samples: those that `order` names from position `first` on, or the ones
  /// from `first` on themselves. Contiguous arrays of the right type are used where they lie.
  /// `positions` is how many rows of the loss one sample makes.
  void gather(const Samples& samples, TargetForm form, std::int64_t positions, const std::int64_t* order,
              std::int64_t first, std::int64_t rows);
  /// The same for inputs alone.
  void gather_inputs(const ArrayView& x, std::int64_t first, std::int64_t rows);

  // Samples of captured steps.
  /// Until leave(): copies all samples to the device, converted, with the order in which they are visited
  /// (null: as they lie). Once; false, and nothing kept, where they do not fit or the device is the host.
  bool upload_dataset(const Samples& samples, TargetForm form, std::int64_t positions,
                      const std::int64_t* order);
  bool is_uploaded() const { return uploaded_.here; }
  /// Where they are.
  void describe(CapturedRuns& runs) const;
  void leave() { uploaded_ = {}; }
  /// x(), y() and weights() are there until the next gather().
  void set_location(void* inputs, const BatchPlaces& places);
  /// Records that uploaded samples are gathered to where the batch lies.
  void gather_uploaded(const BatchPlaces& places);
  /// As gather(), through the captured step's memory, to where the batch lay when it was captured.
  void stage(const Samples& samples, TargetForm form, std::int64_t positions, const std::int64_t* order,
             std::int64_t first, const BatchPlaces& places, CapturedStep& step);

  const void* x() const { return x_; }
  const void* y() const { return y_; }
  const void* weights() const { return weights_; }  ///< [rows * positions] or null
  /// What is kept for the next batch.
  std::size_t bytes() const { return x_capacity_ + y_capacity_ + weights_capacity_; }

 private:
  const void* take(const ArrayView& source, DType dtype, const std::int64_t* order, std::int64_t first,
                   std::int64_t rows, Device::Memory& memory, std::size_t& capacity);

  /// One of the arrays of all samples: dense rows of `bytes`.
  struct Column {
    Device::Memory memory{nullptr, {nullptr}};
    std::int64_t bytes = 0;
  };
  struct Uploaded {
    bool tried = false, here = false;
    Column x, y, weights;
    Device::Memory order{nullptr, {nullptr}};
  };
  void upload(const ArrayView& source, bool labels, Column& column);

  Device& device_;
  DType dtype_;
  Uploaded uploaded_;
  const void* x_ = nullptr;
  const void* y_ = nullptr;
  const void* weights_ = nullptr;
  Device::Memory x_memory_, y_memory_, weights_memory_;
  std::size_t x_capacity_ = 0, y_capacity_ = 0, weights_capacity_ = 0;
};

}  // namespace lamina::nn
