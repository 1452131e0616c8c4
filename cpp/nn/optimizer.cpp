#include "nn/optimizer.h"

#include <algorithm>
#include <limits>

#include "core/error.h"
#include "nn/lbfgs.h"
#include "numerics/elementary.h"
#include "numerics/scalar.h"

namespace lamina::nn {

namespace {

double root(double x) { return sqrt(numerics::Lane<double>::splat(x)).value; }

/// The rule's own slots, in the order of OptimizerKind's comment.
std::vector<std::string> rule_slots(const OptimizerSettings& settings) {
  switch (settings.kind) {
    case OptimizerKind::sgd:
      return {};
    case OptimizerKind::momentum:
    case OptimizerKind::nesterov:
    case OptimizerKind::lion:
      return {"momentum"};
    case OptimizerKind::adam:
    case OptimizerKind::nadam:
    case OptimizerKind::lamb:
    case OptimizerKind::muon:
      return {"momentum", "velocity"};
    case OptimizerKind::amsgrad:
      return {"momentum", "velocity", "velocity_hat"};
    case OptimizerKind::rmsprop:
      return {"velocity"};
    case OptimizerKind::rmsprop_momentum:
      return {"velocity", "momentum"};
    case OptimizerKind::rmsprop_centered:
      return {"velocity", "average_gradient"};
    case OptimizerKind::rmsprop_centered_momentum:
      return {"velocity", "momentum", "average_gradient"};
    case OptimizerKind::adadelta:
      return {"accumulated_grad", "accumulated_delta_var"};
    case OptimizerKind::adagrad:
      return {"accumulator"};
    case OptimizerKind::adamax:
      return {"momentum", "norm"};
    case OptimizerKind::ftrl:
    case OptimizerKind::ftrl_power:
      return {"accumulator", "linear"};
    case OptimizerKind::adafactor:
      return {"row", "column", "velocity"};
    case OptimizerKind::lbfgs: {
      std::vector<std::string> names;
      for (std::int64_t i = 0; i < settings.lbfgs.history; ++i) {
        names.push_back(text("step_", i));
        names.push_back(text("gradient_change_", i));
      }
      return names;
    }
  }
  return {};
}

const char* at(const void* flat, std::int64_t first, DType dtype) {
  return static_cast<const char*>(flat) + static_cast<std::size_t>(first) * size_of(dtype);
}
char* at(void* flat, std::int64_t first, DType dtype) {
  return static_cast<char*>(flat) + static_cast<std::size_t>(first) * size_of(dtype);
}

}  // namespace

Optimizer::Optimizer(const OptimizerSettings& settings, const Network& network) : settings_(settings) {
  check(settings);
  if (settings.use_ema) add_slot(network, "average");
  if (settings.gradient_accumulation_steps > 1) add_slot(network, "gradient_accumulator");
  for (std::string& name : rule_slots(settings)) {
    add_slot(network, name, name == "accumulator" ? settings.initial_accumulator_value : 0.0);
  }
  const auto add_number = [this](const char* name, double& number) {
    number_names_.emplace_back(name);
    numbers_.push_back(&number);
  };
  if (settings.kind == OptimizerKind::nadam) add_number("u_product", nadam_product_);
  if (settings.dynamic_scale != 0.0) {
    dynamic_scale_ = settings.dynamic_scale;
    add_number("step_counter", finite_steps_);
    add_number("dynamic_scale", dynamic_scale_);
  }
  if (settings.kind == OptimizerKind::lbfgs) {
    lbfgs_ = std::make_unique<Lbfgs>(*this, network);
    add_number("pairs", lbfgs_->pairs);
    add_number("newest", lbfgs_->newest);
  }
  const auto on = [](const std::optional<double>& number) { return number && *number != 0.0; };
  plain_ = is_elementwise(settings.kind) && settings.kind != OptimizerKind::lamb &&
           !on(settings.weight_decay) && !on(settings.clipnorm) && !on(settings.clipvalue) &&
           !on(settings.global_clipnorm) && !settings.use_ema;
  rate_ = settings.learning_rate;
}

Optimizer::~Optimizer() = default;

void Optimizer::add_slot(const Network& network, std::string name, double value) {
  Device& device = network.device();
  Device::Memory memory = device.make(network.flat_bytes());
  device.fill_zero(memory.get(), network.flat_bytes());
  if (value != 0.0) {  // 0 * x + value over the zeros
    std::vector<char> one(size_of(network.dtype()));
    if (network.dtype() == DType::float32) {
      *reinterpret_cast<float*>(one.data()) = static_cast<float>(value);
    } else {
      *reinterpret_cast<double*>(one.data()) = value;
    }
    for (const PlacedParameter& p : network.layout().parameters()) {
      std::vector<char> all;
      all.reserve(one.size() * static_cast<std::size_t>(p.count));
      for (std::int64_t i = 0; i < p.count; ++i) all.insert(all.end(), one.begin(), one.end());
      device.copy_from_host(at(memory.get(), p.offset, network.dtype()), all.data(), all.size());
    }
  }
  slot_names_.push_back(std::move(name));
  slots_.push_back(std::move(memory));
}

double Optimizer::learning_rate() const {
  double rate = settings_.learning_rate;
  if (settings_.rate_function) {
    rate = settings_.rate_function(iterations_);
  } else if (settings_.schedule.kind != ScheduleKind::none) {
    rate = settings_.schedule.at(iterations_);
  }
  if (!(rate >= 0.0 && rate <= std::numeric_limits<double>::max())) {
    throw ValueError(text("[optimizer] the learning rate of step ", iterations_,
                          " must be a finite number of at least 0. Received: learning_rate=", rate));
  }
  return rate;
}

std::vector<double> Optimizer::rates_ahead(std::int64_t steps) const {
  if (!plain_ || settings_.kind > OptimizerKind::adam || settings_.rate_function ||
      settings_.gradient_accumulation_steps > 1 || settings_.dynamic_scale != 0.0 || loss_scale() != 1.0) {
    return {};
  }
  std::vector<double> rates;
  rates.reserve(static_cast<std::size_t>(steps));
  for (std::int64_t i = iterations_; i < iterations_ + steps; ++i) {
    const double rate =
        settings_.schedule.kind != ScheduleKind::none ? settings_.schedule.at(i) : settings_.learning_rate;
    if (!(rate >= 0.0 && rate <= std::numeric_limits<double>::max())) return {};  // step by step: an error
    const std::int64_t t = i + 1;
    rates.push_back(settings_.kind != OptimizerKind::adam
                        ? rate
                        : rate * root(bias_correction(settings_.beta_2, t)) /
                              bias_correction(settings_.beta_1, t));
  }
  return rates;
}

void Optimizer::prepare() { rate_ = learning_rate(); }

void Optimizer::set_learning_rate(double rate) {
  if (settings_.rate_function || settings_.schedule.kind != ScheduleKind::none) {
    throw StateError("[optimizer] the learning rate follows a schedule and cannot be set");
  }
  if (!(rate >= 0.0 && rate <= std::numeric_limits<double>::max())) {
    throw ValueError(text(
        "[optimizer] learning_rate must be a finite number of at least 0. Received: learning_rate=", rate));
  }
  settings_.learning_rate = rate;
}

void Optimizer::follow(const OptimizerSettings& other) {
  check(other);
  settings_.learning_rate = other.learning_rate;
  settings_.schedule = other.schedule;
  settings_.rate_function = other.rate_function;
}

void Optimizer::set_iterations(std::int64_t n) {
  if (n < 0) throw ValueError(text("[optimizer] iterations cannot be negative. Received: ", n));
  iterations_ = n;
}

bool Optimizer::muon_takes_adam(const PlacedParameter& parameter, std::size_t index) const {
  if (settings_.kind != OptimizerKind::muon) return false;
  const auto& chosen = settings_.muon.adam_parameters;
  return parameter.shape.size() != 2 ||
         std::find(chosen.begin(), chosen.end(), static_cast<std::int64_t>(index)) != chosen.end();
}

std::optional<Shape> Optimizer::slot_shape(std::size_t slot, const PlacedParameter& parameter,
                                           std::size_t index) const {
  const std::string& name = slot_names_[slot];
  Shape shape = parameter.shape;
  if (settings_.kind == OptimizerKind::adafactor && (name == "row" || name == "column")) {
    if (shape.size() < 2) return std::nullopt;
    shape.erase(shape.end() - (name == "row" ? 1 : 2));
  }
  if (settings_.kind == OptimizerKind::muon && name == "velocity" && !muon_takes_adam(parameter, index)) {
    return std::nullopt;
  }
  return shape;
}

std::size_t Optimizer::slot_index(std::string_view name) const {
  return static_cast<std::size_t>(std::find(slot_names_.begin(), slot_names_.end(), name) -
                                  slot_names_.begin());
}

void* Optimizer::scratch(const Network& network, std::size_t i) {
  while (scratch_.size() <= i) {
    scratch_.push_back(network.device().make(network.flat_bytes()));
    network.device().fill_zero(scratch_.back().get(), network.flat_bytes());
  }
  return scratch_[i].get();
}

double Optimizer::decay_of(std::size_t index, bool adam) const {
  const std::optional<double>& decay = adam ? settings_.muon.adam_weight_decay : settings_.weight_decay;
  const auto& excluded = settings_.without_decay;
  const bool out =
      std::find(excluded.begin(), excluded.end(), static_cast<std::int64_t>(index)) != excluded.end();
  return decay && !out ? *decay : 0.0;
}

const std::vector<Optimizer::Piece>& Optimizer::pieces(const Network& network,
                                                       const std::vector<FlatRange>* trainable) {
  const bool all = trainable == nullptr;
  if (pieces_made_ && all == all_ && (all || *trainable == ranges_)) return pieces_;
  const bool apart = (settings_.clipnorm && *settings_.clipnorm > 0.0) || !is_elementwise(settings_.kind) ||
                     settings_.kind == OptimizerKind::lamb;
  std::vector<Piece> made;
  const auto& parameters = network.layout().parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const PlacedParameter& p = parameters[i];
    const bool inside =
        all || std::any_of(trainable->begin(), trainable->end(), [&p](const FlatRange& range) {
          return p.offset >= range.first && p.offset < range.first + range.count;
        });
    if (!inside) continue;
    const bool adam = muon_takes_adam(p, i);
    const double decay = decay_of(i, adam);
    // The gap behind a parameter holds zeros, which every rule leaves alone.
    const bool joins =
        !apart && !made.empty() && made.back().decay == decay && i > 0 &&
        made.back().first + made.back().count == parameters[i - 1].offset + parameters[i - 1].count;
    if (joins) {
      made.back().count = p.offset + p.count - made.back().first;
    } else {
      made.push_back({p.offset, p.count, i, decay, adam});
    }
  }
  if (!all) ranges_ = *trainable;
  all_ = all;
  pieces_ = std::move(made);
  pieces_made_ = true;
  return pieces_;
}

