// Memory plans: buffers that live at the same time do not overlap, chains take no more than a buffer for each
// value and two for gradients, and passes over random graphs compute what the graph says whatever shares
// memory.
#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "check.h"
#include "nn/graph/network.h"
#include "nn/layers/dense.h"

namespace {

using namespace lamina;

std::mt19937 generator(7);
std::int64_t below(std::int64_t n) {
  return static_cast<std::int64_t>(generator() % static_cast<std::uint32_t>(n));
}

void check_packing() {
  for (int round = 0; round < 400; ++round) {
    std::vector<nn::LiveBuffer> buffers;
    const std::int64_t count = 1 + below(40);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t birth = below(50);
      buffers.push_back({static_cast<std::size_t>(below(5000)), birth, birth + below(20), 0});
    }
    const std::size_t total = nn::pack(buffers);
    for (std::size_t i = 0; i < buffers.size(); ++i) {
      const nn::LiveBuffer& a = buffers[i];
      CHECK(a.offset % 64 == 0 && a.offset + a.bytes <= total);
      for (std::size_t j = 0; j < i; ++j) {
        const nn::LiveBuffer& b = buffers[j];
        const bool together = a.birth <= b.death && b.birth <= a.death;
        const bool apart = a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset;
        CHECK(!together || apart || a.bytes == 0 || b.bytes == 0);
      }
    }
  }
}

const Activation kFunctions[] = {{},
                                 Activation{ActivationKind::relu},
                                 Activation{ActivationKind::tanh},
                                 Activation{ActivationKind::gelu},
                                 Activation{ActivationKind::silu}};

std::size_t aligned(std::int64_t elements) {
  return (static_cast<std::size_t>(elements) * sizeof(float) + 63) / 64 * 64;
}

nn::PlanOptions options_of(const nn::Network& network, std::int64_t batch, nn::PlanMode mode) {
  nn::PlanOptions options;
  options.mode = mode;
  options.dtype = network.dtype();
  options.batch = batch;
  if (mode == nn::PlanMode::inference) return options;
  options.gradients.assign(network.outputs(), 1);
  options.trained.assign(network.graph().layers(), 1);
  return options;
}

void check_chains() {
  for (int round = 0; round < 200; ++round) {
    nn::Network network({1 + below(60)}, DType::float32, device("cpu"));
    const std::int64_t layers = 1 + below(12), batch = 1 + below(100);
    std::size_t values = 0, widest = 0;
    for (std::int64_t i = 0; i < layers; ++i) {
      const Activation& function = kFunctions[below(5)];
      const std::int64_t units = 1 + below(80);
      const bool dropout = below(4) == 0;
      network.add_dense(units, true, function);
      const bool saves_input =
          function.kind != ActivationKind::linear && derivative_from(function) == DerivativeFrom::input;
      values += aligned(batch * units) * (saves_input ? 2 : 1);
      widest = std::max(widest, aligned(batch * units));
      if (dropout) network.add_dropout(0.5, 1);
      if (dropout) values += aligned(batch * units);
    }
    network.finish();
    const auto training =
        nn::MemoryPlan::make(network.graph(), options_of(network, batch, nn::PlanMode::training));
    CHECK(training.bytes() <= values + 2 * widest);
    const auto inference =
        nn::MemoryPlan::make(network.graph(), options_of(network, batch, nn::PlanMode::inference));
    CHECK(inference.bytes() <= 2 * widest);
  }
}

