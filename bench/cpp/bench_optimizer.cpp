// One update of all parameters.
//
//   bench_optimizer [threads [seconds per line [filter]]]
#include "cpu/optimizer/optimizer.h"
#include "device/names.h"
#include "harness.h"

using namespace lamina;

int main(int argc, char** argv) {
  bench::Bench bench(argc, argv);
  for (const DType dtype : {DType::float32, DType::float64}) {
    for (const std::int64_t n : {4'610, 103'000, 670'000, 1 << 24}) {
      const Buffer parameters = bench::Bench::numbers(dtype, n, -1.0, 1.0);
      const Buffer gradients = bench::Bench::numbers(dtype, n, -1.0, 1.0);
      const Buffer first = bench::Bench::numbers(dtype, n, 0.0, 1e-3);
      const Buffer second = bench::Bench::numbers(dtype, n, 0.0, 1.0);
      for (const OptimizerKind kind :
           {OptimizerKind::sgd, OptimizerKind::momentum, OptimizerKind::nesterov, OptimizerKind::adam}) {
        UpdateArguments u;
        u.dtype = dtype;
        u.kind = kind;
        u.n = n;
        u.parameters = parameters.data();
        u.gradients = gradients.data();
        u.slots[0] = first.data();
        u.slots[1] = second.data();
        u.rate = 1e-9;
        u.momentum = 0.9;
        u.beta_1 = 0.9;
        u.beta_2 = 0.999;
        u.epsilon = 1e-7;
        const double streams = 3.0 + 2.0 * slot_count(kind), size = static_cast<double>(parameters.bytes());
        bench.line(text(name_of(kind), " ", n, " ", name_of(dtype)), static_cast<double>(n), streams * size,
                   (2.0 + slot_count(kind)) * size, [&] { cpu::update(u); });
      }
    }
  }
  return 0;
}
