#include <algorithm>

#include "core/error.h"
#include "cpu/gather/gather.h"
#include "cpu/random/random.h"
#include "cuda/activation/activation.h"
#include "cuda/captured_step.h"
#include "cuda/cublaslt/gemm.h"
#include "cuda/cublaslt/library.h"
#include "cuda/cuda.h"
#include "cuda/elementwise/elementwise.h"
#include "cuda/embedding/embedding.h"
#include "cuda/gather/gather.h"
#include "cuda/gemm/gemm.h"
#include "cuda/loss/loss.h"
#include "cuda/memory.h"
#include "cuda/metric/metric.h"
#include "cuda/normalization/normalization.h"
#include "cuda/optimizer/optimizer.h"
#include "cuda/penalty/penalty.h"
#include "cuda/random/random.h"
#include "cuda/reduce/reduce.h"
#include "cuda/runtime.h"
#include "cuda/strided/strided.h"
#include "cuda/transpose/transpose.h"
#include "cuda/vector_ops/vector_ops.h"

namespace lamina::cuda {

namespace {

/// Each call goes to its room. What is asked of users' arrays, which are the host's, the CPU's rooms answer.
class CudaDevice final : public Device {
 public:
  explicit CudaDevice(Precision precision) : precision_(precision) {}
  std::string_view name() const override { return runtime::name(); }
  Precision precision() const override { return precision_; }

  void* allocate(std::size_t bytes) override { return cuda::allocate(bytes); }
  void release(void* memory) noexcept override { cuda::release(memory); }
  void fill_zero(void* to, std::size_t bytes) override { runtime::fill_zero(to, bytes); }
  void copy(void* to, const void* from, std::size_t bytes) override { runtime::copy(to, from, bytes); }
  void copy_from_host(void* to, const void* from, std::size_t bytes) override {
    runtime::copy_from_host(to, from, bytes);
  }
  void copy_to_host(void* to, const void* from, std::size_t bytes) override {
    runtime::copy_to_host(to, from, bytes);
  }
  void synchronize() override { runtime::synchronize(); }

  int concurrency(double, std::int64_t) override { return 1; }
  void run_concurrently(int n, const std::function<void(int)>& run) override {
    for (int i = 0; i < n; ++i) run(i);
  }

