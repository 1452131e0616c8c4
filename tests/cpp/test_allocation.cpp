// After the first step nothing is allocated any more: counted in malloc itself where the C
// library lets a program put its own in front, in operator new everywhere.
#include <atomic>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "check.h"
#include "core/threads.h"
#include "nn/training/trainer.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define LAMINA_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LAMINA_SANITIZED 1
#endif

namespace {

std::atomic<long> allocations{0};

[[maybe_unused]] void count() { allocations.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

#if defined(LAMINA_SANITIZED)
// A sanitizer has its own malloc and operator new: nothing is counted, the calls are still run.
constexpr bool kCounts = false;
#elif defined(__GLIBC__)
constexpr bool kCounts = true;
// The C++ library is to find these, too.
#pragma GCC visibility push(default)
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void* malloc(std::size_t n) { return count(), __libc_malloc(n); }
void* calloc(std::size_t n, std::size_t size) { return count(), __libc_calloc(n, size); }
void* realloc(void* p, std::size_t n) { return count(), __libc_realloc(p, n); }
void* memalign(std::size_t alignment, std::size_t n) { return count(), __libc_memalign(alignment, n); }
void* aligned_alloc(std::size_t alignment, std::size_t n) { return count(), __libc_memalign(alignment, n); }
int posix_memalign(void** to, std::size_t alignment, std::size_t n) {
  count();
  *to = __libc_memalign(alignment, n);
  return *to == nullptr ? 12 : 0;
}
}
#pragma GCC visibility pop
#elif !defined(_WIN32)
constexpr bool kCounts = true;
void* operator new(std::size_t n) {
  count();
  if (void* p = std::malloc(n == 0 ? 1 : n)) return p;
  throw std::bad_alloc();
}
void* operator new(std::size_t n, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  count();
  void* p = nullptr;
  return posix_memalign(&p, static_cast<std::size_t>(alignment), n) == 0 ? p : nullptr;
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
#else
constexpr bool kCounts = false;
#endif

namespace {

using namespace lamina;

/// How many allocations a call makes.
template <class F>
long allocations_of(F&& call) {
  const long before = allocations.load();
  call();
  return allocations.load() - before;
}

struct Layer {
  std::int64_t units;  // 0: dropout
  ActivationKind activation;
};

struct Case {
  const char* name;
  std::int64_t inputs;
  std::vector<Layer> layers;
  LossKind loss;
  std::vector<MetricKind> metrics;
  OptimizerKind optimizer;
  std::int64_t batch;
  bool weighted;
};

constexpr auto kLinear = ActivationKind::linear;
constexpr auto kRelu = ActivationKind::relu;

const std::vector<Case> kCases = {
    {"rl-policy",
     4,
     {{64, ActivationKind::tanh}, {64, ActivationKind::tanh}, {2, ActivationKind::softmax}},
     LossKind::sparse_categorical_crossentropy,
     {},
     OptimizerKind::adam,
     64,
     false},
    {"dropout and metrics",
     100,
     {{130, kRelu}, {0, kLinear}, {70, ActivationKind::gelu}, {0, kLinear}, {10, ActivationKind::softmax}},
     LossKind::categorical_crossentropy,
     {MetricKind::categorical_accuracy, MetricKind::mean_squared_error, MetricKind::mean_absolute_error},
     OptimizerKind::adam,
     150,
     true},
    {"one row",
     10,
     {{32, kRelu}, {1, kLinear}},
     LossKind::mean_squared_error,
     {},
     OptimizerKind::sgd,
     1,
     false},
    {"binary",
     33,
     {{17, ActivationKind::silu}, {5, ActivationKind::sigmoid}},
     LossKind::binary_crossentropy,
     {MetricKind::binary_accuracy},
     OptimizerKind::nesterov,
     65,
     true},
    {"large",
     784,
     {{256, kRelu}, {256, kRelu}, {10, kLinear}},
     LossKind::huber,
     {},
     OptimizerKind::momentum,
     256,
     false},
};

ArrayView view_of(const void* data, ElementType type, std::int64_t rows, std::int64_t columns) {
  const auto item = static_cast<std::int64_t>(size_of(type));
  ArrayView view;
  view.data = data;
  view.type = type;
  view.rows = rows;
  view.row_stride = columns * item;
  if (columns > 0) {
    view.row_shape = {columns};
    view.strides = {item};
  } else {
    view.row_stride = item;  // one number a sample
  }
  return view;
}

/// One model and eight batches of data.
struct Run {
  static constexpr std::int64_t kBatches = 8;
  nn::Trainer model;
  std::int64_t outputs;
  std::vector<float> x, y, weights;
  std::vector<double> wide_x;
  std::vector<std::int64_t> labels;
  nn::Monitor monitor;
  const Case& of;

  explicit Run(const Case& c) : model({c.inputs}, DType::float32, device("cpu"), 1), of(c) {
    for (const Layer& layer : c.layers) {
      Activation activation;
      activation.kind = layer.activation;
      if (layer.units == 0) {
        model.network.add_dropout(0.3, 5);
      } else {
        model.network.add_dense(layer.units, true, activation);
      }
    }
    outputs = model.network.output_shape().back();
    nn::OutputObjective objective;
    objective.loss = LossSpecification{c.loss};
    for (const MetricKind kind : c.metrics) objective.metrics.push_back({kind, 0.5});
    nn::OptimizerSettings settings;
    settings.kind = c.optimizer;
    model.compile({objective}, settings);
    const auto rows = static_cast<std::size_t>(kBatches * c.batch);
    x.assign(rows * static_cast<std::size_t>(c.inputs), 0.25f);
    wide_x.assign(x.begin(), x.end());
    y.assign(rows * static_cast<std::size_t>(outputs), 0.5f);
    weights.assign(rows, 1.5f);
    labels.assign(rows, 1);
  }

  nn::Samples samples(std::int64_t batches, bool converted) const {
    const std::int64_t rows = batches * of.batch;
    nn::Samples s;
    const ArrayView inputs = converted ? view_of(wide_x.data(), ElementType::float64, rows, of.inputs)
                                       : view_of(x.data(), ElementType::float32, rows, of.inputs);
    s.x = {inputs};
    const ArrayView targets = of.loss == LossKind::sparse_categorical_crossentropy
                                  ? view_of(labels.data(), ElementType::int64, rows, 0)
                                  : view_of(y.data(), ElementType::float32, rows, outputs);
    s.y = {targets};
    if (of.weighted) s.weights = {view_of(weights.data(), ElementType::float32, rows, 0)};
    return s;
  }
};

void check_same(const Case& c, const char* what, long expected, long found) {
  if (found != expected)
    std::fprintf(stderr, "%s, %s: %ld allocations, not %ld\n", c.name, what, found, expected);
  CHECK(found == expected);
}

void check_case(const Case& c, bool converted) {
  Run run(c);
  const nn::Samples one = run.samples(1, converted), some = run.samples(4, converted),
                    all = run.samples(8, converted);
  const auto step = [&] { run.model.train_step(one, true, run.monitor); };
  const auto evaluate = [&] { run.model.evaluate(some, c.batch, true, run.monitor); };
  const auto epoch = [&](const nn::Samples& samples) {
    return allocations_of([&] { run.model.train_epoch(samples, c.batch, true, run.monitor); });
  };
  std::vector<float> out(static_cast<std::size_t>(8 * c.batch * run.outputs));
  const auto predict = [&](const ArrayView& x) { run.model.predict(x, out.data(), run.monitor); };
  ArrayView row = one.x[0];
  row.rows = 1;

  step();
  check_same(c, "steps", 0, allocations_of([&] { step(), step(), step(); }));
  evaluate();
  check_same(c, "evaluation", 0, allocations_of(evaluate));
  // The second prediction with the same parameters copies large kernels.
  for (int i = 0; i < 2; ++i) predict(all.x[0]), predict(row), predict(one.x[0]);
  check_same(c, "predictions", 0,
             allocations_of([&] { predict(all.x[0]), predict(row), predict(one.x[0]); }));
  // An epoch has its order of the samples, and nothing that depends on how many steps it takes.
  epoch(all);
  check_same(c, "epochs", epoch(some), epoch(all));
}

/// With several threads it is up to the system when a worker first comes to work, and with it
/// to its own working space: few allocations in a thousand steps instead of none.
void check_workers() {
  const Case& c = kCases.back();
  Run run(c);
  const nn::Samples one = run.samples(1, false);
  const auto steps = [&](int n) {
    for (int i = 0; i < n; ++i) run.model.train_step(one, true, run.monitor);
  };
  steps(20);
  CHECK(allocations_of([&] { steps(100); }) <= 20);
}

/// Steps through residual blocks, renormalization, einsums, normalised kernels and orthogonal penalties
/// allocate nothing.
void check_other_layers() {
  nn::Trainer model({12}, DType::float32, device("cpu"), 1);
  const Activation relu{ActivationKind::relu};
  nn::Network& network = model.network;
  network.add_dense(20, true, relu);
  network.add_batch_normalization(0, 0.9, 1e-3, true, true);
  network.add_batch_normalization(0, 0.9, 1e-3, true, true, nn::RenormalizationOptions{0.5, 2.0, 1.0, 0.9});
  network.add_dense(16, true, Activation{ActivationKind::gelu});
  const std::int64_t body = network.value();
  network.seek(0);
  network.add_dense(16, false, Activation{});
  network.add_merge("add", {body, network.value()});
  network.normalize_next_kernel(2);
  network.add_dense(16, true, relu);
  network.add_reshape({4, 4});
  network.add_einsum_dense("bc", "cd", "bd", {4, 5}, {5}, relu);
  network.add_flatten();
  model.parameters.penalties.add_orthogonal(model.store(), 0, 0.1, true);
  nn::OutputObjective objective;
  objective.loss = LossSpecification{};
  model.compile({objective}, nn::OptimizerSettings{});
  const std::vector<float> x(64 * 12, 0.25f), y(64 * 20, 0.5f);
  nn::Samples samples;
  samples.x = {view_of(x.data(), ElementType::float32, 64, 12)};
  samples.y = {view_of(y.data(), ElementType::float32, 64, 20)};
  nn::Monitor monitor;
  const auto step = [&] { model.train_step(samples, true, monitor); };
  step();
  CHECK(allocations_of([&] { step(), step(), step(); }) == 0);
}

/// Steps, evaluations and predictions of two inputs and two outputs with losses, weights and metrics.
void check_several_outputs() {
  nn::Trainer model({6}, DType::float32, device("cpu"), 1);
  nn::Network& network = model.network;
  const std::int64_t second = network.add_input({3});
  network.add_merge("concatenate", {0, second}, 0);
  network.add_dense(16, true, Activation{ActivationKind::relu});
  const std::int64_t trunk = network.value();
  network.add_dense(2, true, {});
  const std::int64_t first_head = network.value();
  network.seek(trunk);
  network.add_dense(4, true, Activation{ActivationKind::softmax});
  network.set_outputs({first_head, network.value()});
  nn::OutputObjective first{LossSpecification{}, LossReduction::mean, 0.5};
  first.metrics.push_back({MetricKind::mean_absolute_error, 0.5});
  const nn::OutputObjective labels{LossSpecification{LossKind::sparse_categorical_crossentropy}};
  model.compile({first, labels}, nn::OptimizerSettings{});
  constexpr std::int64_t rows = 40;
  const std::vector<float> x(rows * 6, 0.25f), z(rows * 3, 0.5f), y(rows * 2, 0.5f), w(rows, 1.5f);
  const std::vector<std::int64_t> classes(rows, 1);
  nn::Samples samples;
  samples.x = {view_of(x.data(), ElementType::float32, rows, 6),
               view_of(z.data(), ElementType::float32, rows, 3)};
  samples.y = {view_of(y.data(), ElementType::float32, rows, 2),
               view_of(classes.data(), ElementType::int64, rows, 0)};
  samples.weights = {std::nullopt, view_of(w.data(), ElementType::float32, rows, 0)};
  std::vector<float> a(rows * 2), b(rows * 4);
  void* const out[] = {a.data(), b.data()};
  nn::Monitor monitor;
  const auto all = [&] {
    model.train_step(samples, true, monitor);
    model.evaluate(samples, 7, true, monitor);
    model.predict(samples.x, out, monitor);
  };
  all();
  CHECK(allocations_of([&] { all(), all(); }) == 0);
}

}  // namespace

int main() {
  threads::set_count(1);
  // A compiler may leave out memory that nobody looks at.
  static const volatile double* volatile looked_at = nullptr;
  const auto one_vector = [] {
    const std::vector<double> vector(1000);
    looked_at = vector.data();
  };
  if (kCounts) CHECK(allocations_of(one_vector) == 1);
  for (const Case& c : kCases) {
    for (const bool converted : {false, true}) check_case(c, converted);
  }
  check_other_layers();
  check_several_outputs();
  for (const int n : {2, 3}) {
    threads::set_count(n);
    check_workers();
  }
  return lamina::test::result();
}
