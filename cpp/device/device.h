// The one narrow interface between a network's mathematics and the machine that
// computes it. nn/ and autograd/ call it; cpu/ and cuda/ implement it.
//
// All sizes may be zero. Arguments are trusted: whoever takes them from a user has
// checked them. Every call gives the bits that docs/numerics.md states.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "device/arguments.h"
#include "device/array.h"
#include "device/captured_step.h"
#include "device/layer_arguments.h"
#include "device/precision.h"
#include "device/strided.h"

namespace lamina {

class Device {
 public:
  virtual ~Device() = default;
  virtual std::string_view name() const = 0;
  /// Whether its memory is the host's: pointers of either work for both.
  virtual bool is_host() const { return false; }
  /// Of the products of layers in float32; a device of each precision shares memory and everything else.
  virtual Precision precision() const { return Precision::strict; }

  // Memory. Pointers in all arguments are to this device's memory unless said otherwise.
  virtual void* allocate(std::size_t bytes) = 0;  ///< 64-byte aligned; std::bad_alloc when out of it
  virtual void release(void* memory) noexcept = 0;
  virtual void fill_zero(void* to, std::size_t bytes) = 0;
  virtual void copy(void* to, const void* from, std::size_t bytes) = 0;
  virtual void copy_from_host(void* to, const void* from, std::size_t bytes) = 0;
  virtual void copy_to_host(void* to, const void* from, std::size_t bytes) = 0;
  virtual void synchronize() = 0;  ///< waits until all calls so far have taken effect

  /// How many sequences of calls this device can run at a time, for work of about `cost`
  /// (multiply-adds) in at most `most` parts.
  virtual int concurrency(double cost, std::int64_t most) = 0;
  /// Calls run(i) once for each i in [0, n), for n of concurrency(), at the same time where that helps.
  /// Calls of this device made inside run(i) stay in order with each other.
  virtual void run_concurrently(int n, const std::function<void(int)>& run) = 0;

  // Products and element-wise functions.
  virtual void gemm(const GemmArguments&) = 0;
  /// y = f(x) over [rows, columns]; y may be x.
  virtual void activate(DType, const Activation&, std::int64_t rows, std::int64_t columns, const void* x,
                        void* y) = 0;
  /// dx = dy times f's Jacobian; `saved` is f's output or input, as derivative_from says
  /// (softmax and log_softmax: output). dx may be dy.
  virtual void activate_backward(DType, const Activation&, std::int64_t rows, std::int64_t columns,
                                 const void* saved, const void* dy, void* dx) = 0;

  // Reductions.
  /// out[j] = the sum of column j over the rows, in chunks of kRowChunk.
  virtual void column_sums(DType, std::int64_t rows, std::int64_t columns, const void* x, void* out) = 0;
  /// out[i] = the sum of row i: lanes, lane tree, chunks of kSumChunk.
  virtual void row_sums(DType, std::int64_t rows, std::int64_t columns, const void* x, void* out) = 0;

  // Losses and metrics. Results are host numbers.
  /// The weighted sum over the rows of the loss (not divided); fills the gradient if asked.
  virtual double loss(const LossArguments&) = 0;
  /// How many rows count in it (all, but for missing targets and an ignored class; a row of
  /// which some elements are missing counts in part), each as often as its weight if `weighted`.
  virtual double loss_count(const LossArguments&, bool weighted) = 0;
  /// Adds the rows to a metric's state, state_size() numbers of the host's.
  virtual void add_metric(const MetricArguments&, double* state) = 0;

  // Optimizers.
  /// Whether gemm() takes GemmArguments::update.
  virtual bool fuses_updates() const { return false; }
  virtual void update(const UpdateArguments&) = 0;
  /// Whether update() takes UpdateTreatment::clip, which clip_factors() fills in: where the host would have
  /// to wait for a norm.
  virtual bool clips_by_itself() const { return false; }
  virtual void clip_factors(const ClipArguments& arguments) { static_cast<void>(arguments); }
  virtual void vector_op(const VectorArguments&) = 0;
  /// Sum of x[i] * y[i], in the order of cpu/vector_ops/vector_ops.h.
  virtual double dot(DType, std::int64_t n, const void* x, const void* y) = 0;
  virtual double abs_max(DType, std::int64_t n, const void* x) = 0;
  virtual bool all_finite(DType, std::int64_t n, const void* x) = 0;

