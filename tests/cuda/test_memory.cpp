// The caching allocator, and a model that goes on after its memory did not suffice.
#include <new>

#include "both.h"
#include "cuda/cuda.h"
#include "cuda/memory.h"
#include "nn/training/trainer.h"

namespace {

using namespace lamina;

void caching() {
  const auto before = cuda::memory_statistics();
  void* const block = cuda::allocate(1000);
  const auto during = cuda::memory_statistics();
  CHECK(during.allocated >= before.allocated + 1000);
  cuda::release(block);
  CHECK(cuda::memory_statistics().allocated == before.allocated);
  void* const again = cuda::allocate(1000);
  CHECK(again == block);
  CHECK(cuda::memory_statistics().driver_calls == during.driver_calls);
  cuda::release(again);
  cuda::give_back_cache();
  CHECK(cuda::memory_statistics().reserved == cuda::memory_statistics().allocated);
  CHECK_THROWS(cuda::allocate(~std::size_t{0} - 5), std::bad_alloc);
}

ArrayView view_of(const std::vector<float>& values, std::int64_t rows) {
  ArrayView view;
  view.data = values.data();
  view.rows = rows;
  const auto width = static_cast<std::int64_t>(values.size()) / rows;
  view.row_stride = 4 * width;
  view.row_shape = {width};
  view.strides = {4};
  return view;
}

void out_of_memory() {
  nn::Trainer model({8}, DType::float32, cuda::device(), 1);
  model.network.add_dense(16, true, {ActivationKind::relu});
  model.network.add_dense(2, true, {});
  nn::OptimizerSettings settings;
  settings.kind = OptimizerKind::sgd;
  settings.learning_rate = 0.1;
  model.compile({{LossSpecification{}}}, settings);
  const std::int64_t rows = 100000;
  const std::vector<float> x(static_cast<std::size_t>(rows * 8), 0.5f),
      y(static_cast<std::size_t>(rows * 2), 1.0f);
  const nn::Samples all{{view_of(x, rows)}, {view_of(y, rows)}, {}};
  nn::Monitor monitor;
  cuda::give_back_cache();
  cuda::limit_memory(cuda::memory_statistics().reserved + (std::size_t{2} << 20));
  CHECK_THROWS(model.train_step(all, true, monitor), std::bad_alloc);
  cuda::limit_memory(0);
  CHECK(model.steps_seen() == 0);
  model.train_step(all, true, monitor);
  CHECK(model.steps_seen() == 1);
}

/// Epochs and batches of captured steps leave what single steps leave; captured steps are kept.
void captured_steps() {
  std::vector<float> x, y;
  for (int i = 0; i < 103 * 4; ++i) x.push_back(static_cast<float>(i * 37 % 101) / 50.0f - 1.0f);
  for (int i = 0; i < 103; ++i) y.push_back(static_cast<float>(i % 3));
  const nn::Samples samples{{view_of(x, 103)}, {view_of(y, 103)}, {}};
  const auto trained = [&](Device& on) {
    nn::Trainer model({4}, DType::float32, on, 5);
    model.network.add_dense(8, true, {ActivationKind::tanh});
    model.network.add_dropout(0.25, 11);
    model.network.add_dense(1, true, {});
    model.network.build();
    std::vector<float> weights(32);
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = 0.1f * static_cast<float>(i % 7) - 0.3f;
    model.store().write(model.store().values(), 0, weights.data());
    nn::OptimizerSettings settings;
    settings.kind = OptimizerKind::adam;
    settings.learning_rate = 0.01;
    nn::OutputObjective objective{LossSpecification{}};
    objective.metrics.resize(1);
    objective.metrics[0].kind = MetricKind::mean_absolute_error;
    model.compile({objective}, settings);
    nn::Monitor monitor;
    std::vector<double> all;
    for (int epoch = 0; epoch < 3; ++epoch) {
      model.train_epoch(samples, 10, epoch > 0, monitor);
      for (const double value : model.metric_state()) all.push_back(value);
      all.push_back(static_cast<double>(model.optimizer().iterations()));
      all.push_back(static_cast<double>(model.steps_seen()));
      if (epoch == 1) model.reset_metrics();
    }
    const nn::Samples batch{{view_of(x, 103)}, {view_of(y, 103)}, {}};
    for (int step = 0; step < 4; ++step) {
      model.optimizer().set_learning_rate(0.01 / (step + 1));
      model.train_step(batch, step != 1, monitor);
      for (const double value : model.metric_state()) all.push_back(value);
    }
    for (std::size_t i = 0; i < model.network.layout().parameters().size(); ++i) {
      std::vector<float> values(static_cast<std::size_t>(model.network.layout().parameters()[i].count));
      model.store().read(model.store().current(), i, values.data());
      all.insert(all.end(), values.begin(), values.end());
    }
    return all;
  };
  const std::vector<double> cpus = trained(device("cpu"));
  const auto [made, runs] = cuda::captured_steps();
  CHECK(test::same(cpus, trained(cuda::device())));
  // Whole batches at once, the last one and steps on one batch when they come for the second time; the batch
  // of all samples makes the activations anew.
  CHECK(cuda::captured_steps().first - made == 3);
  CHECK(cuda::captured_steps().second - runs == 3 * 10 + 2 + 3);
}

}  // namespace

int main() {
  try {
    cuda::device();
  } catch (const StateError& error) {
    std::puts(error.what());
    return EXIT_SUCCESS;
  }
  caching();
  out_of_memory();
  captured_steps();
  return test::result();
}
