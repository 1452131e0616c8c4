#include "cpu/cpu_device.h"

#include <cstring>
#include <new>

#include "core/buffer.h"
#include "core/float_environment.h"
#include "core/threads.h"
#include "cpu/activation/activation.h"
#include "cpu/array/array.h"
#include "cpu/dispatch.h"
#include "cpu/elementwise/elementwise.h"
#include "cpu/embedding/embedding.h"
#include "cpu/gather/gather.h"
#include "cpu/gemm/gemm.h"
#include "cpu/loss/loss.h"
#include "cpu/metric/metric.h"
#include "cpu/normalization/normalization.h"
#include "cpu/optimizer/optimizer.h"
#include "cpu/penalty/penalty.h"
#include "cpu/random/random.h"
#include "cpu/reduce/reduce.h"
#include "cpu/strided/strided.h"
#include "cpu/transpose/transpose.h"
#include "cpu/vector_ops/vector_ops.h"

namespace lamina::cpu {

namespace {

/// Each call sets the contract's floating-point environment and goes to its room.
class CpuDevice final : public Device {
 public:
  CpuDevice() { kernels(); }

  std::string_view name() const override { return "cpu"; }
  bool is_host() const override { return true; }

  void* allocate(std::size_t bytes) override { return Buffer(bytes).release(); }
  void release(void* memory) noexcept override { Buffer::free(memory); }
  void fill_zero(void* to, std::size_t bytes) override {
    if (bytes != 0) std::memset(to, 0, bytes);
  }
  void copy(void* to, const void* from, std::size_t bytes) override {
    if (bytes != 0) std::memcpy(to, from, bytes);
  }
  void copy_from_host(void* to, const void* from, std::size_t bytes) override { copy(to, from, bytes); }
  void copy_to_host(void* to, const void* from, std::size_t bytes) override { copy(to, from, bytes); }
  void synchronize() override {}

  int concurrency(double cost, std::int64_t most) override {
    constexpr double nanoseconds = 0.03;  // a multiply-add
    return threads::worthwhile(nanoseconds * cost, most);
  }
  void run_concurrently(int n, const std::function<void(int)>& run) override {
    threads::parallel_for(n, [&run](std::int64_t i) { run(static_cast<int>(i)); }, n);
  }

