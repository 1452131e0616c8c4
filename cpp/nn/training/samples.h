// A user's arrays as batches: checked once, then gathered row by row.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "device/device.h"

namespace lamina::nn {

/// What a loss and metrics expect for each sample.
enum class TargetForm : std::uint8_t {
  values,  ///< as many numbers as the prediction has
  labels,  ///< one class index for each position of the prediction
};

/// Inputs, and for training and evaluation the targets and maybe weights of each output.
struct Samples {
  std::vector<ArrayView> x;                 ///< one for each input
  std::vector<std::optional<ArrayView>> y;  ///< one for each output; none where nothing reads it
  /// Likewise, or empty: one number a sample, or one for each of its positions.
  std::vector<std::optional<ArrayView>> weights;

  std::int64_t rows() const { return x.empty() ? 0 : x.front().rows; }
  const ArrayView* weights_of(std::size_t output) const {
    return output < weights.size() && weights[output] ? &*weights[output] : nullptr;
  }
};

/// What the targets of one output are.
struct TargetRule {
  Shape output;                ///< of the prediction
  std::int64_t positions = 1;  ///< how many rows of a loss one sample makes
  std::int64_t elements = 1;   ///< of a sample's target
  TargetForm form = TargetForm::values;
  bool read = true;        ///< false: nothing reads them
  bool missing = false;    ///< NaN is allowed
  bool has_extra = false;  ///< one more label is allowed
  std::int64_t extra = 0;
  bool columns = true;  ///< labels are columns of the prediction; else any up to 2^31 - 1
};

/// Throws ValueError unless there is an array of samples of each input's shape, all of as many rows.
void check_inputs(std::span<const ArrayView> x, std::span<const Shape> inputs);
/// Throws ValueError unless targets and weights (one for each sample, or for each position of all axes but
/// the last) fit the inputs and the rules, no target is NaN, and every label is a class index, but for what
/// the rule allows. `scanned`: the values of the targets were checked before, only shapes are.
void check_targets(Device& device, const Samples& samples, std::span<const TargetRule> rules,
                   bool scanned = false);

/// Where the samples of a batch are in one memory; distances in bytes.
struct BatchPlaces {
  static constexpr std::size_t kNone = ~std::size_t{0};
  /// `inputs`: elements of a sample of each. `weighted`: by output.
  BatchPlaces(std::int64_t rows, std::span<const Shape> inputs, std::span<const TargetRule> rules,
              const Samples& samples, DType dtype);
  std::int64_t rows;
  std::vector<std::size_t> x, y, weights;  ///< kNone where there is no array
  std::size_t bytes = 0;                   ///< of all
};

/// Device memory for the rows of one batch.
class Batch {
 public:
  Batch(Device& device, DType dtype) : device_(device), dtype_(dtype) {}

  /// Gathers `rows` samples: those that `order` names from position `first` on, or the ones
  /// from `first` on themselves. Contiguous arrays of the right type are used where they are.
  void gather(const Samples& samples, std::span<const TargetRule> rules, const std::int64_t* order,
              std::int64_t first, std::int64_t rows);
  /// The same for inputs alone.
  void gather_inputs(std::span<const ArrayView> x, const std::int64_t* order, std::int64_t first,
                     std::int64_t rows);

  // Samples of captured steps.
  /// Until leave(): copies all samples to the device, converted, with the order in which they are visited
  /// (null: as they are). Once; false, and nothing kept, where they do not fit or the device is the host.
  bool upload_dataset(const Samples& samples, std::span<const TargetRule> rules, const std::int64_t* order);
  bool is_uploaded() const { return uploaded_.here; }
  /// Where they are.
  void describe(CapturedRuns& runs) const;
  void leave() { uploaded_ = {}; }
  /// x(), y() and weights() are there until the next gather().
  void set_location(void* inputs, const BatchPlaces& places);
  /// Records that uploaded samples are gathered to the batch's location.
  void gather_uploaded(const BatchPlaces& places);
  /// As gather(), through the captured step's memory, to where the batch was when it was captured.
  void stage(const Samples& samples, std::span<const TargetRule> rules, const std::int64_t* order,
             std::int64_t first, const BatchPlaces& places, CapturedStep& step);

  const void* x(std::size_t input) const { return x_pointers_[input]; }
  std::span<const void* const> inputs() const { return x_pointers_; }
  const void* y(std::size_t output) const { return y_[output].data; }
  const void* weights(std::size_t output) const {
    return weights_[output].data;
  }  ///< [rows * positions] or null
  /// What is kept for the next batch.
  std::size_t bytes() const;

 private:
  /// One array of the batch.
  struct Part {
    const void* data = nullptr;
    Device::Memory memory{nullptr, {nullptr}};
    std::size_t capacity = 0;
  };
  void take(const ArrayView& source, const std::int64_t* order, std::int64_t first, std::int64_t rows,
            Part& to);
  void take_labels(const ArrayView& source, const std::int64_t* order, std::int64_t first, std::int64_t rows,
                   Part& to);
  void grow(Part& part, std::size_t bytes);

  /// One of the arrays of all samples: dense rows of `bytes`.
  struct Column {
    Device::Memory memory{nullptr, {nullptr}};
    std::int64_t bytes = 0;
  };
  struct Uploaded {
    bool tried = false, here = false;
    std::vector<Column> columns;  ///< inputs, then targets and weights, those that there are
    Device::Memory order{nullptr, {nullptr}};
  };
  Column upload(const ArrayView& source, bool labels);

  Device& device_;
  DType dtype_;
  Uploaded uploaded_;
  std::vector<Part> x_, y_, weights_;
  std::vector<const void*> x_pointers_;
};

}  // namespace lamina::nn
