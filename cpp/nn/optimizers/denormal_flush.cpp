// What an optimizer keeps of gradients decays where no more come: for a feature that is rare, for a unit that
// is off. Some hundred steps later it would be denormal and stay so for good, since nine tenths of a few of
// the least numbers are rounded to as many. Many processors take a hundred cycles or more for a denormal
// number, so training would turn slower and slower for numbers next to nothing. After every kFlushSteps
// steps, therefore:
//   averages of gradients or parameters, velocities    m = |m| < kFaint ? +0 : m
//   averages of squares, maxima                        v = 0 < v < kSmall ? kSmall : v
// The second are divided by, perhaps without an epsilon, so they never turn to 0. In between a decay of 0.9
// takes ten powers of two, and a learning rate may take sixteen more.
//
// With an epsilon of 1e-7, steps differ by less than their rate times 1e-17. Not so Lion's, and LAMB's where
// a whole parameter gets no gradient: these go by the direction of m, however small it is. They end here;
// with a denormal m that stays, Lion's would go on for ever.
#include "nn/optimizers/optimizer.h"
#include "nn/parameters/flat_pointers.h"

namespace lamina::nn {

namespace {

// Part of the numerics contract.
constexpr std::int64_t kFlushSteps = 64;
struct Threshold {
  double single, twice;  // for numbers of float and of double
};
constexpr Threshold kFaint{0x1p-90, 0x1p-960}, kSmall{0x1p-112, 0x1p-980};

}  // namespace

void Optimizer::flush_denormal_state(const ParameterStore& store) {
  if (iterations_ % kFlushSteps != 0) return;
  const DType dtype = store.dtype();
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (decays_[i] == StateDecay::none) continue;
    const bool squares = decays_[i] == StateDecay::squares;
    const Threshold& least = squares ? kSmall : kFaint;
    for (const Piece& piece : last_pieces(store)) {
      void* const slot = at(slots_[i].get(), piece.first, dtype);
      store.device().vector_op({dtype, squares ? VectorKind::lift : VectorKind::flush, piece.count, slot,
                                nullptr, slot, dtype == DType::float32 ? least.single : least.twice, 0.0});
    }
  }
}

}  // namespace lamina::nn
