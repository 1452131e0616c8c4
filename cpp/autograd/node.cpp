#include "autograd/node.h"

#include <atomic>

#include "core/error.h"

namespace lamina::autograd {

namespace {

std::atomic<std::uint64_t> node_count{0};
std::atomic<std::int64_t> live_count{0};

/// Frees a node. Its inputs' nodes, whose last owner it may be, come here too: they wait in a list
/// instead of being freed within this call, however long the chain is.
void retire(Node* node) {
  static thread_local std::vector<Node*>* waiting = nullptr;
  if (waiting != nullptr) {
    waiting->push_back(node);
    return;
  }
  std::vector<Node*> list{node};
  waiting = &list;
  while (!list.empty()) {
    Node* next = list.back();
    list.pop_back();
    delete next;
  }
  waiting = nullptr;
}

}  // namespace

Node::Node(std::string_view name, TapeList tapes)
    : name_(name), order_(node_count.fetch_add(1, std::memory_order_relaxed)), tapes_(std::move(tapes)) {
  first_.node = this;
  live_count.fetch_add(1, std::memory_order_relaxed);
}

Node::~Node() { live_count.fetch_sub(1, std::memory_order_relaxed); }

std::int64_t live_nodes() { return live_count.load(); }

std::shared_ptr<Node> Node::share(Node* node) { return {node, &retire}; }

void Node::attach(const std::shared_ptr<Node>& node, std::uint32_t i, const Tensor& x) {
  if (i > node->more_.size()) {
    node->more_.push_back(std::make_unique<Output>());
    node->more_.back()->node = node.get();
    node->more_.back()->index = i;
  }
  Output& output = node->output(i);
  output.type = x.type();
  output.shape = x.shape();
  x.set_grad_link(Link(node, &output));
}

void Node::finish(TapeId id) {
  tapes_.remove(id);
  if (!tapes_.empty()) return;
  finished_ = true;
  release_saved();
  inputs_.clear();
}

void watch(const Tensor& x, TapeId id) {
  if (x.type() != ElementType::float32 && x.type() != ElementType::float64) {
    throw TypeError(
        text("[GradientTape.watch] only float32 and float64 values have gradients. Received: dtype=",
             name_of(x.type())));
  }
  if (output_of(x) == nullptr) Node::attach(Node::share(new Leaf), 0, x);
  output_of(x)->watched_by.add(id);
}

bool is_watched(const Output& output, TapeId id) {
  return output.node->recorded_by(id) || output.watched_by.contains(id);
}

}  // namespace lamina::autograd
