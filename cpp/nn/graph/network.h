// A stack of layers, and the buffers through which a batch flows forward and back.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "core/tensor.h"
#include "nn/graph/kernel_blocks.h"
#include "nn/layers/batch_normalization.h"
#include "nn/layers/layer.h"
#include "nn/parameters/store.h"
#include "nn/training/monitor.h"

namespace lamina::nn {

/// Device memory for one batch: grows to the largest batch seen, never shrinks.
struct Activations {
  struct Slot {
    Device::Memory output;
    Device::Memory pre_activation;  ///< only where a derivative needs it
    Device::Memory workspace;       ///< what the operation itself keeps
    Device::Memory gradient;        ///< of the output, where it is needed once more after the pass
  };
  std::int64_t batch = 0;
  bool defers = false;              ///< whether there are the slots' gradients
  std::vector<Slot> slots;          ///< one for each operation
  Device::Memory gradients[2];      ///< handed from operation to operation
  std::vector<const void*> inputs;  ///< what each operation read in the last forward pass
};

/// What remains of a backward pass: an operation's gradients of its parameters.
struct DeferredBackward {
  const Layer* operation = nullptr;
  std::size_t kernel = 0;  ///< the place of its kernel in the layout
  BackwardArguments arguments;
};

class Network {
 public:
  Network(Shape input, DType dtype, Device& device);
  ~Network();

  // Building. Each call appends one layer as its user knows it; StateError once built.
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
  // y = body(x) + shortcut(x); layers are added between the calls, an empty shortcut is x itself.
  void begin_residual();
  void begin_shortcut();
  void end_residual();

  /// Lays out the parameters, all zero; done by the first call that needs them.
  void build();
  bool built() const { return built_; }
  /// build() in the memory of another network with the same parameters, which changes with it.
  void build_in(const Network& other) { build_in(other.store()); }
  void build_in(const ParameterStore& other);
  /// The memory of their gradients, which only training needs.
  void build_gradients();

  DType dtype() const { return dtype_; }
  Device& device() const { return device_; }
  const Shape& input_shape() const { return shapes_.front(); }
  const Shape& output_shape() const { return current_; }
  std::int64_t layers() const { return static_cast<std::int64_t>(shapes_.size()) - 1; }
  /// The output shape of layer `i`; -1 is the last. ValueError out of range.
  const Shape& output_shape(std::int64_t i) const;

  /// Freezes a layer: no step changes it, a frozen BatchNormalization is in inference mode.
  void set_trainable(std::int64_t layer, bool trainable);
  /// As Layer::index_range(), of the network's input.
  std::int64_t index_range() const { return operations_.empty() ? 0 : operations_.front()->index_range(); }
  /// Whether a layer adds to the loss.
  bool adds_loss() const { return adds_loss_; }
  /// After a training pass: the layers' own state.
  void update_state(const Pass&, const Activations&) const;

  /// The parameters, which may outlive the network.
  ParameterStore& store() const { return *store_; }
  const std::shared_ptr<ParameterStore>& shared_store() const { return store_; }
  const ParameterLayout& layout() const { return store_->layout(); }

  const std::vector<std::unique_ptr<Layer>>& operations() const { return operations_; }
  /// About the multiplications that one sample's answer takes.
  double work() const { return work_; }

  /// Runs operations [0, count) on x and keeps what backward needs. With `skip_fused_activation`
  /// the last of them leaves out its ending function. Returns that operation's output (x
  /// itself when count is 0).
  void* forward(const Pass&, const void* x, std::size_t count, bool skip_fused_activation, Activations&,
                Monitor*) const;
  /// From the gradient of operation count-1's output, with respect to its ending's input,
  /// to every parameter's gradient. `gradient` is output_gradient() of the Activations.
  /// With `deferred`, operations that can update their kernels themselves, and whose kernels are large,
  /// are left to the caller, who finds them there: nothing reads their kernels any more.
  void backward(const Pass&, std::size_t count, void* gradient, Activations&, Monitor*,
                std::vector<DeferredBackward>* deferred = nullptr) const;
  /// Where the gradient of operation count-1's output belongs.
  void* output_gradient(const Activations&, std::size_t count) const;
  /// Makes `activations` hold `batch` samples for training; on failure it holds none. With `defers`,
  /// backward() can leave operations to the caller.
  void reserve(Activations& activations, std::int64_t batch, bool defers = false) const;
  /// The function that ended operation `i`, with what its derivative needs.
  ProducerActivation producer_activation_of(std::size_t i, const Activations&) const;

  /// out[rows, output] = the network's answer in inference; x and out are dense. Safe to
  /// call from several threads while nobody changes the parameters.
  void infer(const void* x, std::int64_t rows, void* out) const;
  /// Rows that go through all layers together: their activations fit a core's near caches.
  std::int64_t rows_a_block() const;

 private:
  using Operations = std::vector<std::unique_ptr<Layer>>;
  /// A Residual that is being built.
  struct OpenResidual {
    Shape input, output;
    Operations body, shortcut;
    bool in_shortcut = false;
  };
  void require_unbuilt() const;
  /// Where the next operation goes.
  Operations& open_operations();
  void end_layer() { shapes_.push_back(current_); }
  void append(std::unique_ptr<Layer> operation);
  /// Puts an operation whose parameters are laid out where the next one goes.
  void place(std::unique_ptr<Layer> operation);
  void activate(const Activation&);
  /// Group normalization over the last axis, as part of a layer.
  void normalize_groups(std::int64_t groups, double epsilon, bool center, bool scale);
  void take_pointers();
  std::int64_t widest_output() const;
  /// The place of an operation's first parameter, if its gradient is better not stored.
  bool find_large_kernel(std::size_t operation, std::size_t& place) const;
  void infer_block(const void* x, std::int64_t rows, std::size_t operations, void* const halves[2], void* out,
                   const KernelBlocks* blocks) const;

  DType dtype_;
  Device& device_;
  std::vector<Shape> shapes_;  ///< input, then the output of each layer
  Shape current_;              ///< the output of all that was added so far
  std::vector<OpenResidual> open_;
  std::vector<std::unique_ptr<Layer>> operations_;
  std::uint64_t dropouts_ = 0, noises_ = 0;
  std::int64_t power_iterations_ = 0;  ///< of the kernel to come; 0 for none
  bool adds_loss_ = false;
  std::vector<double> works_;  ///< of each operation, and their sum
  double work_ = 0.0;
  bool built_ = false;
  std::shared_ptr<ParameterStore> store_;
  PlacedPointers value_pointers_, gradient_pointers_;
  bool gradients_placed_ = false;
  mutable KernelBlocksCache kernel_blocks_;

  struct Scratch;
  mutable std::atomic<Scratch*> idle_scratch_{nullptr};  ///< kept between calls of infer
};

}  // namespace lamina::nn
