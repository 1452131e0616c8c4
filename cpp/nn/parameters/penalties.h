// What users attach to single parameters: penalties that a loss contains and constraints that hold after each
// step.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "device/device.h"
#include "nn/parameters/orthogonal_penalty.h"
#include "nn/parameters/store.h"

namespace lamina::nn {

/// l1 * sum |w| + l2 * sum w^2.
struct ParameterPenalty {
  double l1 = 0.0, l2 = 0.0;
};

/// A constraint; norms are over the middle of the parameter seen as [outer, reduced, inner].
struct ParameterConstraint {
  ConstraintKind kind = ConstraintKind::non_negative;
  std::int64_t outer = 1, reduced = 1, inner = 1;
  double low = 0.0, high = 1.0, rate = 1.0, epsilon = 1e-7;
};

class Penalties {
 public:
  /// On parameter `i` of `store`. ValueError for a bad index, or a shape that does not fit.
  void add(const ParameterStore& store, std::int64_t i, const ParameterPenalty& penalty);
  void add_orthogonal(const ParameterStore& store, std::int64_t i, double factor, bool rows);
  void add(const ParameterStore& store, std::int64_t i, const ParameterConstraint& constraint);
  /// Whether there are penalties.
  bool any() const { return !penalties_.empty() || !orthogonal_.empty(); }
  /// Whether there is one on a parameter.
  bool on(std::size_t parameter) const;

  /// The sum of the penalties on parameters that are trained, in the order in which they were added, those of
  /// OrthogonalPenalty last. With `gradients`, `scale` times theirs are added to those.
  double apply(const ParameterStore& store, const GradientView* gradients = nullptr,
               double scale = 1.0) const;
  void constrain(const ParameterStore& store) const;

 private:
  template <class What>
  struct On {
    std::size_t parameter;
    What what;
  };
  std::vector<On<ParameterPenalty>> penalties_;
  std::vector<On<std::unique_ptr<OrthogonalPenalty>>> orthogonal_;
  std::vector<On<ParameterConstraint>> constraints_;
};

}  // namespace lamina::nn
