// The driver, as far as the kernels' launches and the device need it: cuda/driver.cu asks NVIDIA's run
// time, cuda/emulation.cpp computes on the host. Everything runs in one order, that of the calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>

namespace lamina::cuda::runtime {

/// "cuda" or "cuda-emulated".
const char* name();
/// Whether there is a GPU that this build can use; else `why` says what is missing.
bool available(std::string* why);
/// A line about the GPU, its driver and the run time, for bug reports.
std::string description();
/// Multiprocessors: for cutting work, never for bits.
int processors();
/// The compute capability times 10: 90 for 9.0.
int capability();
/// Free and total bytes of the GPU's memory.
void memory(std::size_t* free, std::size_t* total);

/// Device memory, 256-byte aligned; null when there is not enough.
void* reserve(std::size_t bytes);
void release(void* memory) noexcept;
/// Host memory that copies can overlap with; falls back to ordinary memory.
void* reserve_pinned(std::size_t bytes);
void release_pinned(void* memory) noexcept;

void fill_zero(void* to, std::size_t bytes);
void copy(void* to, const void* from, std::size_t bytes);
/// Returns when `from` may be changed: at once for pinned memory only if `later`.
void copy_from_host(void* to, const void* from, std::size_t bytes, bool later = false);
/// Returns when `to` is there.
void copy_to_host(void* to, const void* from, std::size_t bytes);
/// The same for memory of reserve_pinned(), which stays untouched until the work is done: can be captured.
void copy_from_pinned(void* to, const void* from, std::size_t bytes);
void copy_to_pinned(void* to, const void* from, std::size_t bytes);
/// Waits for all work, and throws StateError if some of it failed.
void synchronize();

/// What has been done since: a point in the order of calls.
class Event {
 public:
  Event();
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  void record();
  void wait() const;  ///< the host waits; at once if never marked
 private:
  void* event_ = nullptr;
};

/// What copies from and to the host throw while a graph is captured.
struct CannotCapture : std::logic_error {
  CannotCapture() : std::logic_error("this call needs the host and cannot be captured") {}
};

/// What calls of NVIDIA's libraries are given as the stream to work in.
void* stream_handle();

// Graphs: launches and copies between begin_graph and end_graph are kept, not run.
void begin_graph();
void* end_graph();
void run_graph(void* graph);
void release_graph(void* graph) noexcept;
bool capturing();

/// Throws a StateError of the last failed call, if there is one: after each launch.
void check_launch(const char* what);

#if !defined(__CUDACC__)
/// The emulation's launches: `run` works on device memory now, or when a graph is run.
void on_device(std::function<void()> run);
/// Whether the threads of a block, and the items of a launch, run last to first: a result that depends
/// on it is a race.
bool backwards();
void set_backwards(bool on);
#endif
/// In the emulation: throws std::logic_error unless this is device memory. Elsewhere nothing.
void check_pointer(const void* memory);

}  // namespace lamina::cuda::runtime
