// The loops that measure the machine do what they are counted for.
#include <cmath>
#include <vector>

#include "check.h"
#include "cpu/dispatch.h"
#include "cpu/peak/peak.h"

using namespace lamina;

namespace {

template <class T>
void check_loops(const cpu::PeakKernels::Loops<T>& loops) {
  constexpr std::int64_t lanes = cpu::kPeakLanes<T>;
  CHECK(loops.fma_vectors > 0);

  // After n steps of x = x * factor + 1 every chain is near the limit 1 / (1 - factor), and `out`
  // is the sum of at least one chain.
  std::vector<T> seeds(static_cast<std::size_t>(cpu::kPeakSeeds * lanes), T(0.25));
  std::vector<T> out(static_cast<std::size_t>(lanes), T(0));
  loops.fma(50, seeds.data(), out.data());
  for (const T sum : out) {
    const T chains = sum / T(4.0 / 3.0);
    CHECK(std::abs(chains - std::round(chains)) < T(1e-4));
    CHECK(chains > T(0.5) && chains < T(cpu::kPeakSeeds));
  }

  const std::int64_t n = 16 * lanes * 3;
  std::vector<T> x(static_cast<std::size_t>(n), T(1)), y(static_cast<std::size_t>(n), T(5));
  out.assign(out.size(), T(0));
  loops.read(n, x.data(), out.data());
  T total = T(0);
  for (const T sum : out) total += sum;
  CHECK(total == static_cast<T>(n));

  loops.update(n, T(2), x.data(), y.data());
  for (const T value : y) CHECK(value == T(7));
}

}  // namespace

int main() {
  for (const std::string& isa : cpu::available_isas()) {
    check_loops(cpu::kernels_of(isa).peak->f32);
    check_loops(cpu::kernels_of(isa).peak->f64);
  }
  CHECK(cpu::fma_peak(DType::float32, 1, 0.01) > 0.0);
  CHECK(cpu::fma_peak(DType::float64, 2, 0.01) > 0.0);
  for (const cpu::Traffic traffic : {cpu::Traffic::read, cpu::Traffic::update}) {
    CHECK(cpu::bandwidth(traffic, 1, 1, 0.01) > 0.0);
    CHECK(cpu::bandwidth(traffic, 100000, 2, 0.01) > 0.0);
  }
  return test::result();
}
