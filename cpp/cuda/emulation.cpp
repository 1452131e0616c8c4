// The driver of the emulation: device memory is memory of the host that is out of bounds while no kernel
// runs, so that code which follows a device pointer on the host is found, as on a machine with a GPU.
#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/float_environment.h"
#include "cuda/emulated_stream.h"
#include "cuda/runtime.h"

namespace lamina::cuda::runtime {

namespace {

constexpr std::size_t kArena = std::size_t{8} << 30;  // addresses, not memory
constexpr std::size_t kPage = 4096;

struct Graph {
  std::vector<std::function<void()>> calls;
};

struct Emulator {
  std::mutex mutex;
  char* arena = nullptr;
  std::size_t used = 0;
  std::map<char*, std::size_t> sizes;
  std::multimap<std::size_t, char*> free;
  bool guard = true, backwards = false;

  Emulator() {
    void* const memory = mmap(nullptr, kArena, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory != MAP_FAILED) arena = static_cast<char*>(memory);
    const char* const wish = std::getenv("LAMINA_EMULATION_GUARD");
    guard = wish == nullptr || std::strcmp(wish, "0") != 0;
    const char* const order = std::getenv("LAMINA_EMULATION_BACKWARDS");
    backwards = order != nullptr && std::strcmp(order, "1") == 0;
  }
  void open(bool on) {
    if (used == 0 || (!guard && !on)) return;
    mprotect(arena, (used + kPage - 1) / kPage * kPage, on ? PROT_READ | PROT_WRITE : PROT_NONE);
  }
  bool owns(const void* memory) const {
    const char* const at = static_cast<const char*>(memory);
    return at >= arena && at < arena + used;
  }
};

thread_local Graph* captured = nullptr;

Emulator& emulator() {
  static Emulator* const the_emulator = new Emulator;
  return *the_emulator;
}

/// The scope of a kernel: device memory can be read and written.
class Running {
 public:
  Running() : lock_(emulator().mutex) { emulator().open(true); }
  ~Running() { emulator().open(false); }

 private:
  std::lock_guard<std::mutex> lock_;
  FloatEnvironment environment_;
};

}  // namespace

const char* name() { return "cuda-emulated"; }
bool available(std::string* why) {
  if (emulator().arena != nullptr) return true;
  if (why != nullptr) *why = "there are no addresses for its memory";
  return false;
}
std::string description() { return "kernels computed on the host, for tests"; }
int processors() { return 4; }
int capability() {
  const char* const wish = std::getenv("LAMINA_EMULATION_CAPABILITY");
  return wish == nullptr ? 90 : std::atoi(wish);
}
void memory(std::size_t* free, std::size_t* total) {
  *total = kArena;
  *free = kArena - emulator().used;
}

void* reserve(std::size_t bytes) {
  Emulator& e = emulator();
  const std::lock_guard lock(e.mutex);
  const std::size_t size = (bytes + 255) / 256 * 256;
  char* block = nullptr;
  if (const auto found = e.free.find(size); found != e.free.end()) {
    block = found->second;
    e.free.erase(found);
  } else {
    if (e.arena == nullptr || size > kArena - e.used) return nullptr;
    block = e.arena + e.used;
    e.used += size;
    if (!e.guard) e.open(true);
  }
  e.sizes[block] = size;
  return block;
}

void release(void* memory) noexcept {
  Emulator& e = emulator();
  const std::lock_guard lock(e.mutex);
  const auto found = e.sizes.find(static_cast<char*>(memory));
  if (found == e.sizes.end()) return;
  e.free.emplace(found->second, found->first);
  e.sizes.erase(found);
}

void* reserve_pinned(std::size_t bytes) { return std::malloc(bytes == 0 ? 1 : bytes); }
void release_pinned(void* memory) noexcept { std::free(memory); }

void on_device(std::function<void()> run) {
  if (captured != nullptr) return captured->calls.push_back(std::move(run));
  const Running running;
  run();
}

void* stream_handle() {
  static EmulatedStream the_stream{[](void (*run)(void*), void (*drop)(void*), void* call) {
    const std::shared_ptr<void> owned(call, drop);
    on_device([run, owned] { run(owned.get()); });
  }};
  return &the_stream;
}

void fill_zero(void* to, std::size_t bytes) {
  check_pointer(to);
  if (bytes > 0) on_device([=] { std::memset(to, 0, bytes); });
}
void copy(void* to, const void* from, std::size_t bytes) {
  check_pointer(to);
  check_pointer(from);
  if (bytes > 0) on_device([=] { std::memmove(to, from, bytes); });
}
void copy_from_host(void* to, const void* from, std::size_t bytes, bool) {
  check_pointer(to);
  if (capturing()) throw CannotCapture();
  if (bytes > 0) on_device([=] { std::memcpy(to, from, bytes); });
}
void copy_to_host(void* to, const void* from, std::size_t bytes) {
  check_pointer(from);
  if (capturing()) throw CannotCapture();
  if (bytes > 0) on_device([=] { std::memcpy(to, from, bytes); });
}
void copy_from_pinned(void* to, const void* from, std::size_t bytes) {
  check_pointer(to);
  if (bytes > 0) on_device([=] { std::memcpy(to, from, bytes); });
}
void copy_to_pinned(void* to, const void* from, std::size_t bytes) {
  check_pointer(from);
  if (bytes > 0) on_device([=] { std::memcpy(to, from, bytes); });
}
void synchronize() {}

Event::Event() = default;
Event::~Event() = default;
void Event::record() {}
void Event::wait() const {}

void begin_graph() { captured = new Graph; }
void* end_graph() { return std::exchange(captured, nullptr); }
void run_graph(void* graph) {
  const Running running;
  for (const auto& call : static_cast<Graph*>(graph)->calls) call();
}
void release_graph(void* graph) noexcept { delete static_cast<Graph*>(graph); }
bool capturing() { return captured != nullptr; }

bool backwards() { return emulator().backwards; }
void set_backwards(bool on) { emulator().backwards = on; }

void check_launch(const char*) {}
void check_pointer(const void* memory) {
  if (memory != nullptr && !emulator().owns(memory)) {
    throw std::logic_error("a kernel was given a pointer that is not the device's");
  }
}

}  // namespace lamina::cuda::runtime