  // Layers.
  virtual void normalize_columns(const ColumnNormalization&) = 0;
  virtual void normalize_columns_backward(const ColumnNormalization&) = 0;
  virtual void normalize_rows(const RowNormalization&) = 0;
  virtual void normalize_rows_backward(const RowNormalization&) = 0;
  /// moving = moving * momentum + current * (1 - momentum).
  virtual void update_moving_average(DType, std::int64_t n, double momentum, const void* current,
                                     void* moving) = 0;
  /// variance = deviation^2 - epsilon, not below 0.
  virtual void variance_of_deviation(DType, std::int64_t n, double epsilon, const void* deviation,
                                     void* variance) = 0;
  virtual void elementwise(const ElementwiseArguments&) = 0;
  virtual void strided(const StridedArguments&) = 0;
  virtual void rescale(const RescaleArguments&) = 0;
  virtual void prelu(const PreluArguments&) = 0;
  virtual void prelu_backward(const PreluArguments&) = 0;
  virtual void transpose(const TransposeArguments&) = 0;
  /// ValueError for an index outside of the table.
  virtual void embedding_lookup(const EmbeddingArguments&) = 0;
  virtual void embedding_backward(const EmbeddingArguments&) = 0;
  /// l1 * sum |w| + l2 * sum w^2, times scale; adds its gradient where one is given.
  virtual double penalty(const PenaltyArguments&) = 0;
  virtual void constrain(const ConstraintArguments&) = 0;

  // Arrays: operands are strided and broadcast, results row-major.
  virtual void unary(const UnaryArguments&) = 0;
  virtual void binary(const BinaryArguments&) = 0;
  virtual void select(const SelectArguments&) = 0;
  virtual void convert(const ConvertArguments&) = 0;
  virtual void write(const WriteArguments&) = 0;
  virtual void reduce(const ReduceArguments&) = 0;
  virtual void cumulative(const CumulativeArguments&) = 0;
  virtual void argsort(const ArgsortArguments&) = 0;
  virtual void gather(const GatherArguments&) = 0;
  virtual void scatter(const ScatterArguments&) = 0;
  /// Whether the function is defined for elements of the type.
  virtual bool has(UnaryKind, ElementType) const = 0;
  virtual bool has(BinaryKind, ElementType) const = 0;

  // Random numbers.
  virtual void random(const RandomArguments&) = 0;
  /// out[i] uniform in [low, high), without bias, from 64-bit word i. ValueError unless low < high.
  virtual void integers(std::int64_t n, std::int64_t low, std::int64_t high, RandomKey,
                        std::int64_t* out) = 0;
  virtual void dropout(const DropoutArguments&) = 0;

  // Data. The source and the order are in host memory.
  virtual void gather_rows(const GatherRowsArguments&) = 0;
  /// As gather, for class indices: int32 out, kMissingLabel for NaN. The source must have passed
  /// find_bad_label.
  virtual void gather_labels(const GatherRowsArguments&) = 0;
  /// The index of the first element, in row order, that the rule does not allow; -1 when it
  /// allows all.
  virtual std::int64_t find_bad_label(const ArrayView& source, const LabelRule& rule) = 0;
  virtual bool has_nan(const ArrayView& source) = 0;
  /// A random order of 0..n-1, into host memory.
  virtual void permutation(std::int64_t n, RandomKey, std::int64_t* order) = 0;

  // CapturedStep.
  /// The calls that `step` makes, to be run again and again; `step`, which is given the device's memory for a
  /// step's samples, itself computes nothing: loss() returns 0 and adds to the captured step's sum, and so do
  /// add_metric(), update() and what draws random numbers with the numbers of each run. Null where that
  /// cannot be: without captured steps, out of memory, or for calls that need the host in between. One at a
  /// time.
  virtual std::unique_ptr<CapturedStep> capture(const CaptureArguments&,
                                                const std::function<void(void* inputs)>& step) {
    static_cast<void>(step);
    return nullptr;
  }
  /// Only while capturing: out[i] = rows order[first + i] of the run's samples[array], each `row_bytes`, a
  /// multiple of 4.
  virtual void gather_uploaded(std::int64_t rows, std::int64_t row_bytes, int array, void* out) {
    static_cast<void>(rows), static_cast<void>(row_bytes), static_cast<void>(array), static_cast<void>(out);
  }
  /// How many bytes of its memory may be filled with a whole set of samples; 0: none.
  virtual std::size_t upload_capacity() { return 0; }

  /// A buffer of this device's memory that frees itself.
  struct Release {
    Device* device;
    void operator()(void* memory) const noexcept { device->release(memory); }
  };
  using Memory = std::unique_ptr<void, Release>;
  Memory make(std::size_t bytes) { return Memory(allocate(bytes), Release{this}); }
};

/// The device of that name ("cpu", "cuda"); ValueError names the ones there are and, for
/// one that this build or machine lacks, why.
Device& device(std::string_view name);
/// The same at a precision; StateError says what it lacks, ValueError for one that the device never has.
Device& device(std::string_view name, Precision precision);
/// The names that device() accepts here.
std::vector<std::string> available_devices();

}  // namespace lamina
