// How a differentiable function records its call. All of them have this form:
//
//   Tensor scale(const Tensor& x, double factor) {
//     Tensor y = ops::scale(x, factor);                      // the value, by functions that know no tape
//     record("scale", {&y}, {&x}, [&] {                      // only called if a tape watches x
//       return [factor](Backward& pass) {                    // the rule: what it captures is what is kept
//         pass.accumulate_grad(0, scale(pass.dy(), factor));            // written with differentiable
//         functions
//       };
//     });
//     return y;
//   }
//
// A rule keeps an input as `x = Saved(x)` and an output as `y = Saved::result(y)`, and reads them with
// get(pass). Where computing a gradient costs something, it asks pass.needs_grad(i) first.
#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "autograd/backward.h"
#include "autograd/node.h"
#include "autograd/saved.h"
#include "core/error.h"

namespace lamina::autograd {

namespace detail {

template <class Rule>
class RuleNode final : public Node {
 public:
  RuleNode(std::string_view name, TapeList tapes, Rule&& rule)
      : Node(name, std::move(tapes)), rule_(std::move(rule)) {}
  void backward(Backward& pass) override { (*rule_)(pass); }
  void release_saved() override { rule_.reset(); }

 private:
  std::optional<Rule> rule_;
};

/// The tapes that record in this thread and watch one of the inputs.
TapeList tapes_for(std::span<const Tensor* const> inputs);
/// Links a new node with its inputs and outputs.
void connect(const std::shared_ptr<Node>& node, std::span<Tensor* const> outputs,
             std::span<const Tensor* const> inputs);

}  // namespace detail

/// Records a call, if a tape wants it. `outputs` must be new tensors (see Tensor::alias), for
/// they get a link to the node. `make_rule` is called before they do.
template <class MakeRule>
void record(std::string_view name, std::span<Tensor* const> outputs, std::span<const Tensor* const> inputs,
            MakeRule&& make_rule) {
  if (!is_recording()) return;
  TapeList tapes = detail::tapes_for(inputs);
  if (tapes.empty()) return;
  // A function that had nothing to do returned its input: the result needs a link of its own.
  for (Tensor* output : outputs) {
    for (const Tensor* input : inputs) {
      if (output->is(*input)) *output = output->alias();
    }
  }
  using Rule = std::decay_t<decltype(make_rule())>;
  detail::connect(Node::share(new detail::RuleNode<Rule>(name, std::move(tapes), make_rule())), outputs,
                  inputs);
}

template <class MakeRule>
void record(std::string_view name, std::initializer_list<Tensor*> outputs,
            std::initializer_list<const Tensor*> inputs, MakeRule&& make_rule) {
  if (!is_recording()) return;
  record(name, std::span<Tensor* const>(outputs.begin(), outputs.size()),
         std::span<const Tensor* const>(inputs.begin(), inputs.size()), std::forward<MakeRule>(make_rule));
}

/// Whether a call with these inputs would be recorded. Rules ask, to choose between one fused
/// kernel and a decomposition that can be differentiated again.
template <class... T>
bool would_record(const T&... inputs) {
  if (!is_recording()) return false;
  const Tensor* const list[] = {&inputs...};
  return !detail::tapes_for(list).empty();
}

}  // namespace lamina::autograd
