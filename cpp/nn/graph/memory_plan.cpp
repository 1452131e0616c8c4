#include "nn/graph/memory_plan.h"

#include <algorithm>
#include <limits>
#include <new>
#include <numeric>
#include <utility>

#include "nn/parameters/parameters.h"

namespace lamina::nn {

namespace {

constexpr std::size_t kPlacement = 64;  // bytes: a vector, a cache line

std::size_t aligned(std::size_t bytes) { return (bytes + kPlacement - 1) / kPlacement * kPlacement; }

bool alive_together(const LiveBuffer& a, const LiveBuffer& b) {
  return a.birth <= b.death && b.birth <= a.death;
}

/// Each buffer, in that order, at the lowest offset that is free as long as it lives.
std::size_t place_in_order(std::vector<LiveBuffer>& buffers, const std::vector<std::size_t>& order) {
  std::size_t total = 0;
  std::vector<std::size_t> placed_by_offset;
  for (const std::size_t i : order) {
    LiveBuffer& buffer = buffers[i];
    buffer.offset = 0;
    for (const std::size_t j : placed_by_offset) {
      const LiveBuffer& other = buffers[j];
      if (!alive_together(buffer, other)) continue;
      if (other.offset >= buffer.offset + buffer.bytes) break;
      buffer.offset = std::max(buffer.offset, other.offset + other.bytes);
    }
    const auto at =
        std::upper_bound(placed_by_offset.begin(), placed_by_offset.end(), buffer.offset,
                         [&](std::size_t offset, std::size_t j) { return offset < buffers[j].offset; });
    placed_by_offset.insert(at, i);
    total = std::max(total, buffer.offset + buffer.bytes);
  }
  return total;
}

/// Buffers that do not live together share a region as large as the largest of them: what two halves are to a
/// chain.
std::size_t place_in_regions(std::vector<LiveBuffer>& buffers, const std::vector<std::size_t>& by_birth) {
  struct Region {
    std::size_t bytes = 0;
    std::int64_t death = -1;
    std::vector<std::size_t> members;
  };
  std::vector<Region> regions;
  for (const std::size_t i : by_birth) {
    LiveBuffer& buffer = buffers[i];
    Region* best = nullptr;
    for (Region& region : regions) {
      if (region.death >= buffer.birth) continue;
      const bool fits = region.bytes >= buffer.bytes;
      const bool best_fits = best != nullptr && best->bytes >= buffer.bytes;
      // The smallest that is large enough, else the one that grows least.
      if (best == nullptr || (fits && (!best_fits || region.bytes < best->bytes)) ||
          (!fits && !best_fits && region.bytes > best->bytes)) {
        best = &region;
      }
    }
    if (best == nullptr) best = &regions.emplace_back();
    best->bytes = std::max(best->bytes, buffer.bytes);
    best->death = buffer.death;
    best->members.push_back(i);
  }
  std::size_t total = 0;
  for (const Region& region : regions) {
    for (const std::size_t i : region.members) buffers[i].offset = total;
    total += region.bytes;
  }
  return total;
}

}  // namespace

std::size_t pack(std::vector<LiveBuffer>& buffers) {
  for (LiveBuffer& buffer : buffers) buffer.bytes = aligned(buffer.bytes);
  std::vector<std::size_t> by_size(buffers.size());
  std::iota(by_size.begin(), by_size.end(), std::size_t{0});
  std::vector<std::size_t> by_birth = by_size;
  std::stable_sort(by_size.begin(), by_size.end(),
                   [&](std::size_t a, std::size_t b) { return buffers[a].bytes > buffers[b].bytes; });
  std::stable_sort(by_birth.begin(), by_birth.end(),
                   [&](std::size_t a, std::size_t b) { return buffers[a].birth < buffers[b].birth; });
  std::vector<LiveBuffer> by_time = buffers, in_regions = buffers;
  std::size_t total = place_in_order(buffers, by_size);
  const std::size_t birth_first = place_in_order(by_time, by_birth);
  if (birth_first < total) {
    total = birth_first;
    buffers = std::move(by_time);
  }
  const std::size_t regions = place_in_regions(in_regions, by_birth);
  if (regions < total) {
    total = regions;
    buffers = std::move(in_regions);
  }
  return total;
}

/// Makes one plan. Time: the forward call of each node, then the loss, then the backward steps.
class Planner {
 public:
  Planner(const Graph& graph, const PlanOptions& options) : graph_(graph), options_(options) {
    plan_.mode_ = options.mode;
    plan_.batch_ = options.batch;
    plan_.dtype_ = options.dtype;
  }

