// Copies of large kernels for predictions, cut into blocks of columns that lie together.
//
// A prediction of one row reads every weight once. Threads that share a layer each take some columns;
// in the kernel itself those are short pieces of every row, and what the processor fetches ahead beyond
// a piece belongs to another thread's columns. In blocks each thread reads one long stretch, and its
// share of the network stays in its own cache from call to call. Predictions of many rows, which go
// through the kernels block of rows by block of rows, need not pack them each time.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "nn/graph/graph.h"
#include "nn/parameters/store.h"

namespace lamina::nn {

/// The blocks of one version of a network's parameters; empty where a layer has none.
struct KernelBlocks {
  std::uint64_t version = 0;
  std::vector<Device::Memory> kernels;  ///< one for each layer
};

/// Makes the copies once the same parameters are used for the second time, so that training and
/// predicting in turn copies nothing.
class KernelBlocksCache {
 public:
  /// The copies for the store's values as they are now, or null. Safe to call from several threads.
  std::shared_ptr<const KernelBlocks> find(const ParameterStore& store, const Graph& graph,
                                           const ParameterView& parameters);

 private:
  std::mutex mutex_;
  std::uint64_t seen_ = 0;
  std::shared_ptr<const KernelBlocks> blocks_;
};

}  // namespace lamina::nn
