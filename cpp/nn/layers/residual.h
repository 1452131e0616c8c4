// y = body(x) + shortcut(x), two chains of layers over the same input; an empty shortcut is x itself.
#pragma once

#include <memory>
#include <memory_resource>

#include "nn/layers/layer.h"

namespace lamina::nn {

class Residual final : public Layer {
 public:
  using Operations = std::vector<std::unique_ptr<Layer>>;
  /// ValueError unless both chains give samples of one shape.
  Residual(Shape input, const Shape& body_output, Operations body, const Shape& shortcut_output,
           Operations shortcut);

  void forward(const Pass&, const ForwardArguments&, bool skip_fused_activation) const override;
  void backward(const Pass&, const BackwardArguments&) const override;
  std::int64_t workspace(std::int64_t batch) const override;
  bool adds_loss() const override;
  bool has_state_update() const override;
  bool state_update_moves_weights() const override;
  void update_state(const Pass&, const ParameterPointers&, const void* workspace) const override;
  void set_trainable(std::int64_t index, bool trainable) override;
  bool trains() const override;

 private:
  /// What one operation of a pass works with, in the workspace.
  struct Step {
    const Layer* operation;
    const void* x;
    void *y, *pre_activation, *workspace;
    std::size_t first_parameter;
  };
  std::int64_t elements(const Layer&, std::int64_t batch) const;
  using Steps = std::pmr::vector<Step>;
  /// Both chains' steps, on the caller's stack unless they are very many.
  struct Chains {
    alignas(Step) std::byte stack[8192];
    std::pmr::monotonic_buffer_resource memory{stack, sizeof stack};
    Steps body{&memory}, shortcut{&memory};
  };
  void reserve(Chains&) const;
  /// The steps of one chain, laid out from `memory` on, which moves behind them. Returns the chain's output.
  const void* lay_out(const Pass&, const Operations&, const void* x, char*& memory, std::size_t& parameter,
                      Steps& steps) const;
  void run(const Pass&, const Steps&, const ParameterPointers&) const;
  /// From the gradient of the chain's output to `out`, through two buffers; `out` may be null.
  void run_back(const Pass&, const Steps&, const BackwardArguments&, const void* gradient,
                void* const (&buffers)[2], void* out) const;

  Operations body_, shortcut_;
  std::int64_t widest_ = 1;
};

}  // namespace lamina::nn
