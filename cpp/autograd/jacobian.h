// Jacobians: one backward pass for each element of the target.
#pragma once

#include <span>
#include <vector>

#include "autograd/tape.h"

namespace lamina::autograd {

/// For each source the derivatives of every element of the target, of shape target.shape + source.shape.
std::vector<Tensor> jacobian(Tape& tape, const Tensor& target, std::span<const Tensor> sources,
                             Unconnected unconnected);

/// For a target [samples, ...] whose samples depend on the same samples of the source only: target.shape +
/// source.shape without its samples. ValueError when the numbers of samples differ.
Tensor batch_jacobian(Tape& tape, const Tensor& target, const Tensor& source, Unconnected unconnected);

}  // namespace lamina::autograd