  void gemm(const GemmArguments& arguments) override {
    const FloatEnvironment environment;
    cpu::gemm(arguments);
  }
  void activate(DType dtype, const Activation& activation, std::int64_t rows, std::int64_t columns,
                const void* x, void* y) override {
    const FloatEnvironment environment;
    cpu::activate(dtype, activation, rows, columns, x, y);
  }
  void activate_backward(DType dtype, const Activation& activation, std::int64_t rows, std::int64_t columns,
                         const void* saved, const void* dy, void* dx) override {
    const FloatEnvironment environment;
    cpu::activate_backward(dtype, activation, rows, columns, saved, dy, dx);
  }
  void column_sums(DType dtype, std::int64_t rows, std::int64_t columns, const void* x, void* out) override {
    const FloatEnvironment environment;
    cpu::column_sums(dtype, rows, columns, x, out);
  }
  void row_sums(DType dtype, std::int64_t rows, std::int64_t columns, const void* x, void* out) override {
    const FloatEnvironment environment;
    cpu::row_sums(dtype, rows, columns, x, out);
  }
  double loss(const LossArguments& arguments) override {
    const FloatEnvironment environment;
    return cpu::loss(arguments);
  }
  double loss_count(const LossArguments& arguments, bool weighted) override {
    const FloatEnvironment environment;
    return cpu::loss_count(arguments, weighted);
  }
  void add_metric(const MetricArguments& arguments, double* state) override {
    const FloatEnvironment environment;
    cpu::add_metric(arguments, state);
  }
  bool fuses_updates() const override { return true; }
  void update(const UpdateArguments& arguments) override {
    const FloatEnvironment environment;
    cpu::update(arguments);
  }
  void vector_op(const VectorArguments& arguments) override {
    const FloatEnvironment environment;
    cpu::vector_op(arguments);
  }
  double dot(DType dtype, std::int64_t n, const void* x, const void* y) override {
    const FloatEnvironment environment;
    return cpu::dot(dtype, n, x, y);
  }
  double abs_max(DType dtype, std::int64_t n, const void* x) override { return cpu::abs_max(dtype, n, x); }
  bool all_finite(DType dtype, std::int64_t n, const void* x) override {
    const FloatEnvironment environment;
    return cpu::all_finite(dtype, n, x);
  }
  void normalize_columns(const ColumnNormalization& arguments) override {
    const FloatEnvironment environment;
    cpu::normalize_columns(arguments);
  }
  void normalize_columns_backward(const ColumnNormalization& arguments) override {
    const FloatEnvironment environment;
    cpu::normalize_columns_backward(arguments);
  }
  void normalize_rows(const RowNormalization& arguments) override {
    const FloatEnvironment environment;
    cpu::normalize_rows(arguments);
  }
  void normalize_rows_backward(const RowNormalization& arguments) override {
    const FloatEnvironment environment;
    cpu::normalize_rows_backward(arguments);
  }
  void elementwise(const ElementwiseArguments& arguments) override {
    const FloatEnvironment environment;
    cpu::elementwise(arguments);
  }
  void strided(const StridedArguments& arguments) override {
    const FloatEnvironment environment;
    cpu::strided(arguments);
  }
  void rescale(const RescaleArguments& arguments) override {
    const FloatEnvironment environment;
    cpu::rescale(arguments);
  }
  void prelu(const PreluArguments& arguments) override {
    const FloatEnvironment environment;
    cpu::prelu(arguments);
  }
  void prelu_backward(const PreluArguments& arguments) override {
    const FloatEnvironment environment;
    cpu::prelu_backward(arguments);
  }
  void transpose(const TransposeArguments& arguments) override {
    const FloatEnvironment environment;
    cpu::transpose(arguments);
  }
  void embedding_lookup(const EmbeddingArguments& arguments) override {
    const FloatEnvironment environment;
    cpu::embedding_lookup(arguments);
  }
  void embedding_backward(const EmbeddingArguments& arguments) override {
    const FloatEnvironment environment;
    cpu::embedding_backward(arguments);
  }
  double penalty(const PenaltyArguments& arguments) override {
    const FloatEnvironment environment;
    return cpu::penalty(arguments);
  }
  void constrain(const ConstraintArguments& arguments) override {
    const FloatEnvironment environment;
    cpu::constrain(arguments);
  }
  void update_moving_average(DType dtype, std::int64_t n, double momentum, const void* current,
                             void* moving) override {
    const FloatEnvironment environment;
    cpu::update_moving_average(dtype, n, momentum, current, moving);
  }
  void variance_of_deviation(DType dtype, std::int64_t n, double epsilon, const void* deviation,
                             void* variance) override {
    const FloatEnvironment environment;
    cpu::variance_of_deviation(dtype, n, epsilon, deviation, variance);
  }
  void unary(const UnaryArguments& arguments) override {
    const FloatEnvironment environment;
    array_unary(arguments);
  }
  void binary(const BinaryArguments& arguments) override {
    const FloatEnvironment environment;
    array_binary(arguments);
  }
  void select(const SelectArguments& arguments) override { array_select(arguments); }
  void convert(const ConvertArguments& arguments) override {
    const FloatEnvironment environment;
    array_convert(arguments);
  }
  void write(const WriteArguments& arguments) override { array_write(arguments); }
  void reduce(const ReduceArguments& arguments) override {
    const FloatEnvironment environment;
    array_reduce(arguments);
  }
  void cumulative(const CumulativeArguments& arguments) override {
    const FloatEnvironment environment;
    array_cumulative(arguments);
  }
  void argsort(const ArgsortArguments& arguments) override {
    const FloatEnvironment environment;
    array_argsort(arguments);
  }
  void gather(const GatherArguments& arguments) override { array_gather(arguments); }
  void scatter(const ScatterArguments& arguments) override {
    const FloatEnvironment environment;
    array_scatter(arguments);
  }
  bool has(UnaryKind kind, ElementType type) const override { return has_unary(kind, type); }
  bool has(BinaryKind kind, ElementType type) const override { return has_binary(kind, type); }
  void random(const RandomArguments& arguments) override {
    const FloatEnvironment environment;
    cpu::random(arguments);
  }
  void integers(std::int64_t n, std::int64_t low, std::int64_t high, RandomKey key,
                std::int64_t* out) override {
    cpu::integers(n, low, high, key, out);
  }
  void dropout(const DropoutArguments& arguments) override {
    const FloatEnvironment environment;
    cpu::dropout(arguments);
  }
  void gather_rows(const GatherRowsArguments& arguments) override {
    const FloatEnvironment environment;
    cpu::gather_rows(arguments);
  }
  void gather_labels(const GatherRowsArguments& arguments) override { cpu::gather_labels(arguments); }
  std::int64_t find_bad_label(const ArrayView& source, const LabelRule& rule) override {
    return cpu::find_bad_label(source, rule);
  }
  bool has_nan(const ArrayView& source) override { return cpu::has_nan(source); }
  void permutation(std::int64_t n, RandomKey key, std::int64_t* order) override {
    cpu::permutation(n, key, order);
  }
};

}  // namespace

Device& device() {
  static CpuDevice the_device;
  return the_device;
}

}  // namespace lamina::cpu