const std::vector<Optimizer::Piece>& Optimizer::last_pieces(const Network& network) {
  return pieces_made_ ? pieces_ : pieces(network, nullptr);
}

void Optimizer::step(const Network& network, const std::vector<FlatRange>* trainable) {
  Device& device = network.device();
  if (lbfgs_) throw StateError("[optimizer] L-BFGS takes no single steps");
  pieces(network, trainable);
  if (settings_.dynamic_scale != 0.0) {
    for (const Piece& piece : pieces_) {
      if (device.all_finite(network.dtype(), piece.count,
                            at(network.gradients(), piece.first, network.dtype()))) {
        continue;
      }
      dynamic_scale_ *= 0.5;
      finite_steps_ = 0.0;
      return;
    }
  }
  const void* gradients = gathered(network);
  if (gradients != nullptr) {
    apply(network, gradients);
  } else if (settings_.use_ema) {
    for (const Piece& piece : pieces_) average(network, piece);
  }
  ++iterations_;
  if (settings_.dynamic_scale != 0.0) {
    finite_steps_ += 1.0;
    if (finite_steps_ >= static_cast<double>(settings_.dynamic_growth_steps)) {
      finite_steps_ = 0.0;
      dynamic_scale_ *= 2.0;
    }
  }
}

const void* Optimizer::gathered(const Network& network) {
  Device& device = network.device();
  const DType dtype = network.dtype();
  const double scale = loss_scale();
  const bool adds_up = settings_.gradient_accumulation_steps > 1;
  const void* source = network.gradients();
  if (scale == 1.0 && !adds_up) return source;
  void* const out = scratch(network, 0);
  if (scale != 1.0) {
    for (const Piece& piece : pieces_) {
      device.flat({dtype, FlatKind::divide, piece.count, at(source, piece.first, dtype), nullptr,
                   at(out, piece.first, dtype), scale, 0.0});
    }
    source = out;
  }
  if (!adds_up) return source;
  void* const sum = slots_[slot_index("gradient_accumulator")].get();
  const bool last = (iterations_ + 1) % settings_.gradient_accumulation_steps == 0;
  for (const Piece& piece : pieces_) {
    const void* x = at(source, piece.first, dtype);
    void* const y = at(sum, piece.first, dtype);
    if (!last) {
      device.flat({dtype, FlatKind::add_scaled, piece.count, x, y, y, 1.0, 0.0});
      continue;
    }
    device.flat({dtype, FlatKind::add_divide, piece.count, x, y, at(out, piece.first, dtype),
                 static_cast<double>(settings_.gradient_accumulation_steps), 0.0});
    device.fill_zero(y, static_cast<std::size_t>(piece.count) * size_of(dtype));
  }
  return last ? out : nullptr;
}