  MemoryPlan make() {
    find_nodes();
    place_values();
    if (options_.mode != PlanMode::inference) plan_backward();
    finish_lifetimes();
    pack_buffers();
    return std::move(plan_);
  }

 private:
  using Place = MemoryPlan::Place;
  static constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();
  static constexpr int kNoBuffer = -1;

  std::size_t bytes_of(std::int64_t elements) const {
    constexpr std::int64_t most = std::int64_t{1} << 47;
    if (elements > 0 && options_.batch > most / elements) throw std::bad_alloc();
    return static_cast<std::size_t>(options_.batch * elements) * size_of(options_.dtype);
  }
  const Node& node_of(std::size_t i) const { return graph_.nodes()[plan_.nodes_[i].node]; }
  ValueId source(ValueId value) const { return plan_.sources_[value]; }
  bool training_arena() const { return options_.mode == PlanMode::training; }
  std::int64_t loss_time() const { return static_cast<std::int64_t>(plan_.nodes_.size()); }

  int new_buffer(std::size_t bytes, std::int64_t birth, bool backward_arena = false) {
    auto& buffers = backward_arena ? backward_ : forward_;
    buffers.push_back({bytes, birth, birth, 0});
    return static_cast<int>(buffers.size()) - 1;
  }
  static void use(std::vector<LiveBuffer>& buffers, int buffer, std::int64_t time) {
    if (buffer == kNoBuffer) return;
    auto& death = buffers[static_cast<std::size_t>(buffer)].death;
    death = std::max(death, time);
  }
  void use_value(ValueId value, std::int64_t time) { use(forward_, value_buffer_[source(value)], time); }

  Ending ending(std::size_t output) const {
    return options_.endings.empty() ? Ending::whole : options_.endings[output];
  }

  /// Which nodes run, in which order, and which values they stand for.
  void find_nodes() {
    const auto& nodes = graph_.nodes();
    std::vector<char> live(nodes.size(), 0), value_live(graph_.values().size(), 0);
    for (const GraphOutput& output : graph_.outputs()) value_live[output.value] = 1;
    for (std::size_t i = nodes.size(); i-- > 0;) {
      live[i] = value_live[nodes[i].output];
      if (live[i] == 0) continue;
      for (const ValueId input : nodes[i].inputs) value_live[input] = 1;
    }
    plan_.sources_.resize(graph_.values().size());
    std::iota(plan_.sources_.begin(), plan_.sources_.end(), ValueId{0});
    std::size_t inputs = 0;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (live[i] == 0) continue;
      const Layer& operation = *nodes[i].operation;
      const bool skips =
          options_.mode == PlanMode::inference || (options_.mode == PlanMode::tape && !options_.training &&
                                                   !(options_.adds_loss && operation.adds_loss()));
      if (skips && operation.training_only()) {
        plan_.sources_[nodes[i].output] = source(nodes[i].inputs[0]);
        continue;
      }
      MemoryPlan::NodePlan node;
      node.node = static_cast<NodeId>(i);
      node.first_input = inputs;
      inputs += nodes[i].inputs.size();
      plan_.nodes_.push_back(node);
    }
    for (std::size_t k = 0; k < graph_.outputs().size(); ++k) {
      if (ending(k) == Ending::whole) continue;
      const NodeId producer = graph_.values()[source(graph_.outputs()[k].value)].producer;
      for (MemoryPlan::NodePlan& node : plan_.nodes_) {
        if (node.node == producer) node.ending = ending(k);
      }
    }
  }

  /// The value that an output's reader takes: before what is left to the loss.
  ValueId output_value(std::size_t output) const {
    const ValueId value = source(graph_.outputs()[output].value);
    if (ending(output) != Ending::left_out) return value;
    return source(graph_.nodes()[graph_.values()[value].producer].inputs[0]);
  }

