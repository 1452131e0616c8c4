#include <cstring>
#include <mutex>
#include <vector>

#include "core/error.h"
#include "cuda/cublaslt/plan.h"
#include "cuda/launch.h"
#include "cuda/memory.h"
#include "cuda/recording.h"

namespace lamina::cuda {
namespace {

/// The numbers of the step that runs, and all those to come.
struct Numbers {
  std::int64_t next;  ///< the number of the next run
  std::uint64_t step;
  std::int64_t first;
  float rate_f32;
  double rate_f64;
};

/// The first call of each run.
struct Advance {
  static constexpr const char* kName = "advance";
  Numbers* numbers;
  const double* rates;
  std::uint64_t first_step;
  std::int64_t rows;
  LAMINA_KERNEL void operator()(std::int64_t) const {
    const std::int64_t now = numbers->next;
    numbers->next = now + 1;
    numbers->step = first_step + static_cast<std::uint64_t>(now);
    numbers->first = now * rows;
    numbers->rate_f32 = static_cast<float>(rates[now]);
    numbers->rate_f64 = rates[now];
  }
};

thread_local const RecordedNumbers* recorded = nullptr;

class Graph final : public Recording {
 public:
  explicit Graph(const RecordingArguments& a)
      : steps_(a.steps),
        state_size_(a.state_size),
        memory_(sizeof(Numbers) + static_cast<std::size_t>(a.steps + 1 + a.state_size) * sizeof(double)) {
    const Numbers zero{};
    runtime::copy_from_host(numbers(), &zero, sizeof zero);
    runtime::copy_from_host(rates(), a.rates, static_cast<std::size_t>(a.steps) * sizeof(double));
    runtime::copy_from_host(sums(), &a.loss_total, sizeof(double));
    runtime::copy_from_host(sums() + 1, a.state, static_cast<std::size_t>(a.state_size) * sizeof(double));
  }
  ~Graph() override {
    try {
      runtime::synchronize();
    } catch (...) {  // whoever asks next hears of it
    }
    if (graph_ != nullptr) runtime::release_graph(graph_);
    release_kept(kept_);
  }

  /// False if the step cannot be recorded.
  bool record(const RecordingArguments& a, const std::function<void()>& step) {
    RecordedNumbers places;
    if (a.dtype == DType::float32) {
      places.rate = &numbers()->rate_f32;
    } else {
      places.rate = &numbers()->rate_f64;
    }
    places.step = &numbers()->step;
    places.first = &numbers()->first;
    places.loss_total = sums();
    places.states = sums() + 1;
    places.host_states = a.state;
    places.state_size = a.state_size;
    runtime::begin_graph();
    keep_released();
    recorded = &places;
    bool good = true;
    const auto end = [&] {
      recorded = nullptr;
      kept_ = take_kept();
      graph_ = runtime::end_graph();
    };
    try {
      for_each_item(1, Advance{numbers(), rates(), a.first_step, a.rows_a_step});
      step();
    } catch (const runtime::CannotRecord&) {
      good = false;
    } catch (...) {
      end();
      throw;
    }
    end();
    return good;
  }

  void run() override {
    if (runs_ == steps_) throw StateError("[cuda] a recording has no more steps");
    runtime::run_graph(graph_);
    ++runs_;
  }
  void read(double* loss_total, double* state) override {
    std::vector<double> host(static_cast<std::size_t>(1 + state_size_));
    runtime::copy_to_host(host.data(), sums(), host.size() * sizeof(double));
    *loss_total = host[0];
    std::copy(host.begin() + 1, host.end(), state);
  }

 private:
  Numbers* numbers() const { return memory_.as<Numbers>(); }
  double* rates() const { return reinterpret_cast<double*>(numbers() + 1); }
  double* sums() const { return rates() + steps_; }

  std::int64_t steps_, state_size_, runs_ = 0;
  Scratch memory_;
  void* graph_ = nullptr;
  void* kept_ = nullptr;
};

static_assert(sizeof(Numbers) % sizeof(double) == 0);

}  // namespace

const RecordedNumbers* recorded_numbers() { return recorded; }

std::unique_ptr<Recording> record(const RecordingArguments& a, const std::function<void()>& step) {
  static std::mutex one_at_a_time;
  const std::lock_guard guard(one_at_a_time);
  // A step that cuBLASLt has not seen is recorded twice: the first time chooses its algorithms and loads their
  // code, and is thrown away, so that a recording holds nothing but launches.
  for (bool again = true;; again = false) {
    const std::uint64_t plans = cublaslt::plans_made();
    auto graph = std::make_unique<Graph>(a);
    if (!graph->record(a, step)) return nullptr;
    if (!again || cublaslt::plans_made() == plans) return graph;
  }
}

}  // namespace lamina::cuda
