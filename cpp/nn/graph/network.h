// A model's layers as a graph, built layer by layer: parameters, plans and passes.
#pragma once

#include <memory>
#include <vector>

#include "nn/graph/execute.h"
#include "nn/graph/inference.h"
#include "nn/layers/batch_normalization.h"
#include "nn/layers/join.h"
#include "nn/layers/merge.h"
#include "nn/layers/reduce.h"
#include "nn/parameters/store.h"

namespace lamina::nn {

/// How a loss takes an output.
struct OutputReading {
  Ending ending = Ending::whole;
  bool has_gradient = true;  ///< false: an output without a loss
  bool operator==(const OutputReading&) const = default;
};

/// Memory and tables for passes over batches of up to `batch` samples, forward and backward.
struct Activations {
  std::int64_t batch = 0;
  bool defers = false;
  std::uint64_t structure = 0;          ///< Network::structure() when it was made
  std::vector<OutputReading> readings;  ///< by output
  std::unique_ptr<MemoryPlan> plan;
  Device::Memory memory;
  Run run;
};

class Network {
 public:
  /// With one input, whose samples have that shape.
  Network(Shape input, DType dtype, Device& device);

  // Building; StateError once built. A value is named by a number: the inputs and the output of each layer
  // and operation in the order in which they come, the first input being 0.
  /// One more input; what is added next still reads the value that it would have read.
  std::int64_t add_input(Shape shape);
  /// What is added next reads that value.
  void seek(std::int64_t value);
  /// What is added next reads: what was added last, after seek() another.
  std::int64_t value() const { return cursor_; }
  const Shape& value_shape(std::int64_t value) const { return checked_value(value).shape; }
  /// Operations that are added next, up to the end of `count` layers, compute with the parameters and the
  /// state of those of layers `first`, ... in their order; such layers have no parameters of their own.
  /// ValueError where they do not fit.
  void share(std::int64_t first, std::int64_t count = 1);
  /// The outputs; by default what was added last.
  void set_outputs(const std::vector<std::int64_t>& values);

  // Operations on values; no layers of their own: where they are a layer, add_identity() ends it. Each
  // becomes the value that is read next.
  /// "add", "subtract", "multiply", "average", "maximum", "minimum", from left to right, extents of 1
  /// repeated, and "concatenate" along `axis` of a sample (from 0).
  void add_merge(const std::string& kind, const std::vector<std::int64_t>& values, std::int64_t axis = -1);
  void add_binary(MergeKind kind, std::int64_t a, std::int64_t b);
  /// value op number, or number op value.
  void add_number(MergeKind kind, double number, bool number_first);
  /// The sums of products along axis a_axis of a's samples and b_axis of b's (from 0); what is left of both
  /// follows one another, and is [1] where nothing is. With `normalize` vectors along the axes are scaled to
  /// norm 1 first.
  void add_dot(std::int64_t a, std::int64_t b, std::int64_t a_axis, std::int64_t b_axis, bool normalize);
  /// Products of matrices [..., m, k] and [..., k, n], the axes before those the same.
  void add_matmul(std::int64_t a, std::int64_t b);
  void add_slice(const std::vector<Slice::Axis>& axes);
  void add_reduce(ReductionKind kind, const std::vector<std::int64_t>& axes, bool keep_axes);