  void place_values() {
    plan_.values_.resize(graph_.values().size());
    value_buffer_.assign(graph_.values().size(), kNoBuffer);
    pre_buffer_.assign(plan_.nodes_.size(), kNoBuffer);
    workspace_buffer_.assign(plan_.nodes_.size(), kNoBuffer);
    for (std::size_t k = 0; k < graph_.inputs().size(); ++k) {
      plan_.values_[graph_.inputs()[k]] = {Place::Kind::input, static_cast<std::int64_t>(k)};
    }
    if (!training_arena()) {
      for (std::size_t k = 0; k < graph_.outputs().size(); ++k) {
        const ValueId value = output_value(k);
        Place& place = plan_.values_[value];
        if (place.kind == Place::Kind::none) {
          place = {Place::Kind::output, static_cast<std::int64_t>(k)};
        } else if (options_.mode == PlanMode::inference) {
          plan_.output_copies_.push_back({value, k});
        }
        plan_.output_values_.push_back(value);
      }
    }
    const bool keeps = options_.mode != PlanMode::inference;
    for (std::size_t i = 0; i < plan_.nodes_.size(); ++i) {
      const Node& node = node_of(i);
      const auto time = static_cast<std::int64_t>(i);
      if (!training_arena() && plan_.nodes_[i].ending == Ending::left_out) continue;
      if (plan_.values_[node.output].kind == Place::Kind::none) {
        plan_.values_[node.output].kind = Place::Kind::arena;
        value_buffer_[node.output] = new_buffer(bytes_of(graph_.values()[node.output].elements), time);
      }
      for (const ValueId input : node.inputs) use_value(input, time);
      const std::int64_t kept = keeps ? node.operation->workspace(options_.batch)
                                      : node.operation->inference_workspace(options_.batch);
      if (kept > 0) {
        workspace_buffer_[i] = new_buffer(static_cast<std::size_t>(kept) * size_of(options_.dtype), time);
        if (keeps && node.operation->has_state_update()) use(forward_, workspace_buffer_[i], kEnd);
      }
    }
    if (!training_arena()) return;
    for (std::size_t k = 0; k < graph_.outputs().size(); ++k) {
      use_value(output_value(k), loss_time());
      use_value(graph_.outputs()[k].value, loss_time());
    }
    // Where a pass skips a layer, its readers read what it would have read.
    for (std::size_t i = plan_.nodes_.size(); i-- > 0;) {
      const Node& node = node_of(i);
      const int buffer = value_buffer_[node.output];
      if (!node.operation->training_only() || buffer == kNoBuffer) continue;
      use_value(node.inputs[0], forward_[static_cast<std::size_t>(buffer)].death);
    }
  }

  // Backward.

  struct Slot {
    int buffer = kNoBuffer;  ///< none: the caller's memory
    int readers = 0;         ///< values whose gradient it is and that wait for their producers
  };

  std::int32_t add_slot(Place place, int buffer) {
    plan_.slots_.push_back(place);
    slot_.push_back({buffer, 0});
    return static_cast<std::int32_t>(slot_.size()) - 1;
  }
  std::int32_t arena_slot(std::int64_t elements, std::int64_t time) {
    return add_slot({Place::Kind::arena, 0}, new_buffer(bytes_of(elements), time, !training_arena()));
  }
  void use_slot(std::int32_t slot, std::int64_t time) {
    use(training_arena() ? forward_ : backward_, slot_[static_cast<std::size_t>(slot)].buffer, time);
  }

  bool wanted_input(ValueId value, std::size_t* which = nullptr) const {
    const Place& place = plan_.values_[value];
    if (place.kind != Place::Kind::input || options_.input_gradients.empty()) return false;
    const auto k = static_cast<std::size_t>(place.at);
    if (which != nullptr) *which = k;
    return options_.input_gradients[k] != 0;
  }

  bool trains(const Node& node) const {
    return !options_.trained.empty() && options_.trained[node.layer] != 0 && node.operation->trains();
  }

