#include "autograd/backward.h"

#include <algorithm>
#include <limits>

#include "autograd/functions.h"
#include "core/error.h"

namespace lamina::autograd {

namespace {

constexpr std::size_t kNowhere = std::numeric_limits<std::size_t>::max();

void accumulate(Tensor& sum, Tensor term) {
  if (sum.defined()) {
    sum = add(sum, term);
  } else {
    sum = std::move(term);
  }
}

/// One node on the way.
struct Stop {
  std::shared_ptr<Node> node;
  std::size_t gradients = 0;  ///< where those of its outputs begin
  std::size_t edges = 0;      ///< where the gradients of its inputs are: the first of them in the list
  bool needed = false;        ///< whether a source lies behind it
};

class Pass {
 public:
  Pass(TapeId tape, std::span<const Tensor> targets) : tape_(tape) {
    collect(targets);
    for (Stop& stop : stops_) {
      stop.gradients = gradients_.size();
      gradients_.resize(gradients_.size() + stop.node->output_count());
    }
    is_source_.assign(gradients_.size(), false);
    gradient_needed_.assign(gradients_.size(), false);
  }

  /// The place of the gradient of a value; kNowhere if no target depends on it.
  std::size_t place(const Output* output) const {
    if (output == nullptr || !is_watched(*output, tape_)) return kNowhere;
    const std::uint64_t order = output->node->order();
    const auto found =
        std::lower_bound(stops_.begin(), stops_.end(), order,
                         [](const Stop& stop, std::uint64_t o) { return stop.node->order() > o; });
    if (found == stops_.end() || found->node.get() != output->node) return kNowhere;
    return found->gradients + output->index;
  }

  void add_seed(std::size_t place, Tensor seed) { accumulate(gradients_[place], std::move(seed)); }
  void mark_source(std::size_t place) { is_source_[place] = true; }
  const Tensor& gradient(std::size_t place) const { return gradients_[place]; }

  void run(bool finish) {
    find_needed();
    std::vector<Tensor*> inputs;
    std::vector<char> sources;
    for (std::size_t s = 0; s < stops_.size(); ++s) {
      Stop& stop = stops_[s];
      Node& node = *stop.node;
      const std::uint32_t outputs = node.output_count();
      Tensor* const mine = &gradients_[stop.gradients];
      if (stop.needed && std::any_of(mine, mine + outputs, [](const Tensor& g) { return g.defined(); })) {
        inputs.clear();
        sources.clear();
        for (std::size_t i = 0; i < node.inputs().size(); ++i) {
          const std::size_t at = edges_[stop.edges + i];
          inputs.push_back(at != kNowhere && gradient_needed_[at] ? &gradients_[at] : nullptr);
          sources.push_back(at != kNowhere && is_source_[at] ? 1 : 0);
        }
        Backward step(stop.node, mine, inputs.data(), &sources);
        node.backward(step);
      }
      for (std::uint32_t i = 0; i < outputs; ++i) {
        if (!is_source_[stop.gradients + i]) mine[i] = Tensor();
      }
      if (finish) {
        node.finish(tape_);
        stop.node.reset();
      }
    }
  }

 private:
  /// Fills stops_ with the nodes that the targets depend on, latest first. A node's inputs are older
  /// than the node, so taking the latest of those that wait never comes too early.
  void collect(std::span<const Tensor> targets) {
    const auto older = [](const Link& a, const Link& b) { return a->node->order() < b->node->order(); };
    std::vector<Link> waiting;
    const auto add = [&](const Link& link) {
      if (link == nullptr || !is_watched(*link, tape_)) return;
      waiting.push_back(link);
      std::push_heap(waiting.begin(), waiting.end(), older);
    };
    for (const Tensor& target : targets) add(link_of(target));
    while (!waiting.empty()) {
      std::pop_heap(waiting.begin(), waiting.end(), older);
      const Link link = std::move(waiting.back());
      waiting.pop_back();
      if (!stops_.empty() && stops_.back().node.get() == link->node) continue;
      stops_.push_back({std::shared_ptr<Node>(link, link->node)});
      if (!link->node->recorded_by(tape_)) continue;  // this tape's record begins here
      for (const Link& input : link->node->inputs()) add(input);
    }
  }

  /// From the oldest node on: which gradients lead to a source.
  void find_needed() {
    for (auto stop = stops_.rbegin(); stop != stops_.rend(); ++stop) {
      stop->edges = edges_.size();
      if (stop->node->recorded_by(tape_)) {
        for (const Link& input : stop->node->inputs()) {
          edges_.push_back(place(input.get()));
          const std::size_t at = edges_.back();
          if (at != kNowhere && gradient_needed_[at]) stop->needed = true;
        }
      }
      for (std::size_t i = 0; i < stop->node->output_count(); ++i) {
        gradient_needed_[stop->gradients + i] = stop->needed || is_source_[stop->gradients + i];
      }
    }
  }

  TapeId tape_;
  std::vector<Stop> stops_;
  std::vector<std::size_t> edges_;  ///< for each node, oldest first, and input: the gradient's place
  std::vector<Tensor> gradients_;   ///< of each output of each node
  std::vector<char> is_source_, gradient_needed_;
};

}  // namespace

Tensor Backward::dy(std::uint32_t i) const {
  if (outputs_[i].defined()) return outputs_[i];
  const Output& output = node_->output(i);
  outputs_[i] = ops::zeros(output.type, output.shape);
  return outputs_[i];
}

void Backward::accumulate_grad(std::uint32_t i, Tensor dx) {
  if (inputs_[i] == nullptr) return;
  const Output& input = *node_->inputs()[i];
  if (!(dx.shape() == input.shape)) dx = sum_to(dx, input.shape);
  if (dx.type() != input.type) dx = cast(dx, input.type);
  accumulate(*inputs_[i], std::move(dx));
}

void Backward::accumulate_grad_exact(std::uint32_t i, Tensor dx) {
  if (inputs_[i] == nullptr) return;
  const Output& input = *node_->inputs()[i];
  if (!(dx.shape() == input.shape)) {
    throw ValueError(text("[custom_gradient] the gradient of argument ", i, " of '", node_->name(),
                          "' must have that argument's shape ", to_string(input.shape),
                          ". Received: shape=", to_string(dx.shape())));
  }
  accumulate_grad(i, std::move(dx));
}

std::vector<Tensor> run_backward(TapeId tape, std::span<const Tensor> targets, std::span<const Tensor> seeds,
                                 std::span<const Tensor> sources, bool finish) {
  Pass pass(tape, targets);
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const std::size_t place = pass.place(output_of(targets[i]));
    if (place == kNowhere) continue;
    Tensor seed = seeds[i].defined() ? seeds[i] : ops::ones(targets[i].type(), targets[i].shape());
    if (seed.type() != targets[i].type()) seed = cast(seed, targets[i].type());
    pass.add_seed(place, std::move(seed));
  }
  std::vector<std::size_t> places;
  for (const Tensor& source : sources) {
    places.push_back(pass.place(output_of(source)));
    if (places.back() != kNowhere) pass.mark_source(places.back());
  }
  pass.run(finish);
  std::vector<Tensor> result;
  for (const std::size_t place : places) {
    result.push_back(place == kNowhere ? Tensor() : pass.gradient(place));
  }
  return result;
}

}  // namespace lamina::autograd
