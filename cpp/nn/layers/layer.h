// A layer's mathematics, written once: the planned step of Trainer and the tape
// both call these functions, over memory that the caller owns.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "device/device.h"
#include "nn/parameters/parameter.h"

namespace lamina::nn {

/// What every call of one pass over the network shares.
struct Pass {
  Device& device;
  DType dtype = DType::float32;
  std::int64_t batch = 0;     ///< samples
  bool training = false;      ///< whether dropout drops
  std::uint64_t step = 0;     ///< the training step, which names the step's random numbers
  double* penalty = nullptr;  ///< where layers add to the loss; null where that is not wanted
  double loss_scale = 1.0;    ///< what all gradients are multiplied by until the optimizer takes them
  /// Inputs of the network that are known to be indices within Network::index_range().
  std::span<const void* const> checked = {};
};

/// The function that ended the layer below. A gradient is handed down with respect to
/// what went into that function where nothing else reads the value, so that a product's epilogue can apply
/// its derivative.
struct ProducerActivation {
  Activation activation;
  const void* saved = nullptr;  ///< its output or input, as derivative_from says
};

struct ForwardArguments {
  std::span<const void* const> x;  ///< one for each input: [batch, input elements]
  void* y = nullptr;               ///< [batch, output elements]
  void* pre_activation = nullptr;  ///< like y, or null: what went into fused_activation()
  const ParameterPointers* parameters = nullptr;
  /// Layer::workspace() elements, kept for backward; in inference Layer::inference_workspace() ones, or null.
  void* workspace = nullptr;
  const void* kernel_blocks = nullptr;  ///< Dense: its kernel once more, as kernel_blocks.h says; or null
};

struct BackwardArguments {
  std::span<const void* const> x;  ///< null where the layer does not read_inputs()
  const void* y = nullptr;         ///< null where the layer does not read_output()
  const void* gradient = nullptr;  ///< [batch, output elements], with respect to fused_activation()'s input
  std::span<void* const> input_gradients;         ///< like x; null where none is needed
  std::span<const ProducerActivation> producers;  ///< one for each input
  const ParameterPointers* parameters = nullptr;
  const ParameterPointers* parameter_gradients = nullptr;  ///< null where only the inputs' are wanted
  void* workspace = nullptr;                               ///< as the forward pass left it
  /// The update of parameter 0, to be done in place of leaving its gradient; only where the layer
  /// updates_kernel() and no input's gradient is wanted. Else null.
  const UpdateArguments* kernel_update = nullptr;
};

class Layer {
 public:
  explicit Layer(Shape input) : output_shape_(input), input_shapes_{std::move(input)} {}
  Layer(std::vector<Shape> inputs, Shape output)
      : output_shape_(std::move(output)), input_shapes_(std::move(inputs)) {}
  virtual ~Layer() = default;
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;

  /// Without the batch.
  std::size_t input_count() const { return input_shapes_.size(); }
  const Shape& input_shape(std::size_t input = 0) const { return input_shapes_[input]; }
  const Shape& output_shape() const { return output_shape_; }
  const std::vector<Parameter>& parameters() const { return parameters_; }

  /// The element-wise function that the layer applies last, in its own epilogue.
  const Activation& fused_activation() const { return fused_activation_; }
  /// Takes `activation` as fused_activation(), if the layer has an epilogue, none yet, and the
  /// function is element-wise. Saves a pass over the output; the bits are the same.
  virtual bool try_fuse(const Activation&) { return false; }

  /// y = layer(x...). With `skip_fused_activation`, y is what would go into fused_activation().
  virtual void forward(const Pass&, const ForwardArguments&, bool skip_fused_activation) const = 0;
  /// Fills the gradients of the parameters and of the inputs, as far as they are wanted.
  virtual void backward(const Pass&, const BackwardArguments&) const = 0;
  /// What backward() reads of the forward pass beside the workspace; the memory of the rest is used again.
  virtual bool reads_inputs() const { return true; }
  virtual bool reads_output() const { return true; }
  /// Whether the gradient of that input is the output's as it is: it may be used where it is, without a call.
  virtual bool passes_gradient(std::size_t input) const {
    static_cast<void>(input);
    return false;
  }
  /// Whether backward() takes BackwardArguments::kernel_update.
  virtual bool updates_kernel() const { return false; }
  /// Whether the layer does nothing outside of training.
  virtual bool training_only() const { return false; }

  /// Elements of the pass's dtype that forward() keeps for backward() beside x and y.
  virtual std::int64_t workspace(std::int64_t) const { return 0; }
  /// Elements that forward() computes with where nothing is kept.
  virtual std::int64_t inference_workspace(std::int64_t) const { return 0; }
  /// How many indices from 0 on the input may hold; 0 where it holds no indices.
  virtual std::int64_t index_range() const { return 0; }
  /// Whether forward() adds to Pass::penalty.
  virtual bool adds_loss() const { return false; }
  /// Whether it is skipped: what only training or, with a penalty, evaluation needs, in another pass.
  bool skipped(const Pass& pass) const {
    return training_only() && !pass.training && !(pass.penalty != nullptr && adds_loss());
  }
  /// Takes over the state that a training pass left in the workspace, when nothing can stop the step
  /// any more.
  virtual void update_state(const Pass&, const ParameterPointers&, const void*) const {}
  virtual bool has_state_update() const { return false; }
  /// Whether update_state() changes parameters that are trained, too.
  virtual bool state_update_moves_weights() const { return false; }

  /// The place of the user's layer that this is part of.
  std::int64_t index() const { return index_; }
  void set_index(std::int64_t index) { index_ = index; }
  /// Freezes the parts of layer `index`, or thaws them.
  virtual void set_trainable(std::int64_t index, bool trainable) {
    if (index == index_) trainable_ = trainable;
  }
  /// Whether gradients of parameters are wanted.
  virtual bool trains() const {
    for (const Parameter& parameter : parameters_) {
      if (parameter.trained) return trainable_;
    }
    return false;
  }

 protected:
  /// Multiplies a finished input gradient by the derivative of the function that ended the input's producer.
  void apply_producer_activation(const Pass&, const BackwardArguments&, std::size_t input = 0) const;
  bool wants_parameter_gradients(const BackwardArguments& b) const {
    return b.parameter_gradients != nullptr && trains();
  }

  Shape output_shape_;
  std::vector<Parameter> parameters_;
  Activation fused_activation_;
  std::int64_t index_ = -1;
  bool trainable_ = true;

 private:
  std::vector<Shape> input_shapes_;
};

}  // namespace lamina::nn
