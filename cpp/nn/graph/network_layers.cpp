// Network's layers beside Dense, activations and Dropout, and what is attached to layers and parameters.
#include "core/error.h"
#include "nn/graph/network.h"
#include "nn/layers/activation_layer.h"
#include "nn/layers/activity_penalty.h"
#include "nn/layers/batch_normalization.h"
#include "nn/layers/embedding.h"
#include "nn/layers/noise.h"
#include "nn/layers/prelu.h"
#include "nn/layers/rearrange.h"
#include "nn/layers/rescale.h"
#include "nn/layers/row_normalization.h"

namespace lamina::nn {

namespace {

/// The order of axes with `axis` and the last one exchanged.
std::vector<std::int64_t> exchanged(const Shape& shape, std::int64_t axis, const char* layer) {
  const auto rank = static_cast<std::int64_t>(shape.size());
  if (axis < 0 || axis >= rank) {
    throw ValueError(text("[", layer, "] samples of shape ", to_string(shape), " have no axis ", axis));
  }
  std::vector<std::int64_t> order;
  for (std::int64_t i = 0; i < rank; ++i) order.push_back(i == axis ? rank - 1 : i == rank - 1 ? axis : i);
  return order;
}

bool is_last(const Shape& shape, std::int64_t axis) {
  return axis + 1 == static_cast<std::int64_t>(shape.size());
}

}  // namespace

void Network::add_reshape(const Shape& shape) {
  require_unbuilt();
  if (element_count(shape) != element_count(current_)) {
    throw ValueError(text("[Reshape] the total size must not change: samples of shape ", to_string(current_),
                          ". Received: target_shape=", to_string(shape)));
  }
  current_ = shape;
  end_layer();
}

void Network::add_identity() {
  require_unbuilt();
  end_layer();
}

void Network::add_rescale(bool divide, const std::vector<double>& a, const std::vector<double>& b) {
  require_unbuilt();
  const RescaleKind kind = divide ? RescaleKind::subtract_divide : RescaleKind::multiply_add;
  append(std::make_unique<Rescale>(current_, kind, a, b, dtype_, device_));
  end_layer();
}

void Network::add_permute(const std::vector<std::int64_t>& order) {
  require_unbuilt();
  append(std::make_unique<Permute>(current_, order));
  end_layer();
}

void Network::add_repeat(std::int64_t n) {
  require_unbuilt();
  append(std::make_unique<Repeat>(current_, n));
  end_layer();
}

void Network::add_row_activation(const Activation& activation, std::int64_t axis) {
  require_unbuilt();
  const std::vector<std::int64_t> order = exchanged(current_, axis, "Activation");
  if (is_last(current_, axis)) {
    activate(activation);
  } else {
    append(std::make_unique<Permute>(current_, order));
    append(std::make_unique<ActivationLayer>(current_, activation));
    append(std::make_unique<Permute>(current_, order));
  }
  end_layer();
}

void Network::add_batch_normalization(std::int64_t axis, double momentum, double epsilon, bool center,
                                      bool scale,
                                      const std::optional<RenormalizationOptions>& renormalization) {
  require_unbuilt();
  const std::vector<std::int64_t> order = exchanged(current_, axis, "BatchNormalization");
  const bool last = is_last(current_, axis);
  if (!last) append(std::make_unique<Permute>(current_, order));
  append(std::make_unique<BatchNormalization>(current_, momentum, epsilon, center, scale, renormalization));
  if (!last) append(std::make_unique<Permute>(current_, order));
  end_layer();
}

void Network::add_row_normalization(RowNormalizationKind kind, std::int64_t axes, double epsilon, bool center,
                                    bool scale, const std::string& scale_name,
                                    const std::vector<std::int64_t>& order) {
  require_unbuilt();
  if (!order.empty()) append(std::make_unique<Permute>(current_, order));
  append(std::make_unique<RowNormalization>(current_, kind, axes, 1, epsilon, center, scale, scale_name));
  if (!order.empty()) {
    std::vector<std::int64_t> back(order.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
      back[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(i);
    }
    append(std::make_unique<Permute>(current_, back));
  }
  end_layer();
}

void Network::add_group_normalization(std::int64_t groups, double epsilon, bool center, bool scale,
                                      std::int64_t axis) {
  require_unbuilt();
  const std::int64_t place = axis == -1 ? static_cast<std::int64_t>(current_.size()) - 1 : axis;
  if (current_.empty() || is_last(current_, place)) {
    normalize_groups(groups, epsilon, center, scale);
  } else {
    const std::vector<std::int64_t> order = exchanged(current_, place, "GroupNormalization");
    append(std::make_unique<Permute>(current_, order));
    normalize_groups(groups, epsilon, center, scale);
    append(std::make_unique<Permute>(current_, order));
  }
  end_layer();
}

void Network::normalize_groups(std::int64_t groups, double epsilon, bool center, bool scale) {
  constexpr auto kind = RowNormalizationKind::standard;
  if (current_.size() <= 1) {
    append(std::make_unique<RowNormalization>(current_, kind, 1, groups, epsilon, center, scale, "gamma"));
    return;
  }
  // [..., groups * features] to [groups, ..., features], normalised, and back.
  const Shape whole = current_;
  const auto rank = static_cast<std::int64_t>(whole.size());
  if (groups < 1 || whole.back() % groups != 0) {
    throw ValueError(text("[GroupNormalization] the number of groups must divide the ", whole.back(),
                          " features. Received: groups=", groups));
  }
  Shape split(whole.begin(), whole.end() - 1);
  split.push_back(groups);
  split.push_back(whole.back() / groups);
  std::vector<std::int64_t> there{rank - 1}, back;
  for (std::int64_t axis = 0; axis < rank - 1; ++axis) there.push_back(axis), back.push_back(axis + 1);
  there.push_back(rank), back.push_back(0), back.push_back(rank);
  append(std::make_unique<Permute>(split, there));
  append(std::make_unique<RowNormalization>(current_, kind, rank, 1, epsilon, false, false, "gamma"));
  append(std::make_unique<Permute>(current_, back));
  current_ = whole;
  if (center || scale) append(std::make_unique<Affine>(whole, center, scale));
}

void Network::add_prelu(std::int64_t shared) {
  require_unbuilt();
  append(std::make_unique<Prelu>(current_, shared));
  end_layer();
}

void Network::add_alpha_dropout(double rate, std::uint64_t seed) {
  Shape noise{-1};
  noise.insert(noise.end(), current_.begin(), current_.end());
  add_masked_dropout(rate, noise, seed, true);
}

void Network::add_masked_dropout(double rate, const Shape& noise, std::uint64_t seed, bool alpha) {
  require_unbuilt();
  append(std::make_unique<MaskedDropout>(current_, rate, noise, alpha, seed, dropouts_));
  ++dropouts_;
  end_layer();
}

void Network::add_gaussian_noise(double stddev, std::uint64_t seed) {
  require_unbuilt();
  append(std::make_unique<GaussianNoise>(current_, stddev, seed, noises_));
  ++noises_;
  end_layer();
}

void Network::add_gaussian_dropout(double rate, std::uint64_t seed) {
  require_unbuilt();
  append(std::make_unique<GaussianDropout>(current_, rate, seed, noises_));
  ++noises_;
  end_layer();
}

void Network::add_embedding(std::int64_t entries, std::int64_t columns) {
  require_unbuilt();
  append(std::make_unique<Embedding>(current_, entries, columns));
  end_layer();
}

void Network::normalize_next_kernel(std::int64_t power_iterations) {
  require_unbuilt();
  if (power_iterations < 1) {
    throw ValueError(
        text("[SpectralNormalization] power_iterations must be positive. Received: power_iterations=",
             power_iterations));
  }
  power_iterations_ = power_iterations;
}

void Network::add_activity_penalty(double l1, double l2) {
  require_unbuilt();
  append(std::make_unique<ActivityPenalty>(current_, l1, l2));
  name_value();
}

}  // namespace lamina::nn