/// A network of random layers that read random values, several of which are outputs.
void build_randomly(nn::Network& network, std::int64_t nodes, std::vector<std::int64_t>& outputs) {
  std::vector<std::int64_t> values{0};
  std::int64_t shared = -1;  // the first Dense layer
  for (std::int64_t i = 0; i < nodes; ++i) {
    const auto any = [&] {
      return values[static_cast<std::size_t>(below(static_cast<std::int64_t>(values.size())))];
    };
    network.seek(any());
    switch (below(6)) {
      case 0:
        if (shared >= 0) {
          network.share(shared);
          network.add_dense(7, true, kFunctions[below(5)]);
          break;
        }
        [[fallthrough]];
      case 1:
        if (shared < 0) shared = network.layers();
        network.add_dense(7, true, kFunctions[below(5)]);
        break;
      case 2:
        network.add_merge("add", {any(), any(), any()});
        break;
      case 3:
        network.add_merge("multiply", {any(), any()});
        break;
      case 4:
        network.add_activation(kFunctions[1 + below(4)]);
        break;
      default:
        network.add_merge("subtract", {any(), any()});
    }
    values.push_back(network.value());
  }
  outputs = {values.back()};
  for (int k = 0; k < 2; ++k)
    outputs.push_back(values[static_cast<std::size_t>(below(static_cast<std::int64_t>(values.size())))]);
  network.set_outputs(outputs);
}

/// The gradients of a random graph in one arena are those with a memory of its own for everything, which the
/// tape's plan gives to all that its backward pass reads; and both are those of central differences.
void check_gradients() {
  for (int round = 0; round < 60; ++round) {
    const std::int64_t batch = 3, nodes = 2 + below(12);
    nn::Network network({7}, DType::float64, device("cpu"));
    std::vector<std::int64_t> outputs;
    build_randomly(network, nodes, outputs);
    network.build_gradients();
    const auto elements = static_cast<std::size_t>(network.layout().elements());
    auto* const values = static_cast<double*>(network.store().values());
    std::uniform_real_distribution<double> number(-0.5, 0.5);
    for (std::size_t i = 0; i < elements; ++i) values[i] = number(generator);
    std::vector<double> x(static_cast<std::size_t>(batch * 7)), weights(outputs.size() * x.size());
    for (double& v : x) v = number(generator);
    for (double& v : weights) v = number(generator);
    nn::Activations activations;
    const std::vector<nn::OutputReading> readings(outputs.size());
    network.reserve(activations, batch, readings);
    const nn::Pass pass{device("cpu"), DType::float64, batch, true, 0};
    const void* const inputs[] = {x.data()};
    network.forward(pass, inputs, activations, nullptr);
    for (std::size_t k = 0; k < outputs.size(); ++k) {
      std::copy_n(weights.begin() + static_cast<std::ptrdiff_t>(k * x.size()), x.size(),
                  static_cast<double*>(network.output_gradient(activations, k)));
    }
    network.backward(pass, activations, nullptr);
    const auto* const at =
        static_cast<const double*>(static_cast<const void*>(network.store().gradients().at(0)));
    const std::vector<double> gradients(at, at + elements);

    std::vector<double> y(outputs.size() * x.size());
    const auto loss = [&] {
      std::vector<void*> out;
      for (std::size_t k = 0; k < outputs.size(); ++k) out.push_back(y.data() + k * x.size());
      network.infer(inputs, batch, out);
      double total = 0.0;
      for (std::size_t i = 0; i < y.size(); ++i) total += y[i] * weights[i];
      return total;
    };
    const double step = 1e-6, unit = std::max(1.0, std::abs(loss()));
    for (const nn::PlacedParameter& p : network.layout().parameters()) {
      for (int probe = 0; probe < 6; ++probe) {
        const auto i = static_cast<std::size_t>(p.offset + below(p.count));
        const double value = values[i];
        values[i] = value + step;
        const double above = loss();
        values[i] = value - step;
        const double numeric = (above - loss()) / (2.0 * step);
        values[i] = value;
        const double scale = std::max({unit, std::abs(numeric), std::abs(gradients[i])});
        // A kink of relu between the two points is no fault of the gradient.
        if (std::abs(numeric - gradients[i]) > 1e-5 * scale) {
          values[i] = value + step / 1024;
          const double closer = loss();
          values[i] = value - step / 1024;
          const double again = (closer - loss()) / (2.0 * step / 1024);
          values[i] = value;
          CHECK(std::abs(again - gradients[i]) <= 1e-3 * scale);
        }
      }
    }
  }
}

}  // namespace

int main() {
  check_packing();
  check_chains();
  check_gradients();
  return lamina::test::result();
}