  /// What has a gradient that somebody wants, and how many contribute to each value's.
  void find_gradients() {
    const std::size_t count = plan_.nodes_.size();
    needs_.assign(graph_.values().size(), 0);
    reached_.assign(graph_.values().size(), 0);
    contributions_.assign(graph_.values().size(), 0);
    runs_.assign(count, 0);
    for (const ValueId input : graph_.inputs()) needs_[input] = wanted_input(input) ? 1 : 0;
    for (std::size_t i = 0; i < count; ++i) {
      const Node& node = node_of(i);
      bool needed = trains(node);
      for (const ValueId input : node.inputs) needed = needed || needs_[source(input)] != 0;
      needs_[node.output] = needed ? 1 : 0;
    }
    for (std::size_t k = 0; k < graph_.outputs().size(); ++k) {
      if (options_.gradients.empty() || options_.gradients[k] == 0) continue;
      const ValueId value = output_value(k);
      reached_[value] = 1;
      ++contributions_[value];
    }
    for (std::size_t i = count; i-- > 0;) {
      const Node& node = node_of(i);
      if (plan_.nodes_[i].ending == Ending::left_out) continue;
      const bool reached = reached_[node.output] != 0 || node.operation->adds_loss();
      if (!reached || needs_[node.output] == 0) continue;
      runs_[i] = 1;
      for (const ValueId input : node.inputs) {
        const ValueId value = source(input);
        if (needs_[value] == 0) continue;
        reached_[value] = 1;
        ++contributions_[value];
      }
    }
  }

  /// The next contribution to a value's gradient, in `slot`; `own`: its memory may be overwritten.
  void contribute(ValueId value, std::int32_t slot, bool own, std::int64_t time,
                  std::vector<MemoryPlan::Sum>& sums) {
    std::int32_t& current = gradient_[value];
    ++contributed_[value];
    if (current < 0) {
      current = slot;
    } else {
      std::size_t which = 0;
      const std::int64_t elements = graph_.values()[value].elements;
      std::int32_t out = slot;
      if (contributed_[value] == contributions_[value] && wanted_input(value, &which)) {
        out = add_slot({Place::Kind::input_gradient, static_cast<std::int64_t>(which)}, kNoBuffer);
      } else if (!own) {
        out = arena_slot(elements, time);
      }
      use_slot(current, time);
      use_slot(slot, time);
      sums.push_back({current, slot, out, elements});
      --slot_[static_cast<std::size_t>(current)].readers;
      current = out;
    }
    ++slot_[static_cast<std::size_t>(current)].readers;
  }

  void add_seeds() {
    plan_.seeds_.assign(graph_.outputs().size(), -1);
    for (std::size_t k = 0; k < graph_.outputs().size(); ++k) {
      if (options_.gradients.empty() || options_.gradients[k] == 0) continue;
      const ValueId value = output_value(k);
      const std::int32_t slot = training_arena()
                                    ? arena_slot(graph_.values()[value].elements, loss_time())
                                    : add_slot({Place::Kind::seed, static_cast<std::int64_t>(k)}, kNoBuffer);
      plan_.seeds_[k] = slot;
    }
    for (std::size_t k = 0; k < graph_.outputs().size(); ++k) {
      if (plan_.seeds_[k] < 0) continue;
      use_slot(plan_.seeds_[k], loss_time());
      contribute(output_value(k), plan_.seeds_[k], training_arena(), loss_time(), plan_.seed_sums_);
    }
  }

  void plan_backward() {
    find_gradients();
    gradient_.assign(graph_.values().size(), -1);
    contributed_.assign(graph_.values().size(), 0);
    written_.assign(graph_.layers(), 0);
    scratch_buffer_.assign(graph_.layers(), kNoBuffer);
    const auto& last = plan_.nodes_.empty() ? MemoryPlan::NodePlan{} : plan_.nodes_.back();
    const std::size_t inputs =
        plan_.nodes_.empty() ? 0 : last.first_input + graph_.nodes()[last.node].inputs.size();
    plan_.input_slots_.assign(inputs, -1);
    plan_.fused_.assign(inputs, 0);
    add_seeds();
    std::int64_t time = loss_time() + 1;
    for (std::size_t i = plan_.nodes_.size(); i-- > 0;) {
      if (runs_[i] != 0) plan_step(i, time++);
    }
    plan_.input_gradients_.assign(graph_.inputs().size(), -1);
    for (std::size_t k = 0; k < graph_.inputs().size(); ++k) {
      const ValueId value = graph_.inputs()[k];
      const std::int32_t slot = gradient_[value];
      if (!wanted_input(value) || slot < 0) continue;
      plan_.input_gradients_[k] = slot;
      if (plan_.slots_[static_cast<std::size_t>(slot)].kind == Place::Kind::input_gradient) continue;
      use_slot(slot, kEnd);
      plan_.gradient_copies_.push_back({slot, k, graph_.values()[value].elements});
    }
    plan_.reached_.assign(written_.begin(), written_.end());
    for (std::size_t layer = 0; layer < graph_.layers(); ++layer) {
      const NodeId first = graph_.first_node(static_cast<LayerId>(layer));
      if (first != kNoNode && written_[layer] == 0 && trains(graph_.nodes()[first])) {
        plan_.unreached_.push_back(static_cast<LayerId>(layer));
      }
    }
  }

