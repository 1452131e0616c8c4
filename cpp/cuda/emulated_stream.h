// What the emulation gives NVIDIA's libraries as a stream, so that a stand-in for one can work on device
// memory: at once, or when the graph that is being captured is run.
#pragma once

namespace lamina::cuda {

struct EmulatedStream {
  /// Calls run(call) when its turn comes, maybe several times, and drop(call) after the last.
  void (*enqueue)(void (*run)(void*), void (*drop)(void*), void* call);
};

}  // namespace lamina::cuda