bool Optimizer::averages_overwrite() const {
  return settings_.ema_overwrite_frequency > 0 && (updates() + 1) % settings_.ema_overwrite_frequency == 0;
}

double Optimizer::average_momentum() const { return updates() == 0 ? 0.0 : settings_.ema_momentum; }

void Optimizer::average(const Network& network, const Piece& piece) {
  const DType dtype = network.dtype();
  void* const mean = at(slots_[slot_index("average")].get(), piece.first, dtype);
  void* const p = at(network.values(), piece.first, dtype);
  const double momentum = average_momentum();
  network.device().flat({dtype, FlatKind::blend, piece.count, mean, p, mean, momentum, 1.0 - momentum});
  if (averages_overwrite()) {
    network.device().copy(p, mean, static_cast<std::size_t>(piece.count) * size_of(dtype));
  }
}

void Optimizer::apply(const Network& network, const void* gradients) {
  Device& device = network.device();
  const DType dtype = network.dtype();
  if (settings_.kind == OptimizerKind::nadam) {
    nadam_product_ *= nadam_momentum(settings_.beta_1, updates() + 1);
  }
  UpdateTreatment treatment;
  treatment.decay_rate = rate_;
  const auto norm = [&](const Piece& piece) {
    const void* g = at(gradients, piece.first, dtype);
    return device.dot(dtype, piece.count, g, g);
  };
  const double limit = settings_.clipnorm.value_or(0.0),
               global_limit = settings_.global_clipnorm.value_or(0.0);
  if (limit > 0.0) {
    for (const Piece& piece : pieces_) {
      const double length = root(norm(piece));
      UpdateTreatment clipped = treatment;
      if (!(length <= limit)) {
        clipped.clip_scale = limit;
        clipped.clip_divisor = length;
      }
      update(network, gradients, piece, clipped);
    }
    return;
  }
  if (global_limit > 0.0) {
    double squares = 0.0;
    const auto& parameters = network.layout().parameters();
    for (const Piece& piece : pieces_) {
      for (std::size_t i = piece.parameter;
           i < parameters.size() && parameters[i].offset < piece.first + piece.count; ++i) {
        Piece one = piece;
        one.first = parameters[i].offset;
        one.count = parameters[i].count;
        squares += norm(one);
      }
    }
    const double length = root(squares);
    if (!(length <= global_limit)) {
      // Not finite: everything becomes NaN, so that nobody overlooks it.
      const bool finite = length <= std::numeric_limits<double>::max();
      treatment.clip_scale = finite ? global_limit / length : std::numeric_limits<double>::quiet_NaN();
      treatment.clip_divisor = 1.0;
    }
  } else {
    treatment.clip_value = settings_.clipvalue.value_or(0.0);
  }
  for (const Piece& piece : pieces_) update(network, gradients, piece, treatment);
}

