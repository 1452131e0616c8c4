// What users attach to single parameters: penalties that a loss contains and constraints that hold after each
// step.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "device/device.h"
#include "nn/parameters/orthogonal_penalty.h"

namespace lamina::nn {

class Network;

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
  void add(std::size_t parameter, const ParameterPenalty& penalty) {
    penalties_.push_back({parameter, penalty});
  }
  void add(std::size_t parameter, std::unique_ptr<OrthogonalPenalty> penalty) {
    orthogonal_.push_back({parameter, std::move(penalty)});
  }
  void add(std::size_t parameter, const ParameterConstraint& c) { constraints_.push_back({parameter, c}); }

  /// The sum of the penalties on parameters that are trained, in the order in which they were added, those of
  /// OrthogonalPenalty last.
  double apply(const Network&, bool gradients, double scale) const;
  void constrain(const Network&) const;

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
