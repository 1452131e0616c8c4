#include "nn/optimizers/optimizer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/error.h"
#include "nn/parameters/flat_pointers.h"

namespace lamina::nn {

namespace {

struct RuleSlot {
  std::string name;
  StateDecay fading = StateDecay::none;
};

/// The rule's own slots, in the order of OptimizerKind's comment.
std::vector<RuleSlot> rule_slots(const OptimizerSettings& settings) {
  const RuleSlot momentum{"momentum", StateDecay::average}, velocity{"velocity", StateDecay::squares};
  switch (settings.kind) {
    case OptimizerKind::sgd:
      return {};
    case OptimizerKind::momentum:
    case OptimizerKind::nesterov:
    case OptimizerKind::lion:
      return {momentum};
    case OptimizerKind::adam:
    case OptimizerKind::nadam:
    case OptimizerKind::lamb:
    case OptimizerKind::muon:
      return {momentum, velocity};
    case OptimizerKind::schedule_free:
      return {{"momentum"}, velocity};  // the first is where the parameters would be
    case OptimizerKind::amsgrad:
      return {momentum, velocity, {"velocity_hat"}};
    case OptimizerKind::rmsprop:
      return {velocity};
    case OptimizerKind::rmsprop_momentum:
      return {velocity, momentum};
    case OptimizerKind::rmsprop_centered:
      return {velocity, {"average_gradient", StateDecay::average}};
    case OptimizerKind::rmsprop_centered_momentum:
      return {velocity, momentum, {"average_gradient", StateDecay::average}};
    case OptimizerKind::adadelta:
      return {{"accumulated_grad", StateDecay::squares}, {"accumulated_delta_var", StateDecay::squares}};
    case OptimizerKind::adagrad:
      return {{"accumulator"}};
    case OptimizerKind::adamax:
      return {momentum, {"norm", StateDecay::squares}};
    case OptimizerKind::ftrl:
    case OptimizerKind::ftrl_power:
      return {{"accumulator"}, {"linear"}};
    case OptimizerKind::adafactor:
      return {{"row"}, {"column"}, {"velocity"}};  // epsilon_1 is in the squares
    case OptimizerKind::lbfgs: {
      std::vector<RuleSlot> slots;
      for (std::int64_t i = 0; i < settings.lbfgs.history; ++i) {
        slots.push_back({text("step_", i)});
        slots.push_back({text("gradient_change_", i)});
      }
      return slots;
    }
  }
  return {};
}

}  // namespace

Optimizer::Optimizer(const OptimizerSettings& settings, const ParameterStore& store) : settings_(settings) {
  check(settings);
  if (settings.use_ema) add_slot(store, "average", StateDecay::average);
  if (settings.gradient_accumulation_steps > 1) {
    add_slot(store, "gradient_accumulator", StateDecay::none);  // zero whenever it has been used
  }
  for (RuleSlot& slot : rule_slots(settings)) {
    const double value = slot.name == "accumulator" ? settings.initial_accumulator_value : 0.0;
    add_slot(store, std::move(slot.name), slot.fading, value);
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
    std::vector<void*> pairs;
    for (const Device::Memory& slot : slots_) pairs.push_back(slot.get());
    lbfgs_ = std::make_unique<Lbfgs>(settings.lbfgs, store, std::move(pairs));
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

void Optimizer::add_slot(const ParameterStore& store, std::string name, StateDecay fading, double value) {
  Device& device = store.device();
  Device::Memory memory = device.make(store.flat_bytes());
  device.fill_zero(memory.get(), store.flat_bytes());
  if (value != 0.0) {  // 0 * x + value over the zeros
    std::vector<char> one(size_of(store.dtype()));
    if (store.dtype() == DType::float32) {
      *reinterpret_cast<float*>(one.data()) = static_cast<float>(value);
    } else {
      *reinterpret_cast<double*>(one.data()) = value;
    }
    for (const PlacedParameter& p : store.layout().parameters()) {
      std::vector<char> all;
      all.reserve(one.size() * static_cast<std::size_t>(p.count));
      for (std::int64_t i = 0; i < p.count; ++i) all.insert(all.end(), one.begin(), one.end());
      device.copy_from_host(at(memory.get(), p.offset, store.dtype()), all.data(), all.size());
    }
  }
  slot_names_.push_back(std::move(name));
  decays_.push_back(fading);
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

void Optimizer::prepare() { rate_ = learning_rate(); }

void Optimizer::descend(const ParameterStore& store, const Lbfgs::Evaluate& evaluate,
                        const Lbfgs::Locked& locked, const std::vector<FlatRange>* trainable) {
  if (lbfgs_ == nullptr) throw StateError("[optimizer] only L-BFGS works on all samples at once");
  lbfgs_->descend(store,
                  {evaluate, locked,
                   [this] {
                     prepare();
                     return rate_;
                   },
                   [this] { ++iterations_; }},
                  trainable);
}

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

void* Optimizer::scratch(const ParameterStore& store, std::size_t i) {
  while (scratch_.size() <= i) {
    scratch_.push_back(store.device().make(store.flat_bytes()));
    store.device().fill_zero(scratch_.back().get(), store.flat_bytes());
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

const std::vector<Optimizer::Piece>& Optimizer::pieces(const ParameterStore& store,
                                                       const std::vector<FlatRange>* trainable) {
  const bool all = trainable == nullptr;
  if (pieces_made_ && all == all_ && (all || *trainable == ranges_)) return pieces_;
  const bool apart = (settings_.clipnorm && *settings_.clipnorm > 0.0) || !is_elementwise(settings_.kind) ||
                     settings_.kind == OptimizerKind::lamb;
  std::vector<Piece> made;
  const auto& parameters = store.layout().parameters();
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

const std::vector<Optimizer::Piece>& Optimizer::last_pieces(const ParameterStore& store) {
  return pieces_made_ ? pieces_ : pieces(store, nullptr);
}

void Optimizer::swap_average(const ParameterStore& store) {
  if (!settings_.use_ema) {
    throw StateError("[optimizer] there is no average of the weights: use_ema is False");
  }
  if (iterations_ == 0) return;  // before the first step the average is the weights
  void* const mean = slots_[slot_index("average")].get();
  void* const aside = scratch(store, 0);
  for (const Piece& piece : last_pieces(store)) {
    const std::size_t size = static_cast<std::size_t>(piece.count) * size_of(store.dtype());
    const auto place = [&](void* flat) { return at(flat, piece.first, store.dtype()); };
    store.device().copy(place(aside), place(mean), size);
    store.device().copy(place(mean), place(store.values()), size);
    store.device().copy(place(store.values()), place(aside), size);
  }
  swapped_ = !swapped_;
}

void Optimizer::adopt_average(const ParameterStore& store) {
  if (!settings_.use_ema || iterations_ == 0) return;
  void* const mean = slots_[slot_index("average")].get();
  for (const Piece& piece : last_pieces(store)) {
    void* const average = at(mean, piece.first, store.dtype());
    void* const value = at(store.values(), piece.first, store.dtype());
    store.device().copy(swapped_ ? average : value, swapped_ ? value : average,
                        static_cast<std::size_t>(piece.count) * size_of(store.dtype()));
  }
  swapped_ = false;
}

}  // namespace lamina::nn
