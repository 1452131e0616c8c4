// Predictions: blocks of rows through a whole graph, without locks, and without allocation once a call as
// large was there.
#pragma once

#include <atomic>
#include <memory>

#include "nn/graph/execute.h"

namespace lamina::nn {

class Inference {
 public:
  /// The graph has all nodes and outputs, and outlives this.
  Inference(const Graph& graph, DType dtype, Device& device);
  ~Inference();
  Inference(const Inference&) = delete;
  Inference& operator=(const Inference&) = delete;

  /// Dense inputs of [rows, input] to outputs of [rows, output]. Safe to call from several threads while
  /// the parameters do not change. `elements`: of all parameters; `blocks`: copies of large kernels, or
  /// null.
  void run(const ParameterView& parameters, std::int64_t elements, std::span<const void* const> x,
           std::int64_t rows, std::span<void* const> out, const KernelBlocks* blocks) const;
  /// Rows that go through all nodes together: what they compute fits a core's near caches.
  std::int64_t rows_a_block() const { return rows_a_block_; }

 private:
  struct Scratch;
  std::unique_ptr<Scratch> make_scratch(std::int64_t rows, int threads) const;
  MemoryPlan plan_for(std::int64_t rows) const;
  std::int64_t find_rows_a_block() const;

  const Graph& graph_;
  DType dtype_;
  Device& device_;
  std::int64_t rows_a_block_;
  mutable std::atomic<Scratch*> idle_scratch_{nullptr};  ///< kept between calls
};

}  // namespace lamina::nn