  void gemm(const GemmArguments& a) override {
    if (precision_ == Precision::strict || !a.of_layer || a.dtype != DType::float32) return cuda::gemm(a);
    cublaslt::gemm(a, precision_);
  }
  void activate(DType dtype, const Activation& f, std::int64_t rows, std::int64_t columns, const void* x,
                void* y) override {
    cuda::activate(dtype, f, rows, columns, x, y);
  }
  void activate_backward(DType dtype, const Activation& f, std::int64_t rows, std::int64_t columns,
                         const void* saved, const void* dy, void* dx) override {
    cuda::activate_backward(dtype, f, rows, columns, saved, dy, dx);
  }
  void column_sums(DType dtype, std::int64_t rows, std::int64_t columns, const void* x, void* out) override {
    cuda::column_sums(dtype, rows, columns, x, out);
  }
  void row_sums(DType dtype, std::int64_t rows, std::int64_t columns, const void* x, void* out) override {
    cuda::row_sums(dtype, rows, columns, x, out);
  }
  double loss(const LossArguments& a) override {
    return captured_numbers() == nullptr ? cuda::loss(a) : cuda::loss(a, next_loss_total(), true);
  }
  double loss_count(const LossArguments& a, bool weighted) override { return cuda::loss_count(a, weighted); }
  void add_metric(const MetricArguments& a, double* state) override {
    const CapturedNumbers* captured = captured_numbers();
    if (captured == nullptr) return cuda::add_metric(a, state);
    const std::int64_t place = state - captured->host_states;
    if (!is_mean(*a.metric) || a.skip_missing || place < 0 || place >= captured->state_size) {
      throw runtime::CannotCapture();
    }
    add_mean_on_device(a, captured->states + place);
  }
  void update(const UpdateArguments& a) override {
    const CapturedNumbers* captured = captured_numbers();
    if (captured == nullptr) return cuda::update(a);
    cuda::update(a, captured->numbers);
  }
  bool clips_by_itself() const override { return true; }
  void clip_factors(const ClipArguments& a) override { cuda::clip_factors(a); }
  void vector_op(const VectorArguments& a) override { cuda::vector_op(a); }
  double dot(DType dtype, std::int64_t n, const void* x, const void* y) override {
    return cuda::dot(dtype, n, x, y);
  }
  double abs_max(DType dtype, std::int64_t n, const void* x) override { return cuda::abs_max(dtype, n, x); }
  bool all_finite(DType dtype, std::int64_t n, const void* x) override {
    return cuda::all_finite(dtype, n, x);
  }
  void normalize_columns(const ColumnNormalization& a) override { cuda::normalize_columns(a); }
  void normalize_columns_backward(const ColumnNormalization& a) override {
    cuda::normalize_columns_backward(a);
  }
  void normalize_rows(const RowNormalization& a) override { cuda::normalize_rows(a); }
  void normalize_rows_backward(const RowNormalization& a) override { cuda::normalize_rows_backward(a); }
  void update_moving_average(DType dtype, std::int64_t n, double momentum, const void* current,
                             void* moving) override {
    cuda::update_moving_average(dtype, n, momentum, current, moving);
  }
  void variance_of_deviation(DType dtype, std::int64_t n, double epsilon, const void* deviation,
                             void* variance) override {
    cuda::variance_of_deviation(dtype, n, epsilon, deviation, variance);
  }
  void elementwise(const ElementwiseArguments& a) override { cuda::elementwise(a); }
  void strided(const StridedArguments& a) override { cuda::strided(a); }
  void rescale(const RescaleArguments& a) override { cuda::rescale(a); }
  void prelu(const PreluArguments& a) override { cuda::prelu(a); }
  void prelu_backward(const PreluArguments& a) override { cuda::prelu_backward(a); }
  void transpose(const TransposeArguments& a) override { cuda::transpose(a); }
  void embedding_lookup(const EmbeddingArguments& a) override { cuda::embedding_lookup(a); }
  void embedding_backward(const EmbeddingArguments& a) override { cuda::embedding_backward(a); }
  double penalty(const PenaltyArguments& a) override { return cuda::penalty(a); }
  void constrain(const ConstraintArguments& a) override { cuda::constrain(a); }
  // Tensors: what holds a model's parameters is all that lies here.
  void unary(const UnaryArguments&) override { refuse("unary"); }
  void binary(const BinaryArguments&) override { refuse("binary"); }
  void select(const SelectArguments&) override { refuse("select"); }
  void convert(const ConvertArguments&) override { refuse("convert"); }
  void write(const WriteArguments&) override { refuse("write"); }
  void reduce(const ReduceArguments& a) override { cuda::reduce(a); }
  void cumulative(const CumulativeArguments&) override { refuse("cumulative"); }
  void argsort(const ArgsortArguments&) override { refuse("argsort"); }
  void gather(const GatherArguments&) override { refuse("gather"); }
  void scatter(const ScatterArguments&) override { refuse("scatter"); }
  bool has(UnaryKind, ElementType) const override { return false; }
  bool has(BinaryKind, ElementType) const override { return false; }

  void random(const RandomArguments& a) override { cuda::random(a, captured_step_number()); }
  void integers(std::int64_t n, std::int64_t low, std::int64_t high, RandomKey key,
                std::int64_t* out) override {
    cuda::integers(n, low, high, key, out);
  }
  void dropout(const DropoutArguments& a) override { cuda::dropout(a, captured_step_number()); }

