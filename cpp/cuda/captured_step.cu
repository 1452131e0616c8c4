#include <algorithm>
#include <atomic>
#include <cstring>
#include <iterator>
#include <mutex>
#include <new>
#include <vector>

#include "core/error.h"
#include "cpu/gather/gather.h"
#include "cuda/captured_step.h"
#include "cuda/cublaslt/plan.h"
#include "cuda/launch.h"
#include "cuda/memory.h"

namespace lamina::cuda {
namespace {

/// What the kernels of a run read, and from what it is made at the beginning of each.
struct Numbers {
  RoundedNumbers<float> in_float;
  RoundedNumbers<double> in_double;
  std::uint64_t step;
  UploadedRows rows;
  // From begin() on:
  std::int64_t next;  ///< the number of the next run
  std::uint64_t first_step;
  std::int64_t first_row, rows_a_step;
  const StepNumbers* table;
};
static_assert(sizeof(Numbers) % sizeof(double) == 0 && sizeof(StepNumbers) % sizeof(double) == 0);

template <class T>
LAMINA_KERNEL void round_to(RoundedNumbers<T>& to, const StepNumbers& from) {
  to.rate = static_cast<T>(from.rate);
  to.decay_rate = static_cast<T>(from.decay_rate);
  to.average_momentum = static_cast<T>(from.average_momentum);
  to.average_rest = static_cast<T>(1.0 - from.average_momentum);
  LAMINA_UNROLL
  for (int i = 0; i < kUpdateNumbers; ++i) to.numbers[i] = static_cast<T>(from.numbers[i]);
  to.overwrite = from.overwrite;
}

/// The first call of each run.
struct Advance {
  static constexpr const char* kName = "advance";
  Numbers* numbers;
  LAMINA_KERNEL void operator()(std::int64_t) const {
    Numbers& n = *numbers;
    const std::int64_t now = n.next;
    n.next = now + 1;
    n.step = n.first_step + static_cast<std::uint64_t>(now);
    n.rows.first = n.first_row + now * n.rows_a_step;
    const StepNumbers these = n.table[now];
    round_to(n.in_float, these);
    round_to(n.in_double, these);
  }
};

thread_local const CapturedNumbers* current = nullptr;
/// The totals of the losses that the step has still to compute.
thread_local double* next_total = nullptr;
thread_local std::int64_t totals_left = 0;
std::atomic<std::uint64_t> made{0}, all_runs{0};

/// Host memory that copies within a graph can be to and from.
class Pinned {
 public:
  explicit Pinned(std::size_t bytes) : memory_(static_cast<char*>(runtime::reserve_pinned(bytes))) {
    if (memory_ == nullptr) throw std::bad_alloc();
  }
  ~Pinned() { runtime::release_pinned(memory_); }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;
  char* get() const { return memory_; }

 private:
  char* memory_;
};

/// One block of memory has all that a run reads: [Numbers, a StepNumbers, sums, samples]. With from_host its
/// twin in host memory is copied there first thing in the graph, and the sums back as the last thing.
class Graph final : public CapturedStep {
 public:
  explicit Graph(const CaptureArguments& a)
      : from_host_(a.from_host),
        losses_(a.losses),
        state_size_(a.state_size),
        inputs_at_((sums_at + sums_bytes(a) + 255) / 256 * 256),
        bytes_(inputs_at_ + a.input_bytes),
        block_(bytes_),
        twin_(a.from_host ? bytes_ : inputs_at_) {
    std::memset(twin_.get(), 0, a.from_host ? bytes_ : inputs_at_);
  }
  ~Graph() override {
    wait();
    if (graph_ != nullptr) runtime::release_graph(graph_);
    release_kept(kept_);
  }

  /// False if the step cannot be captured.
  bool capture(const CaptureArguments& a, const std::function<void(void*)>& step) {
    char* const block = block_.as<char>();
    Numbers* const numbers = block_.as<Numbers>();
    CapturedNumbers places;
    if (a.dtype == DType::float32) {
      places.numbers = &numbers->in_float;
    } else {
      places.numbers = &numbers->in_double;
    }
    places.step = &numbers->step;
    places.rows = &numbers->rows;
    next_total = reinterpret_cast<double*>(block + sums_at);
    totals_left = losses_;
    places.states = next_total + losses_;
    places.host_states = a.state;
    places.state_size = a.state_size;
    runtime::begin_graph();
    keep_released();
    current = &places;
    bool good = true;
    const auto end = [&] {
      current = nullptr;
      kept_ = take_kept();
      graph_ = runtime::end_graph();
    };
    try {
      if (from_host_) runtime::copy_from_pinned(block, twin_.get(), bytes_);
      for_each_item(1, Advance{numbers});
      step(block + inputs_at_);
      if (from_host_) runtime::copy_to_pinned(twin_.get() + sums_at, block + sums_at, sums_bytes(a));
    } catch (const runtime::CannotCapture&) {
      good = false;
    } catch (const std::bad_alloc&) {  // call by call a step needs less
      good = false;
    } catch (...) {
      end();
      throw;
    }
    end();
    return good;
  }

