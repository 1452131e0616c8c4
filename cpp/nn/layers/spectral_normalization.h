// A layer whose kernel is divided by its largest singular value in every training step.
#pragma once

#include <memory>

#include "nn/layers/layer.h"

namespace lamina::nn {

/// Around a layer whose first parameter is its kernel W, seen as a matrix with the kernel's last extent as
/// columns. Each training pass, unless the layer is frozen or W is zero:
///   `iterations` times: v = unit(u W^T), u = unit(v W), unit(x) = min(1 / sqrt(dot(x, x)), 10^7) * x
///   sigma = dot(v W, u), and the layer computes with W / sigma
/// update_state() makes W / sigma the kernel and u the state, before the optimizer's step, which starts from
/// there; the gradient is that of the divided kernel, as if sigma were a constant. Inference takes the kernel
/// as it is.
class SpectralNormalization final : public Layer {
 public:
  SpectralNormalization(std::unique_ptr<Layer> inner, std::int64_t iterations);
  /// Whether a layer has what is normalised.
  static bool takes(const Layer&);

  bool try_fuse(const Activation&) override;
  void forward(const Pass&, const ForwardArguments&, bool skip_fused_activation) const override;
  void backward(const Pass&, const BackwardArguments&) const override;
  bool reads_inputs() const override { return inner_->reads_inputs(); }
  bool reads_output() const override { return inner_->reads_output(); }
  std::int64_t workspace(std::int64_t batch) const override;
  std::int64_t inference_workspace(std::int64_t batch) const override {
    return inner_->inference_workspace(batch);
  }
  bool has_state_update() const override { return true; }
  bool state_update_moves_weights() const override { return true; }
  void update_state(const Pass&, const ParameterPointers&, const void* workspace) const override;
  void set_trainable(std::int64_t index, bool trainable) override;

 private:
  /// Where things are in the workspace, in elements, behind the inner layer's own; `end`: how many there are.
  struct Places {
    std::int64_t kernel, u, v, product, end;
  };
  Places places(std::int64_t batch) const;
  bool active(const Pass& pass) const { return pass.training && trainable_; }
  /// The kernel to compute with in the workspace; null for the parameter itself.
  void* divided(const Pass&, void* workspace) const;
  /// The divided kernel and the new u, into the workspace.
  void normalize(const Pass&, const void* kernel, const void* u, char* workspace) const;

  /// Parameter pointers with another kernel, without memory of their own.
  struct Replaced {
    static constexpr std::size_t most = 8;
    void* pointers[most] = {};
    ParameterPointers all;
    Replaced(const ParameterPointers& from, std::size_t count, void* kernel);
  };

  std::unique_ptr<Layer> inner_;
  std::int64_t iterations_, rows_, columns_;
};

}  // namespace lamina::nn