  std::unique_ptr<CapturedStep> capture(const CaptureArguments& a,
                                        const std::function<void(void*)>& step) override {
    return cuda::capture(a, step);
  }
  void gather_uploaded(std::int64_t rows, std::int64_t row_bytes, int array, void* out) override {
    const CapturedNumbers* captured = captured_numbers();
    if (captured == nullptr) throw StateError("[cuda] gather_uploaded() belongs to a captured step");
    cuda::gather_uploaded(rows, row_bytes, captured->rows, array, out);
  }
  std::size_t upload_capacity() override {
    // Half of what is free leaves room for activations; within a limit, what it leaves.
    std::size_t free = 0, total = 0;
    runtime::memory(&free, &total);
    const MemoryStatistics memory = memory_statistics();
    if (memory.limit != 0) free = std::min(free, memory.limit - std::min(memory.limit, memory.reserved));
    return free / 2;
  }

  void gather_rows(const GatherRowsArguments& a) override { cuda::gather_rows(a); }
  void gather_labels(const GatherRowsArguments& a) override { cuda::gather_labels(a); }
  std::int64_t find_bad_label(const ArrayView& source, const LabelRule& rule) override {
    return cpu::find_bad_label(source, rule);
  }
  bool has_nan(const ArrayView& source) override { return cpu::has_nan(source); }
  void permutation(std::int64_t n, RandomKey key, std::int64_t* order) override {
    cpu::permutation(n, key, order);
  }

 private:
  [[noreturn]] static void refuse(const char* call) {
    throw StateError(
        text("[", call, "] '", runtime::name(), "' computes whole models; tensors are computed on the CPU"));
  }
  static const std::uint64_t* captured_step_number() {
    const CapturedNumbers* captured = captured_numbers();
    return captured == nullptr ? nullptr : captured->step;
  }

  Precision precision_;
};

void require() {
  std::string why;
  if (runtime::available(&why)) return;
  throw StateError(text("[device] '", runtime::name(), "' cannot be used here: ", why, "."));
}

}  // namespace

std::string_view name() { return runtime::name(); }
bool available() { return runtime::available(nullptr); }
std::string status() {
  std::string why;
  return runtime::available(&why) ? runtime::description() : why;
}

Device& device() {
  require();
  static CudaDevice the_device(Precision::strict);
  return the_device;
}

Device& device(Precision precision) {
  Device& strict = device();
  if (precision == Precision::strict) return strict;
  constexpr int ampere = 80;
  if (const int capability = runtime::capability(); capability < ampere) {
    throw StateError(text("[device] precision='", name_of(precision),
                          "' needs a GPU of compute capability 8.0 or higher; this one has ", capability / 10,
                          ".", capability % 10));
  }
  cublaslt::prepare();
  static CudaDevice tf32(Precision::tf32), bf16(Precision::bf16);
  return precision == Precision::tf32 ? tf32 : bf16;
}
void set_library_candidates(std::vector<std::string> paths) { cublaslt::set_candidates(std::move(paths)); }
std::string library_status() { return cublaslt::library_status(); }

std::vector<std::pair<std::string, std::uint64_t>> memory_stats() {
  require();
  std::size_t free = 0, total = 0;
  runtime::memory(&free, &total);
  const MemoryStatistics s = memory_statistics();
  return {{"allocated", s.allocated},
          {"peak", s.peak},
          {"reserved", s.reserved},
          {"limit", s.limit},
          {"free", free},
          {"total", total},
          {"requests", s.requests},
          {"driver_calls", s.driver_calls}};
}
std::pair<std::uint64_t, std::uint64_t> captured_steps() {
  const CaptureCounts counts = capture_counts();
  return {counts.made, counts.runs};
}
void set_memory_limit(std::uint64_t bytes) {
  require();
  limit_memory(static_cast<std::size_t>(bytes));
}
void empty_cache() {
  require();
  give_back_cache();
}

}  // namespace lamina::cuda