void Optimizer::update(const Network& network, const void* gradients, const Piece& piece,
                       UpdateTreatment treatment) {
  Device& device = network.device();
  const DType dtype = network.dtype();
  treatment.decay = piece.decay;
  const std::size_t own = slot_names_.size() - static_cast<std::size_t>(slot_count(settings_.kind));
  const std::int64_t t = updates() + 1;
  const bool whole_rule = is_elementwise(settings_.kind) && settings_.kind != OptimizerKind::lamb;

  UpdateArguments u;
  u.dtype = dtype;
  u.kind = settings_.kind;
  u.n = piece.count;
  u.parameters = at(network.values(), piece.first, dtype);
  u.gradients = at(gradients, piece.first, dtype);
  u.momentum = settings_.momentum;
  u.beta_1 = settings_.beta_1;
  u.beta_2 = settings_.beta_2;
  u.epsilon = settings_.epsilon;
  if (whole_rule || settings_.kind == OptimizerKind::lamb || piece.adam) {
    for (int i = 0; i < slot_count(settings_.kind); ++i) {
      u.slots[i] = at(slots_[own + static_cast<std::size_t>(i)].get(), piece.first, dtype);
    }
  }
  const auto adam_rate = [&](double rate) {
    return rate * root(bias_correction(settings_.beta_2, t)) / bias_correction(settings_.beta_1, t);
  };
  if (whole_rule) {
    u.rate = settings_.kind == OptimizerKind::adam ? adam_rate(rate_) : rate_;
    fill_numbers(settings_, rate_, t, nadam_product_, u.numbers);
    if (!plain_) {
      if (settings_.use_ema) {
        treatment.average = at(slots_[slot_index("average")].get(), piece.first, dtype);
        treatment.average_momentum = average_momentum();
        treatment.overwrite = averages_overwrite();
      }
      u.treatment = &treatment;
    }
    device.update(u);
    return;
  }
  if (settings_.kind == OptimizerKind::lamb) {
    u.slots[2] = at(scratch(network, 1), piece.first, dtype);
    fill_numbers(settings_, rate_, t, nadam_product_, u.numbers);
    u.treatment = &treatment;
    device.update(u);
    lamb(network, piece);
  } else if (piece.adam) {
    u.kind = OptimizerKind::adam;
    u.rate = adam_rate(rate_ * settings_.muon.adam_lr_ratio);
    u.treatment = &treatment;
    device.update(u);
  } else {
    const void* g = u.gradients;
    void* const clipped = at(scratch(network, 1), piece.first, dtype);
    if (treatment.clip_divisor != 0.0) {
      device.flat({dtype, FlatKind::scale_divide, piece.count, g, nullptr, clipped, treatment.clip_scale,
                   treatment.clip_divisor});
      g = clipped;
    }
    if (treatment.clip_value != 0.0) {
      device.flat({dtype, FlatKind::clamp, piece.count, g, nullptr, clipped, treatment.clip_value, 0.0});
      g = clipped;
    }
    if (treatment.decay != 0.0) {
      device.flat({dtype, FlatKind::decay, piece.count, u.parameters, nullptr, u.parameters, treatment.decay,
                   treatment.decay_rate});
    }
    if (settings_.kind == OptimizerKind::adafactor) {
      adafactor(network, piece, g);
    } else {
      muon(network, piece, g);
    }
  }
  if (settings_.use_ema) average(network, piece);
}

