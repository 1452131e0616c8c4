// Activations, forward and backward: from caches and from memory.
//
//   bench_activation [threads [seconds per line [filter]]]
#include "cpu/activation/activation.h"
#include "device/names.h"
#include "harness.h"

using namespace lamina;

int main(int argc, char** argv) {
  bench::Bench bench(argc, argv);
  constexpr ActivationKind kinds[] = {
      ActivationKind::relu,      ActivationKind::leaky_relu, ActivationKind::elu,
      ActivationKind::sigmoid,   ActivationKind::tanh,       ActivationKind::softplus,
      ActivationKind::softsign,  ActivationKind::silu,       ActivationKind::gelu,
      ActivationKind::gelu_tanh, ActivationKind::mish,       ActivationKind::exponential,
      ActivationKind::softmax,   ActivationKind::log_softmax};
  for (const DType dtype : {DType::float32, DType::float64}) {
    for (const auto& [rows, columns] : {std::pair{128, 512}, std::pair{4096, 1024}}) {
      const std::int64_t n = std::int64_t{rows} * columns;
      const Buffer x = bench::Bench::numbers(dtype, n, -4.0, 4.0),
                   dy = bench::Bench::numbers(dtype, n, -1.0, 1.0);
      const Buffer y(x.bytes()), dx(x.bytes());
      for (const ActivationKind kind : kinds) {
        Activation f;
        f.kind = kind;
        f.a = kind == ActivationKind::elu ? 1.0 : kind == ActivationKind::leaky_relu ? 0.2 : 0.0;
        const std::string name = text(name_of(kind), " ", rows, "x", columns, " ", name_of(dtype));
        const auto bytes = static_cast<double>(x.bytes()), elements = static_cast<double>(n);
        bench.line(name, elements, 2 * bytes, 2 * bytes,
                   [&] { cpu::activate(dtype, f, rows, columns, x.data(), y.data()); });
        const void* const saved = derivative_from(f) == DerivativeFrom::output ? y.data() : x.data();
        bench.line(name + " backward", elements, 3 * bytes, 3 * bytes,
                   [&] { cpu::activate_backward(dtype, f, rows, columns, saved, dy.data(), dx.data()); });
      }
    }
  }
  return 0;
}
