#include "nn/graph/inference.h"

#include <algorithm>

namespace lamina::nn {

/// An arena and its tables for each thread.
struct Inference::Scratch {
  std::int64_t rows = 0;
  MemoryPlan plan;
  Device::Memory memory;
  std::vector<Run> runs;
};

Inference::Inference(const Graph& graph, DType dtype, Device& device)
    : graph_(graph), dtype_(dtype), device_(device), rows_a_block_(find_rows_a_block()) {}

Inference::~Inference() { delete idle_scratch_.load(); }

MemoryPlan Inference::plan_for(std::int64_t rows) const {
  PlanOptions options;
  options.mode = PlanMode::inference;
  options.dtype = dtype_;
  options.batch = rows;
  return MemoryPlan::make(graph_, options);
}

std::int64_t Inference::find_rows_a_block() const {
  // A chain passes its rows between two buffers, of the widest value each; what a graph keeps beside that
  // counts likewise.
  constexpr std::int64_t sample = 64;
  const auto item = static_cast<std::int64_t>(size_of(dtype_));
  const auto arena = static_cast<std::int64_t>(plan_for(sample).bytes()) / sample;
  const std::int64_t row = std::max(graph_.widest() * item, arena / 2);
  // Another device has its own caches, and wants rows enough for all of its processors.
  if (!device_.is_host()) {
    constexpr std::int64_t bytes = 64 << 20;
    return std::clamp<std::int64_t>(bytes / row, 256, 65536);
  }
  // Small enough that a block's values stay near, large enough that reading the weights again for
  // each block costs little.
  constexpr std::int64_t cache_bytes = 128 * 1024;
  return std::clamp<std::int64_t>(cache_bytes / row / 64 * 64, 256, 1024);
}

std::unique_ptr<Inference::Scratch> Inference::make_scratch(std::int64_t rows, int threads) const {
  auto scratch = std::make_unique<Scratch>();
  scratch->rows = rows;
  scratch->plan = plan_for(rows);
  const std::size_t bytes = scratch->plan.bytes();
  scratch->memory = device_.make(bytes * static_cast<std::size_t>(threads));
  scratch->runs.reserve(static_cast<std::size_t>(threads));
  for (int thread = 0; thread < threads; ++thread) {
    char* const start = static_cast<char*>(scratch->memory.get()) + bytes * static_cast<std::size_t>(thread);
    scratch->runs.emplace_back(graph_, scratch->plan, start);
  }
  return scratch;
}

void Inference::run(const ParameterView& parameters, std::int64_t elements, std::span<const void* const> x,
                    std::int64_t rows, std::span<void* const> out, const KernelBlocks* kernel_blocks) const {
  // Blocks go through all nodes one by one, each on a thread: what a node wrote is still near when the
  // next one reads it. Fewer rows than that go through together, each node on all threads.
  const std::int64_t block = std::min(rows, rows_a_block_);
  const std::int64_t blocks = block == 0 ? 0 : (rows + block - 1) / block;
  const double cost = static_cast<double>(rows) * static_cast<double>(elements);
  const int threads = blocks < 2 ? 1 : device_.concurrency(cost, blocks);

  std::unique_ptr<Scratch> scratch(idle_scratch_.exchange(nullptr));
  if (scratch == nullptr || scratch->rows < block || static_cast<int>(scratch->runs.size()) < threads) {
    const std::int64_t most = std::max(block, scratch == nullptr ? 0 : scratch->rows);
    const int all = std::max(threads, scratch == nullptr ? 0 : static_cast<int>(scratch->runs.size()));
    scratch.reset();
    scratch = make_scratch(most, all);
  }

  const auto item = static_cast<std::int64_t>(size_of(dtype_));
  const auto run_block = [&](std::int64_t i, int thread) {
    Run& run = scratch->runs[static_cast<std::size_t>(thread)];
    const std::int64_t start = i * block;
    for (std::size_t k = 0; k < x.size(); ++k) {
      run.set_input(
          k, static_cast<const char*>(x[k]) + start * graph_.values()[graph_.inputs()[k]].elements * item);
    }
    for (std::size_t k = 0; k < out.size(); ++k) {
      const ValueId value = graph_.outputs()[k].value;
      run.set_output(k, static_cast<char*>(out[k]) + start * graph_.values()[value].elements * item);
    }
    ForwardOptions options;
    options.blocks = kernel_blocks;
    const Pass pass{device_, dtype_, std::min(block, rows - start), false, 0};
    forward(scratch->plan, run, parameters, pass, options);
  };
  if (threads <= 1) {
    for (std::int64_t i = 0; i < blocks; ++i) run_block(i, 0);
  } else {
    std::atomic<std::int64_t> next{0};
    device_.run_concurrently(threads, [&](int thread) {
      for (std::int64_t i = 0; (i = next.fetch_add(1, std::memory_order_relaxed)) < blocks;)
        run_block(i, thread);
    });
  }
  delete idle_scratch_.exchange(scratch.release());
}

}  // namespace lamina::nn