void Optimizer::swap_average(const Network& network) {
  if (!settings_.use_ema) {
    throw StateError("[optimizer] there is no average of the weights: use_ema is False");
  }
  if (iterations_ == 0) return;  // before the first step the average is the weights
  void* const mean = slots_[slot_index("average")].get();
  void* const aside = scratch(network, 0);
  for (const Piece& piece : last_pieces(network)) {
    const std::size_t size = static_cast<std::size_t>(piece.count) * size_of(network.dtype());
    const auto place = [&](void* flat) { return at(flat, piece.first, network.dtype()); };
    network.device().copy(place(aside), place(mean), size);
    network.device().copy(place(mean), place(network.values()), size);
    network.device().copy(place(network.values()), place(aside), size);
  }
  swapped_ = !swapped_;
}

void Optimizer::adopt_average(const Network& network) {
  if (!settings_.use_ema || iterations_ == 0) return;
  void* const mean = slots_[slot_index("average")].get();
  for (const Piece& piece : last_pieces(network)) {
    void* const average = at(mean, piece.first, network.dtype());
    void* const value = at(network.values(), piece.first, network.dtype());
    network.device().copy(swapped_ ? average : value, swapped_ ? value : average,
                          static_cast<std::size_t>(piece.count) * size_of(network.dtype()));
  }
  swapped_ = false;
}

}  // namespace lamina::nn
