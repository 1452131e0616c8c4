// Launches. A kernel is a functor; its arguments are its members.
//
//   for_each_item(n, kernel)     kernel(i) for each i in [0, n): a thread each
//   for_each_group<T>(n, kernel) kernel(i) for each i in [0, n), by the lanes of one Vec<T>
//   for_each_block(n, kernel)    kernel(block) for each block: block.each(phase) runs phase(thread,
//                                registers, memory) for all Kernel::kThreads threads, then they meet
//
// The emulation runs the same functors: threads one after the other, phase by phase.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>

#include "cuda/policy.h"
#include "cuda/runtime.h"

namespace lamina::cuda {

/// One block of Kernel::kThreads threads. They share a Kernel::Shared; each has a Kernel::Registers, which
/// must be indexed by constants only, and a Kernel::Memory for what is indexed otherwise.
template <class Kernel>
struct Block {
  std::int64_t index;
  typename Kernel::Shared& shared;
  typename Kernel::Registers* registers;
  typename Kernel::Memory* memory;

  template <class Phase>
  LAMINA_KERNEL void each(const Phase& phase) {
#if defined(__CUDACC__)
    phase(static_cast<int>(threadIdx.x), *registers, *memory);
    __syncthreads();
#else
    if (runtime::backwards()) {
      for (int t = Kernel::kThreads; t-- > 0;) phase(t, registers[t], memory[t]);
    } else {
      for (int t = 0; t < Kernel::kThreads; ++t) phase(t, registers[t], memory[t]);
    }
#endif
  }
};

#if defined(__CUDACC__)

cudaStream_t stream();

template <class Kernel>
__global__ void __launch_bounds__(256) run_items(std::int64_t n, const Kernel kernel) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) {
    kernel(i);
  }
}

template <class Kernel, int lanes>
__global__ void __launch_bounds__(128) run_groups(std::int64_t n, const Kernel kernel) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * (blockDim.x / lanes);
  for (std::int64_t i = (static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / lanes; i < n;
       i += step) {
    kernel(i);
  }
}

template <class Kernel>
__global__ void __launch_bounds__(Kernel::kThreads) run_blocks(const Kernel kernel) {
  __shared__ typename Kernel::Shared shared;
  typename Kernel::Registers registers;
  typename Kernel::Memory memory;
  Block<Kernel> block{static_cast<std::int64_t>(blockIdx.x), shared, &registers, &memory};
  kernel(block);
}

inline unsigned grid_of(std::int64_t threads, int block) {
  constexpr std::int64_t most = 1 << 16;
  return static_cast<unsigned>(std::min(most, pieces_of(threads, block)));
}

template <class Kernel>
void for_each_item(std::int64_t n, const Kernel& kernel) {
  if (n <= 0) return;
  run_items<Kernel><<<grid_of(n, 256), 256, 0, stream()>>>(n, kernel);
  runtime::check_launch(Kernel::kName);
}

template <class T, class Kernel>
void for_each_group(std::int64_t n, const Kernel& kernel) {
  if (n <= 0) return;
  constexpr int lanes = Vec<T>::lanes;
  run_groups<Kernel, lanes><<<grid_of(n * lanes, 128), 128, 0, stream()>>>(n, kernel);
  runtime::check_launch(Kernel::kName);
}

template <class Kernel>
void for_each_block(std::int64_t n, const Kernel& kernel) {
  if (n <= 0) return;
  run_blocks<Kernel><<<static_cast<unsigned>(n), Kernel::kThreads, 0, stream()>>>(kernel);
  runtime::check_launch(Kernel::kName);
}

#else

template <class Kernel>
void for_each_item(std::int64_t n, const Kernel& kernel) {
  if (n <= 0) return;
  runtime::on_device([n, kernel] {
    if (runtime::backwards()) {
      for (std::int64_t i = n; i-- > 0;) kernel(i);
    } else {
      for (std::int64_t i = 0; i < n; ++i) kernel(i);
    }
  });
}

template <class T, class Kernel>
void for_each_group(std::int64_t n, const Kernel& kernel) {
  for_each_item(n, kernel);
}

template <class Kernel>
void for_each_block(std::int64_t n, const Kernel& kernel) {
  if (n <= 0) return;
  runtime::on_device([n, kernel] {
    const auto shared = std::make_unique<typename Kernel::Shared>();
    const auto registers = std::make_unique<typename Kernel::Registers[]>(Kernel::kThreads);
    const auto memory = std::make_unique<typename Kernel::Memory[]>(Kernel::kThreads);
    for (std::int64_t i = 0; i < n; ++i) {
      Block<Kernel> block{runtime::backwards() ? n - 1 - i : i, *shared, registers.get(), memory.get()};
      kernel(block);
    }
  });
}

#endif

/// A pointer of a call's arguments, known to be device memory.
template <class T>
const T* in(const void* memory) {
  runtime::check_pointer(memory);
  return static_cast<const T*>(memory);
}
template <class T>
T* out(void* memory) {
  runtime::check_pointer(memory);
  return static_cast<T*>(memory);
}

}  // namespace lamina::cuda