  void begin(const CapturedRuns& runs) override {
    wait();  // the last run reads the twin
    steps_ = runs.steps;
    runs_ = 0;
    Numbers numbers{};
    std::copy(std::begin(runs.samples), std::end(runs.samples), numbers.rows.samples);
    numbers.rows.order = runs.order;
    numbers.first_step = runs.first_step;
    numbers.first_row = runs.first_row;
    numbers.rows_a_step = runs.rows_a_step;
    if (from_host_) {
      numbers.table = reinterpret_cast<const StepNumbers*>(block_.as<char>() + table_at);
      std::memcpy(twin_.get() + table_at, runs.numbers, sizeof(StepNumbers));
    } else {
      const auto table_bytes = static_cast<std::size_t>(runs.steps) * sizeof(StepNumbers);
      if (table_bytes > table_bytes_) {
        table_.reset();
        table_bytes_ = 0;
        table_ = std::make_unique<Scratch>(table_bytes);
        table_bytes_ = table_bytes;
      }
      runtime::copy_from_host(table_->as<char>(), runs.numbers, table_bytes);
      numbers.table = table_->as<StepNumbers>();
    }
    std::memcpy(twin_.get(), &numbers, sizeof numbers);
    double* const sums = reinterpret_cast<double*>(twin_.get() + sums_at);
    std::copy(runs.loss_totals, runs.loss_totals + losses_, sums);
    std::copy(runs.state, runs.state + state_size_, sums + losses_);
    if (!from_host_) runtime::copy_from_host(block_.as<char>(), twin_.get(), inputs_at_);
  }
  void gather_rows(const GatherRowsArguments& g, bool labels, std::size_t at) override {
    if (!from_host_) throw StateError("[cuda] the samples of this captured step are on the device");
    GatherRowsArguments here = g;
    here.out = twin_.get() + inputs_at_ + at;
    labels ? cpu::gather_labels(here) : cpu::gather_rows(here);
  }
  void run() override {
    if (runs_ == steps_) throw StateError("[cuda] a captured step was run more often than begin() was told");
    runtime::run_graph(graph_);
    running_ = true;
    ++runs_;
    all_runs.fetch_add(1, std::memory_order_relaxed);
  }
  void read(double* loss_totals, double* state) override {
    const std::size_t bytes = static_cast<std::size_t>(losses_ + state_size_) * sizeof(double);
    if (from_host_) {
      runtime::synchronize();
    } else {
      runtime::copy_to_host(twin_.get() + sums_at, block_.as<char>() + sums_at, bytes);
    }
    running_ = false;
    const double* const sums = reinterpret_cast<const double*>(twin_.get() + sums_at);
    std::copy(sums, sums + losses_, loss_totals);
    std::copy(sums + losses_, sums + losses_ + state_size_, state);
  }

 private:
  static constexpr std::size_t table_at = sizeof(Numbers), sums_at = table_at + sizeof(StepNumbers);
  static std::size_t sums_bytes(const CaptureArguments& a) {
    return static_cast<std::size_t>(a.losses + a.state_size) * sizeof(double);
  }
  void wait() noexcept {
    try {
      if (running_) runtime::synchronize();
    } catch (...) {  // whoever asks next hears of it
    }
    running_ = false;
  }

  bool from_host_, running_ = false;
  std::int64_t losses_, state_size_, steps_ = 0, runs_ = 0;
  std::size_t inputs_at_, bytes_;
  Scratch block_;
  Pinned twin_;
  std::unique_ptr<Scratch> table_;  ///< with the samples on the device: the StepNumbers of all runs
  std::size_t table_bytes_ = 0;
  void* graph_ = nullptr;
  void* kept_ = nullptr;
};

}  // namespace

const CapturedNumbers* captured_numbers() { return current; }

double* next_loss_total() {
  if (totals_left == 0) throw StateError("[cuda] a captured step computes more losses than capture() was told");
  --totals_left;
  return next_total++;
}

std::unique_ptr<CapturedStep> capture(const CaptureArguments& a, const std::function<void(void*)>& step) {
  static std::mutex one_at_a_time;
  const std::lock_guard guard(one_at_a_time);
  // A step that cuBLASLt has not seen is captured twice: the first time chooses its algorithms and loads
  // their code, and is thrown away, so that a captured step holds nothing but launches.
  try {
    for (bool again = true;; again = false) {
      const std::uint64_t plans = cublaslt::plans_made();
      auto graph = std::make_unique<Graph>(a);
      if (!graph->capture(a, step)) return nullptr;
      if (again && cublaslt::plans_made() != plans) continue;
      made.fetch_add(1, std::memory_order_relaxed);
      return graph;
    }
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

CaptureCounts capture_counts() { return {made.load(), all_runs.load()}; }

}  // namespace lamina::cuda
