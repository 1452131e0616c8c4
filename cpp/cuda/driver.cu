// The driver of a GPU: NVIDIA's run time, linked statically; it loads the driver's library at the first
// call, so that a machine without one can load lamina.
#include <cuda_runtime.h>

#include <cstdlib>
#include <mutex>

#include "core/error.h"
#include "cuda/runtime.h"

namespace lamina::cuda {

namespace {

cudaStream_t the_stream = nullptr;
cudaStream_t capture_stream = nullptr;  // so that other threads go on meanwhile
thread_local int captures_in_progress = 0;

struct Probe {
  bool good = false;
  std::string why, description;
  int processors = 1, capability = 0;

  Probe() {
    int driver = 0, run_time = 0, devices = 0;
    cudaDriverGetVersion(&driver);
    cudaRuntimeGetVersion(&run_time);
    const auto version = [](int number) { return text(number / 1000, ".", number % 1000 / 10); };
    if (driver == 0) {
      why = text("no NVIDIA driver was found (libcuda.so.1); this build needs one for CUDA ",
                 version(run_time), " or newer");
      return;
    }
    const cudaError_t found = cudaGetDeviceCount(&devices);
    if (found != cudaSuccess || devices == 0) {
      why = text("the driver (for CUDA ", version(driver), ") gives no GPU: ", cudaGetErrorString(found));
      return;
    }
    cudaDeviceProp properties{};
    if (const cudaError_t error = cudaGetDeviceProperties(&properties, 0); error != cudaSuccess) {
      why = text("the GPU does not answer: ", cudaGetErrorString(error));
      return;
    }
    if (properties.major < 7 || (properties.major == 7 && properties.minor < 5)) {
      why = text("this build needs compute capability 7.5 or higher; ", properties.name, " has ",
                 properties.major, ".", properties.minor);
      return;
    }
    if (const cudaError_t error = cudaStreamCreateWithFlags(&the_stream, cudaStreamNonBlocking);
        error != cudaSuccess) {
      why = text("no stream could be made: ", cudaGetErrorString(error));
      return;
    }
    processors = properties.multiProcessorCount;
    capability = 10 * properties.major + properties.minor;
    description = text(properties.name, ", compute capability ", properties.major, ".", properties.minor,
                       ", ", properties.totalGlobalMem >> 20, " MiB; driver for CUDA ", version(driver),
                       ", run time ", version(run_time));
    good = true;
  }
};

const Probe& probe() {
  static const Probe the_probe;
  return the_probe;
}

void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // not again with the next call
  throw StateError(text("[cuda] ", what, ": ", cudaGetErrorString(error)));
}

}  // namespace

cudaStream_t stream() { return captures_in_progress > 0 ? capture_stream : the_stream; }

namespace runtime {

const char* name() { return "cuda"; }
bool available(std::string* why) {
  if (!probe().good && why != nullptr) *why = probe().why;
  return probe().good;
}
std::string description() { return probe().description; }
int processors() { return probe().processors; }
int capability() { return probe().capability; }
void* stream_handle() { return stream(); }
void memory(std::size_t* free, std::size_t* total) { check(cudaMemGetInfo(free, total), "memory"); }

void* reserve(std::size_t bytes) {
  void* block = nullptr;
  if (cudaMalloc(&block, bytes) == cudaSuccess) return block;
  cudaGetLastError();
  return nullptr;
}
void release(void* memory) noexcept { cudaFree(memory); }
void* reserve_pinned(std::size_t bytes) {
  void* block = nullptr;
  if (cudaMallocHost(&block, bytes == 0 ? 1 : bytes) == cudaSuccess) return block;
  cudaGetLastError();
  return nullptr;
}
void release_pinned(void* memory) noexcept { cudaFreeHost(memory); }

void fill_zero(void* to, std::size_t bytes) {
  if (bytes > 0) check(cudaMemsetAsync(to, 0, bytes, stream()), "fill");
}
void copy(void* to, const void* from, std::size_t bytes) {
  if (bytes > 0) check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream()), "copy");
}
void copy_from_host(void* to, const void* from, std::size_t bytes, bool later) {
  if (capturing()) throw CannotCapture();
  if (bytes == 0) return;
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, the_stream), "copy from the host");
  if (!later) check(cudaStreamSynchronize(the_stream), "copy from the host");
}
void copy_to_host(void* to, const void* from, std::size_t bytes) {
  if (capturing()) throw CannotCapture();
  if (bytes == 0) return;
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, the_stream), "copy to the host");
  check(cudaStreamSynchronize(the_stream), "copy to the host");
}
void copy_from_pinned(void* to, const void* from, std::size_t bytes) {
  if (bytes > 0)
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream()), "copy from the host");
}
void copy_to_pinned(void* to, const void* from, std::size_t bytes) {
  if (bytes > 0)
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream()), "copy to the host");
}
void synchronize() {
  if (probe().good) check(cudaStreamSynchronize(the_stream), "a kernel");
}

Event::Event() {
  cudaEvent_t event = nullptr;
  check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "event");
  event_ = event;
}
Event::~Event() { cudaEventDestroy(static_cast<cudaEvent_t>(event_)); }
void Event::record() { check(cudaEventRecord(static_cast<cudaEvent_t>(event_), the_stream), "event"); }
void Event::wait() const { check(cudaEventSynchronize(static_cast<cudaEvent_t>(event_)), "event"); }

void begin_graph() {
  if (capture_stream == nullptr) {
    check(cudaStreamCreateWithFlags(&capture_stream, cudaStreamNonBlocking), "capture");
  }
  // Relaxed: memory may be asked for meanwhile.
  check(cudaStreamBeginCapture(capture_stream, cudaStreamCaptureModeRelaxed), "capture");
  ++captures_in_progress;
}
void* end_graph() {
  --captures_in_progress;
  cudaGraph_t graph = nullptr;
  check(cudaStreamEndCapture(capture_stream, &graph), "capture");
  cudaGraphExec_t runnable = nullptr;
  const cudaError_t error = cudaGraphInstantiate(&runnable, graph, 0);
  cudaGraphDestroy(graph);
  check(error, "making a graph");
  return runnable;
}
void run_graph(void* graph) {
  check(cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), the_stream), "graph");
}
void release_graph(void* graph) noexcept {
  if (graph != nullptr) cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph));
}
bool capturing() { return captures_in_progress > 0; }

void check_launch(const char* what) { check(cudaGetLastError(), what); }
void check_pointer(const void*) {}

}  // namespace runtime
}  // namespace lamina::cuda
