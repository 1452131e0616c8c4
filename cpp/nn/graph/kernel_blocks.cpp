#include "nn/graph/kernel_blocks.h"

#include "nn/layers/dense.h"

namespace lamina::nn {

std::shared_ptr<const KernelBlocks> KernelBlocksCache::find(const ParameterStore& store, const Graph& graph,
                                                            const ParameterView& parameters) {
  Device& device = store.device();
  const DType dtype = store.dtype();
  const std::uint64_t version = store.version();
  const std::lock_guard lock(mutex_);
  if (blocks_ != nullptr && blocks_->version == version) return blocks_;
  blocks_ = nullptr;
  if (seen_ != version) {
    seen_ = version;
    return nullptr;
  }
  auto made = std::make_shared<KernelBlocks>();
  made->version = version;
  for (LayerId layer = 0; layer < graph.layers(); ++layer) {
    made->kernels.emplace_back(nullptr, Device::Release{&device});
    const NodeId first = graph.first_node(layer);
    if (first == kNoNode) continue;
    const auto* dense = dynamic_cast<const Dense*>(graph.nodes()[first].operation.get());
    if (dense == nullptr || dense->column_blocks(dtype) < 2) continue;
    made->kernels.back() = device.make(dense->kernel_bytes(dtype));
    dense->copy_in_blocks(device, dtype, parameters[layer][0], made->kernels.back().get());
  }
  blocks_ = made;
  return made;
}

}  // namespace lamina::nn