  void plan_step(std::size_t i, std::int64_t time) {
    MemoryPlan::BackwardStep step;
    step.node_plan = i;
    const MemoryPlan::NodePlan& planned = plan_.nodes_[i];
    const Node& node = node_of(i);
    const Layer& operation = *node.operation;
    std::int32_t gradient = gradient_[node.output];
    const std::int64_t outputs = graph_.values()[node.output].elements;
    if (gradient < 0) {
      step.zero = true;
      gradient = arena_slot(outputs, time);
      ++slot_[static_cast<std::size_t>(gradient)].readers;
    }
    use_slot(gradient, time);
    const std::int32_t complete = gradient;
    const bool derives = operation.fused_activation().kind != ActivationKind::linear &&
                         planned.ending != Ending::skips_activation && derived_[node.output] == 0;
    if (derives) {
      const Slot& now = slot_[static_cast<std::size_t>(gradient)];
      step.derive = gradient;
      if (now.buffer == kNoBuffer || now.readers > 1) gradient = arena_slot(outputs, time);
      save_activation(i, time);
    }
    step.gradient = gradient;
    plan_inputs(i, time, step);
    plan_parameters(i, time, step);
    --slot_[static_cast<std::size_t>(complete)].readers;
    if (operation.reads_output()) use_value(node.output, time);
    if (operation.reads_inputs()) {
      for (const ValueId input : node.inputs) use_value(input, time);
    }
    use(forward_, workspace_buffer_[i], time);
    plan_.steps_.push_back(step);
  }

  /// Keeps what the derivative of a node's fused activation reads until `time`.
  void save_activation(std::size_t i, std::int64_t time) {
    const Node& node = node_of(i);
    if (derivative_from(node.operation->fused_activation()) == DerivativeFrom::output) {
      use_value(node.output, time);
      return;
    }
    if (pre_buffer_[i] == kNoBuffer) {
      pre_buffer_[i] =
          new_buffer(bytes_of(graph_.values()[node.output].elements), static_cast<std::int64_t>(i));
    }
    use(forward_, pre_buffer_[i], time);
  }

  std::size_t place_of(NodeId node) const {
    std::size_t i = 0;
    while (plan_.nodes_[i].node != node) ++i;
    return i;
  }