  // Layers. Each call appends one layer as its user knows it.
  void add_dense(std::int64_t units, bool use_bias, const Activation&);
  void add_activation(const Activation&);
  void add_dropout(double rate, std::uint64_t seed);
  void add_flatten();
  void add_reshape(const Shape& shape);  ///< with as many elements
  void add_identity();
  /// y = x * a + b, or with `divide` (x - a) / b; a number of each for every element of a sample.
  void add_rescale(bool divide, const std::vector<double>& a, const std::vector<double>& b);
  /// Axes of a sample count from 0: axis i of the result is axis order[i] of the input.
  void add_permute(const std::vector<std::int64_t>& order);
  void add_repeat(std::int64_t n);  ///< [features] to [n, features]
  /// Softmax and other functions of whole rows, along any axis of a sample.
  void add_row_activation(const Activation&, std::int64_t axis);
  void add_batch_normalization(std::int64_t axis, double momentum, double epsilon, bool center, bool scale,
                               const std::optional<RenormalizationOptions>& = std::nullopt);
  /// Over the last `axes` axes of a sample, whose axes are put into `order` for it unless that is empty;
  /// `scale_name` names the factors, "gamma" or "scale".
  void add_row_normalization(RowNormalizationKind, std::int64_t axes, double epsilon, bool center, bool scale,
                             const std::string& scale_name, const std::vector<std::int64_t>& order = {});
  /// `axis` holds the features; -1 is the last one.
  void add_group_normalization(std::int64_t groups, double epsilon, bool center, bool scale,
                               std::int64_t axis = -1);
  /// The first `shared` axes of a sample share their alphas, whose shape keeps them as 1.
  void add_prelu(std::int64_t shared);
  void add_alpha_dropout(double rate, std::uint64_t seed);
  /// `noise` has the axes of a batch; each extent is the input's or 1, -1 stands for the input's.
  void add_masked_dropout(double rate, const Shape& noise, std::uint64_t seed, bool alpha);
  void add_gaussian_noise(double stddev, std::uint64_t seed);
  void add_gaussian_dropout(double rate, std::uint64_t seed);
  void add_embedding(std::int64_t entries, std::int64_t columns);
  /// y = activation(einsum(x, kernel) + bias); a label for each axis of a sample and of the kernel. The bias
  /// stands at the output's last axes; an empty shape is none. ValueError for equations that are no product.
  void add_einsum_dense(const std::string& input, const std::string& kernel, const std::string& output,
                        const Shape& kernel_shape, const Shape& bias, const Activation&);
  /// The kernel of the layer added next is divided by its largest singular value: SpectralNormalization.
  void normalize_next_kernel(std::int64_t power_iterations);
  /// A penalty on the output of the layer added last: (l1 sum |y| + l2 sum y^2) / batch.
  void add_activity_penalty(double l1, double l2);
  /// A parameter that no operation uses, as one more layer: for the tape to compute with.
  void add_parameter(const Parameter& parameter);

  /// Ends the building: nothing is added any more, and passes may run with parameters from elsewhere.
  void finish();
  /// Lays out the parameters, all zero; done by the first call that needs them.
  void build();
  bool built() const { return built_; }
  /// The memory of their gradients, which only training needs.
  void build_gradients();

  DType dtype() const { return dtype_; }
  Device& device() const { return device_; }
  std::size_t inputs() const { return input_shapes_.size(); }
  std::size_t outputs() const { return output_shapes().size(); }
  std::span<const Shape> input_shapes() const { return input_shapes_; }
  std::span<const Shape> output_shapes() const {
    return output_shapes_.empty() ? std::span<const Shape>(&current_, 1)
                                  : std::span<const Shape>(output_shapes_);
  }
  const Shape& input_shape(std::size_t input = 0) const { return input_shapes_[input]; }
  const Shape& shape_of_output(std::size_t output) const { return output_shapes()[output]; }
  /// Of the first output.
  const Shape& output_shape() const { return output_shapes().front(); }
  std::int64_t layers() const { return static_cast<std::int64_t>(shapes_.size()); }
  /// The output shape of layer `i`; -1 is the last. ValueError out of range.
  const Shape& output_shape(std::int64_t i) const;

  /// Freezes a layer: no step changes it, a frozen BatchNormalization is in inference mode.
  void set_trainable(std::int64_t layer, bool trainable);
  /// As Layer::index_range(), of an input that is read as it is.
  std::int64_t index_range(std::size_t input = 0) const;
  /// Whether a layer adds to the loss.
  bool adds_loss() const { return adds_loss_; }
  /// After a training pass: the layers' own state.
  void update_state(const Pass&, const Activations&) const;

  /// The parameters, which may outlive the network.
  ParameterStore& store() const { return *store_; }
  const std::shared_ptr<ParameterStore>& shared_store() const { return store_; }
  const ParameterLayout& layout() const { return store_->layout(); }

  const Graph& graph() const { return graph_; }
  /// Changes when plans that were made before fit no more: layers were frozen or thawed.
  std::uint64_t structure() const { return structure_; }
  /// About the multiplications that one sample's output takes.
  double work() const { return graph_.work(); }

