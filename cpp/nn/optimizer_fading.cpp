// What an optimizer keeps of gradients decays where no more come: for a feature that is rare, for a unit that
// is off. Some hundred steps later it would be denormal and stay so for good, since nine tenths of a few of
// the least numbers are rounded to as many. Processors take a hundred cycles for a denormal number and one
// for any other, so training would turn slower and slower for numbers that change no parameter. After every
// kFadingSteps steps, therefore (numbers of float; of double in brackets):
//   averages of gradients, velocities    m = |m| < 2^-90 [2^-960] ? +0 : m
//   averages of squares, maxima          v = 0 < v < 2^-112 [2^-980] ? 2^-112 [2^-980] : v
// The second are divided by, perhaps without an epsilon, so they never turn to 0. In between a decay of 0.9
// takes ten powers of two, and a learning rate may take sixteen more.
#include <string_view>

#include "nn/flat_pointers.h"
#include "nn/optimizer.h"
#include "numerics/order.h"

namespace lamina::nn {

namespace {

enum class Fading { none, average, squares };

Fading fading_of(OptimizerKind kind, std::string_view slot) {
  if (kind == OptimizerKind::lbfgs || kind == OptimizerKind::adafactor) return Fading::none;
  if (slot == "momentum") {
    // Schedule-free, it is where the parameters would be.
    return kind == OptimizerKind::schedule_free ? Fading::none : Fading::average;
  }
  if (slot == "average_gradient") return Fading::average;
  const bool decays =
      slot == "velocity" || slot == "accumulated_grad" || slot == "accumulated_delta_var" || slot == "norm";
  return decays ? Fading::squares : Fading::none;
}

}  // namespace

void Optimizer::fade(const Network& network) {
  if (iterations_ % numerics::kFadingSteps != 0) return;
  const DType dtype = network.dtype();
  const bool single = dtype == DType::float32;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const Fading fading = fading_of(settings_.kind, slot_names_[i]);
    if (fading == Fading::none) continue;
    const bool squares = fading == Fading::squares;
    const FlatKind kind = squares ? FlatKind::lift : FlatKind::fade;
    const double least = squares ? (single ? 0x1p-112 : 0x1p-980) : (single ? 0x1p-90 : 0x1p-960);
    for (const Piece& piece : last_pieces(network)) {
      void* const slot = at(slots_[i].get(), piece.first, dtype);
      network.device().flat({dtype, kind, piece.count, slot, nullptr, slot, least, 0.0});
    }
  }
}

}  // namespace lamina::nn