  void plan_inputs(std::size_t i, std::int64_t time, MemoryPlan::BackwardStep& step) {
    const Node& node = node_of(i);
    const std::size_t first = plan_.nodes_[i].first_input;
    step.calls = trains(node);
    step.first_sum = plan_.sums_.size();
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      const ValueId value = source(node.inputs[k]);
      if (needs_[value] == 0) continue;
      const NodeId producer = graph_.values()[value].producer;
      const bool fuses =
          producer != kNoNode && contributions_[value] == 1 &&
          graph_.nodes()[producer].operation->fused_activation().kind != ActivationKind::linear;
      if (node.operation->passes_gradient(k) && !fuses) {
        contribute(value, step.gradient, false, time, plan_.sums_);
        continue;
      }
      std::size_t which = 0;
      const bool direct = contributions_[value] == 1 && wanted_input(value, &which);
      const std::int32_t slot =
          direct ? add_slot({Place::Kind::input_gradient, static_cast<std::int64_t>(which)}, kNoBuffer)
                 : arena_slot(graph_.values()[value].elements, time);
      plan_.input_slots_[first + k] = slot;
      step.calls = true;
      if (fuses) {
        plan_.fused_[first + k] = 1;
        derived_[value] = 1;
        save_activation(place_of(producer), time);
      }
      contribute(value, slot, true, time, plan_.sums_);
    }
    step.last_sum = plan_.sums_.size();
  }

  void plan_parameters(std::size_t i, std::int64_t time, MemoryPlan::BackwardStep& step) {
    const Node& node = node_of(i);
    if (!trains(node)) return;
    if (written_[node.layer] == 0) {
      written_[node.layer] = 1;
      step.parameters = MemoryPlan::ParameterTarget::gradient;
    } else {
      step.parameters = MemoryPlan::ParameterTarget::scratch;
      int& buffer = scratch_buffer_[node.layer];
      if (buffer == kNoBuffer) {
        std::int64_t elements = 0;
        for (const Parameter& parameter : node.operation->parameters()) {
          elements += placed(element_count(parameter.shape));
        }
        buffer =
            new_buffer(static_cast<std::size_t>(elements) * size_of(options_.dtype), time, !training_arena());
      }
      use(training_arena() ? forward_ : backward_, buffer, time);
    }
    step.deferrable = !options_.deferrable.empty() && options_.deferrable[plan_.nodes_[i].node] != 0 &&
                      graph_.uses(node.layer) == 1;
    if (!step.deferrable) return;
    use_slot(step.gradient, kEnd);
    use(forward_, workspace_buffer_[i], kEnd);
    if (node.operation->reads_output()) use_value(node.output, kEnd);
    if (node.operation->reads_inputs()) {
      for (const ValueId input : node.inputs) use_value(input, kEnd);
    }
  }

  void finish_lifetimes() {
    if (options_.mode != PlanMode::tape) return;
    // The way back may be gone again: what it reads stays.
    for (LiveBuffer& buffer : forward_) {
      if (buffer.death > loss_time()) buffer.death = kEnd;
    }
  }

  void pack_buffers() {
    plan_.bytes_ = pack(forward_);
    plan_.backward_bytes_ = pack(backward_);
    const auto offset = [](const std::vector<LiveBuffer>& buffers, int buffer) {
      return buffer == kNoBuffer
                 ? MemoryPlan::kNone
                 : static_cast<std::int64_t>(buffers[static_cast<std::size_t>(buffer)].offset);
    };
    for (std::size_t v = 0; v < plan_.values_.size(); ++v) {
      if (plan_.values_[v].kind == Place::Kind::arena)
        plan_.values_[v].at = offset(forward_, value_buffer_[v]);
    }
    for (std::size_t i = 0; i < plan_.nodes_.size(); ++i) {
      plan_.nodes_[i].pre_activation = offset(forward_, pre_buffer_[i]);
      plan_.nodes_[i].workspace = offset(forward_, workspace_buffer_[i]);
    }
    const auto& back = training_arena() ? forward_ : backward_;
    for (std::size_t s = 0; s < slot_.size(); ++s) {
      if (plan_.slots_[s].kind == Place::Kind::arena) plan_.slots_[s].at = offset(back, slot_[s].buffer);
    }
    plan_.scratch_.assign(graph_.layers(), MemoryPlan::kNone);
    for (std::size_t layer = 0; layer < scratch_buffer_.size(); ++layer) {
      plan_.scratch_[layer] = offset(back, scratch_buffer_[layer]);
    }
  }

  const Graph& graph_;
  const PlanOptions& options_;
  MemoryPlan plan_;
  std::vector<LiveBuffer> forward_, backward_;
  std::vector<int> value_buffer_, pre_buffer_, workspace_buffer_, scratch_buffer_;
  std::vector<Slot> slot_;
  std::vector<char> needs_, reached_, runs_, written_;
  std::vector<int> contributions_, contributed_;
  std::vector<std::int32_t> gradient_;
  std::vector<char> derived_ = std::vector<char>(graph_.values().size(), 0);
};

MemoryPlan MemoryPlan::make(const Graph& graph, const PlanOptions& options) {
  return Planner(graph, options).make();
}

}  // namespace lamina::nn