  /// The operation that computes an output, if nothing else reads that value (R4); else null.
  const Layer* last_operation(std::size_t output) const;

  // Passes of a training, an evaluation, or a call in training.
  /// Whether reserve() would leave `activations` as they are.
  bool fits(const Activations& activations, std::int64_t batch, const std::vector<OutputReading>&,
            bool defers) const;
  /// Makes `activations` hold `batch` samples; on failure it holds none. With `defers`, backward() can leave
  /// operations to the caller.
  void reserve(Activations& activations, std::int64_t batch, const std::vector<OutputReading>&,
               bool defers = false) const;
  /// `x`: all inputs. `whole`: nothing is left to a loss.
  void forward(const Pass&, std::span<const void* const> x, Activations&, Monitor*, bool whole = false) const;
  /// What a loss reads of an output, after forward().
  void* prediction(const Activations&, std::size_t output) const;
  /// The output as a user knows it: after a whole pass, or where a loss may put it.
  void* output(const Activations&, std::size_t output) const;
  /// Where the gradient of prediction() belongs; null where the output has none.
  void* output_gradient(const Activations& activations, std::size_t output) const {
    return activations.run.seed(output);
  }
  /// From output_gradient() of all outputs to every parameter's gradient; see nn::backward().
  void backward(const Pass&, Activations&, Monitor*, std::vector<DeferredBackward>* deferred = nullptr) const;
  /// The place in the layout of the kernel that a deferred operation updates.
  std::size_t kernel_of(const DeferredBackward& rest) const { return first_parameter(rest.layer); }

  /// out[k][rows, output k] = the outputs in inference; x and out are dense. Safe to call from several
  /// threads while the parameters do not change.
  void infer(std::span<const void* const> x, std::int64_t rows, std::span<void* const> out) const;
  /// Rows that go through all layers together: their activations fit a core's near caches.
  std::int64_t rows_a_block() const { return inference_->rows_a_block(); }

 private:
  /// A value as its readers see it.
  struct NamedValue {
    ValueId value = 0;
    Shape shape;
  };
  const NamedValue& checked_value(std::int64_t value) const;
  void require_unbuilt() const;
  /// The value that is read next, under a new number.
  void name_value();
  void end_layer();
  /// A node that reads the current value, or those, and becomes the current one.
  void append(std::unique_ptr<Layer> operation) { append(std::move(operation), {at_}); }
  void append(std::unique_ptr<Layer> operation, std::vector<ValueId> inputs);
  /// The function as part of the layer that is being added.
  void activate(const Activation&);
  /// Group normalization over the last axis, as part of a layer.
  void normalize_groups(std::int64_t groups, double epsilon, bool center, bool scale);
  void take_pointers();
  std::size_t first_parameter(LayerId layer) const;
  /// Whether an operation's kernel gradient is better not stored.
  bool has_large_kernel(const Node&) const;
  /// The samples of a value with one axis brought to the end; its other axes keep their order.
  ValueId with_last_axis(std::int64_t value, std::int64_t axis, bool normalize, Shape& shape);

  DType dtype_;
  Device& device_;
  Graph graph_;
  std::vector<NamedValue> named_;
  std::int64_t cursor_ = 0;
  ValueId at_ = 0;                                   ///< the value that is read next
  Shape current_;                                    ///< and its samples' shape
  bool is_fresh_ = false;                            ///< it has no number yet
  std::vector<Shape> input_shapes_, output_shapes_;  ///< of all outputs, once they are set
  std::vector<Shape> shapes_;                        ///< the output of each layer
  std::vector<LayerId> shared_layers_;  ///< what operations to come compute with, the next one last
  std::int64_t sharing_ = 0;            ///< layers up to the end of that
  std::uint64_t dropouts_ = 0, noises_ = 0;
  std::int64_t power_iterations_ = 0;  ///< of the kernel to come; 0 for none
  bool adds_loss_ = false;
  bool finished_ = false, built_ = false;
  std::uint64_t structure_ = 1;
  std::shared_ptr<ParameterStore> store_;
  PlacedPointers value_pointers_, gradient_pointers_;
  bool gradients_placed_ = false;
  std::unique_ptr<Inference> inference_;
  mutable KernelBlocksCache kernel_blocks_;
};

}  // namespace lamina::nn
