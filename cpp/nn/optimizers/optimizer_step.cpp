// One step of an optimizer: what is common to all rules, in its order, and the rule.
#include <algorithm>
#include <iterator>
#include <limits>

#include "core/error.h"
#include "nn/optimizers/optimizer.h"
#include "nn/parameters/flat_pointers.h"
#include "numerics/elementary.h"
#include "numerics/scalar.h"

namespace lamina::nn {

namespace {

double root(double x) { return sqrt(numerics::Lane<double>::splat(x)).value; }

}  // namespace

bool Optimizer::repeats(const Device& device, std::int64_t steps) const {
  // The first schedule-free step fills a slot.
  return whole_rule() && !(settings_.kind == OptimizerKind::schedule_free && iterations_ == 0) &&
         (!clips_norms() || device.clips_by_itself()) && (steps == 1 || !settings_.rate_function) &&
         settings_.gradient_accumulation_steps == 1 && settings_.dynamic_scale == 0.0 && loss_scale() == 1.0;
}

std::vector<StepNumbers> Optimizer::numbers_ahead(std::int64_t steps) {
  std::vector<StepNumbers> all;
  all.reserve(static_cast<std::size_t>(steps));
  double product = nadam_product_;
  const std::int64_t first = iterations_;
  for (std::int64_t t = first; t < first + steps; ++t) {
    double rate = settings_.learning_rate;
    if (settings_.rate_function) {
      rate = learning_rate();
    } else if (settings_.schedule.kind != ScheduleKind::none) {
      rate = settings_.schedule.at(t);
    }
    if (!(rate >= 0.0 && rate <= std::numeric_limits<double>::max())) return {};  // step by step: an error
    if (settings_.kind == OptimizerKind::nadam) product *= nadam_momentum(settings_.beta_1, t + 1);
    all.push_back(numbers_of(t, rate, product));
  }
  return all;
}

void Optimizer::count_recorded() {
  if (settings_.kind == OptimizerKind::nadam) {
    nadam_product_ *= nadam_momentum(settings_.beta_1, iterations_ + 1);
  }
  ++iterations_;
}

bool Optimizer::separable() const {
  // Nadam's product and the first average of schedule-free steps are made in apply().
  return whole_rule() && settings_.kind != OptimizerKind::nadam &&
         settings_.kind != OptimizerKind::schedule_free && !clips_norms() && loss_scale() == 1.0 &&
         settings_.dynamic_scale == 0.0 && settings_.gradient_accumulation_steps == 1;
}

bool Optimizer::separate(const ParameterStore& store, const std::vector<FlatRange>* trainable,
                         const PlacedParameter& parameter, Separate& part) {
  const std::vector<Piece>& all = pieces(store, trainable);
  const auto found = std::find_if(all.begin(), all.end(), [&parameter](const Piece& piece) {
    return parameter.offset >= piece.first && parameter.offset < piece.first + piece.count;
  });
  if (!separable() || found == all.end()) return false;
  Piece piece = *found;
  piece.first = parameter.offset;
  piece.count = parameter.count;
  part.treatment = plain_treatment();
  part.update = arguments(store, piece);
  complete(part.update, piece, part.treatment);
  return true;
}

void Optimizer::step(const ParameterStore& store, const GradientView& gradients,
                     const std::vector<FlatRange>* trainable, std::span<const std::size_t> done) {
  Device& device = store.device();
  if (lbfgs_) throw StateError("[optimizer] L-BFGS takes no single steps");
  pieces(store, trainable);
  if (settings_.dynamic_scale != 0.0) {
    for (const Piece& piece : pieces_) {
      if (device.all_finite(store.dtype(), piece.count, gradients.at(piece.first))) {
        continue;
      }
      dynamic_scale_ *= 0.5;
      finite_steps_ = 0.0;
      return;
    }
  }
  if (const std::optional<GradientView> whole = gathered(store, gradients)) {
    apply(store, *whole, done);
  } else if (settings_.use_ema) {
    for (const Piece& piece : pieces_) average(store, piece);
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

std::optional<GradientView> Optimizer::gathered(const ParameterStore& store, const GradientView& gradients) {
  Device& device = store.device();
  const DType dtype = store.dtype();
  const double scale = loss_scale();
  const bool adds_up = settings_.gradient_accumulation_steps > 1;
  if (scale == 1.0 && !adds_up) return gradients;
  const GradientView out(scratch(store, 0), dtype);
  GradientView source = gradients;
  if (scale != 1.0) {
    for (const Piece& piece : pieces_) {
      device.vector_op({dtype, VectorKind::divide, piece.count, source.at(piece.first), nullptr,
                        out.at(piece.first), scale, 0.0});
    }
    source = out;
  }
  if (!adds_up) return source;
  void* const sum = slots_[slot_index("gradient_accumulator")].get();
  const bool last = (iterations_ + 1) % settings_.gradient_accumulation_steps == 0;
  for (const Piece& piece : pieces_) {
    const void* x = source.at(piece.first);
    void* const y = at(sum, piece.first, dtype);
    if (!last) {
      device.vector_op({dtype, VectorKind::add_scaled, piece.count, x, y, y, 1.0, 0.0});
      continue;
    }
    device.vector_op({dtype, VectorKind::add_divide, piece.count, x, y, out.at(piece.first),
                      static_cast<double>(settings_.gradient_accumulation_steps), 0.0});
    device.fill_zero(y, static_cast<std::size_t>(piece.count) * size_of(dtype));
  }
  if (!last) return std::nullopt;
  return out;
}

bool Optimizer::averages_overwrite(std::int64_t updates) const {
  return settings_.ema_overwrite_frequency > 0 && (updates + 1) % settings_.ema_overwrite_frequency == 0;
}

double Optimizer::average_momentum(std::int64_t updates) const {
  return updates == 0 ? 0.0 : settings_.ema_momentum;
}

void Optimizer::average(const ParameterStore& store, const Piece& piece) {
  const DType dtype = store.dtype();
  void* const mean = at(slots_[slot_index("average")].get(), piece.first, dtype);
  void* const p = at(store.values(), piece.first, dtype);
  const double momentum = average_momentum(updates());
  store.device().vector_op({dtype, VectorKind::blend, piece.count, mean, p, mean, momentum, 1.0 - momentum});
  if (averages_overwrite(updates())) {
    store.device().copy(p, mean, static_cast<std::size_t>(piece.count) * size_of(dtype));
  }
}

UpdateTreatment Optimizer::plain_treatment() const {
  UpdateTreatment treatment;
  treatment.decay_rate = rate_;
  if (!clips_norms()) treatment.clip_value = settings_.clipvalue.value_or(0.0);
  return treatment;
}

void Optimizer::apply(const ParameterStore& store, const GradientView& gradients,
                      std::span<const std::size_t> done) {
  Device& device = store.device();
  const DType dtype = store.dtype();
  if (settings_.kind == OptimizerKind::schedule_free && updates() == 0) {
    // Of frozen parameters too: they may be thawed later.
    device.copy(slots_[slot_index("momentum")].get(), store.values(), store.flat_bytes());
  }
  if (settings_.kind == OptimizerKind::nadam) {
    nadam_product_ *= nadam_momentum(settings_.beta_1, updates() + 1);
  }
  UpdateTreatment treatment = plain_treatment();
  const auto norm = [&](const Piece& piece) {
    const void* g = gradients.at(piece.first);
    return device.dot(dtype, piece.count, g, g);
  };
  const double limit = settings_.clipnorm.value_or(0.0),
               global_limit = settings_.global_clipnorm.value_or(0.0);
  if (clips_norms() && whole_rule() && device.clips_by_itself()) {
    clip_on_device(store, gradients, treatment);
    return;
  }
  if (limit > 0.0) {
    for (const Piece& piece : pieces_) {
      const double length = root(norm(piece));
      UpdateTreatment clipped = treatment;
      if (!(length <= limit)) {
        clipped.clip_scale = limit;
        clipped.clip_divisor = length;
      }
      update(store, gradients, piece, clipped);
    }
    return;
  }
  if (global_limit > 0.0) {
    double squares = 0.0;
    const auto& parameters = store.layout().parameters();
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
  }
  for (const Piece& piece : pieces_) {
    Piece rest = piece;
    const std::int64_t end = piece.first + piece.count;
    while (rest.first < end) {
      // Up to the next parameter that is done, and on behind it; the gap behind holds zeros.
      std::int64_t stop = end, next = end;
      for (const std::size_t i : done) {
        const PlacedParameter& p = store.layout().parameters()[i];
        if (p.offset < rest.first || p.offset >= stop) continue;
        stop = p.offset;
        next = std::min(p.offset + placed(p.count), end);
      }
      rest.count = stop - rest.first;
      if (rest.count > 0) update(store, gradients, rest, treatment);
      rest.first = next;
    }
  }
}

void Optimizer::clip_on_device(const ParameterStore& store, const GradientView& gradients,
                               const UpdateTreatment& treatment) {
  Device& device = store.device();
  const auto& parameters = store.layout().parameters();
  const double limit = settings_.clipnorm.value_or(0.0);
  if (clip_factors_ == nullptr) clip_factors_ = device.make((parameters.size() + 1) * 2 * sizeof(double));
  ClipArguments clip;
  clip.dtype = store.dtype();
  clip.together = !(limit > 0.0);
  clip.limit = clip.together ? settings_.global_clipnorm.value_or(0.0) : limit;
  clip.factors = static_cast<double*>(clip_factors_.get());
  UpdateTreatment clipped = treatment;
  for (const Piece& piece : pieces_) {
    for (std::size_t i = piece.parameter;
         i < parameters.size() && parameters[i].offset < piece.first + piece.count; ++i) {
      clip.parts.push_back({gradients.at(parameters[i].offset), parameters[i].count});
    }
    if (clip.together) continue;  // a piece is one parameter otherwise
    device.clip_factors(clip);
    clipped.clip = clip.factors;
    update(store, gradients, piece, clipped);
    clip.parts.clear();
    clip.factors += 2;
  }
  if (!clip.together) return;
  device.clip_factors(clip);
  clipped.clip = clip.factors;
  for (const Piece& piece : pieces_) update(store, gradients, piece, clipped);
}

UpdateArguments Optimizer::arguments(const ParameterStore& store, const Piece& piece) const {
  UpdateArguments u;
  u.dtype = store.dtype();
  u.kind = settings_.kind;
  u.n = piece.count;
  u.parameters = at(store.values(), piece.first, u.dtype);
  u.momentum = settings_.momentum;
  u.beta_1 = settings_.beta_1;
  u.beta_2 = settings_.beta_2;
  u.epsilon = settings_.epsilon;
  if (is_elementwise(settings_.kind) || piece.adam) {
    const std::size_t own = slot_names_.size() - static_cast<std::size_t>(slot_count(settings_.kind));
    for (int i = 0; i < slot_count(settings_.kind); ++i) {
      u.slots[i] = at(slots_[own + static_cast<std::size_t>(i)].get(), piece.first, u.dtype);
    }
  }
  return u;
}

double Optimizer::adam_rate(double rate, std::int64_t t) const {
  return rate * root(bias_correction(settings_.beta_2, t)) / bias_correction(settings_.beta_1, t);
}

StepNumbers Optimizer::numbers_of(std::int64_t updates, double rate, double nadam_product) const {
  StepNumbers n;
  n.rate = settings_.kind == OptimizerKind::adam ? adam_rate(rate, updates + 1) : rate;
  n.decay_rate = rate;
  fill_numbers(settings_, rate, updates + 1, nadam_product, n.numbers);
  n.average_momentum = average_momentum(updates);
  n.overwrite = averages_overwrite(updates);
  return n;
}

void Optimizer::complete(UpdateArguments& u, const Piece& piece, UpdateTreatment& treatment) const {
  const StepNumbers now = numbers_of(updates(), rate_, nadam_product_);
  u.rate = now.rate;
  std::copy(std::begin(now.numbers), std::end(now.numbers), u.numbers);
  if (plain_) return;
  treatment.decay = piece.decay;
  treatment.decay_rate = now.decay_rate;
  if (settings_.use_ema) {
    treatment.average = at(slots_[slot_index("average")].get(), piece.first, u.dtype);
    treatment.average_momentum = now.average_momentum;
    treatment.overwrite = now.overwrite;
  }
  u.treatment = &treatment;
}

void Optimizer::update(const ParameterStore& store, const GradientView& gradients, const Piece& piece,
                       UpdateTreatment treatment) {
  Device& device = store.device();
  const DType dtype = store.dtype();
  UpdateArguments u = arguments(store, piece);
  u.gradients = gradients.at(piece.first);
  if (whole_rule()) {
    complete(u, piece, treatment);
    device.update(u);
    return;
  }
  treatment.decay = piece.decay;
  if (settings_.kind == OptimizerKind::lamb) {
    u.slots[2] = at(scratch(store, 1), piece.first, dtype);
    fill_numbers(settings_, rate_, updates() + 1, nadam_product_, u.numbers);
    u.treatment = &treatment;
    device.update(u);
    lamb(store, piece);
  } else if (piece.adam) {
    u.kind = OptimizerKind::adam;
    u.rate = adam_rate(rate_ * settings_.muon.adam_lr_ratio, updates() + 1);
    u.treatment = &treatment;
    device.update(u);
  } else {
    const void* g = u.gradients;
    void* const clipped = at(scratch(store, 1), piece.first, dtype);
    if (treatment.clip_divisor != 0.0) {
      device.vector_op({dtype, VectorKind::scale_divide, piece.count, g, nullptr, clipped,
                        treatment.clip_scale, treatment.clip_divisor});
      g = clipped;
    }
    if (treatment.clip_value != 0.0) {
      device.vector_op(
          {dtype, VectorKind::clamp, piece.count, g, nullptr, clipped, treatment.clip_value, 0.0});
      g = clipped;
    }
    if (treatment.decay != 0.0) {
      device.vector_op({dtype, VectorKind::decay, piece.count, u.parameters, nullptr, u.parameters,
                        treatment.decay, treatment.decay_rate});
    }
    if (settings_.kind == OptimizerKind::adafactor) {
      adafactor(store, piece, g);
    } else {
      muon(store, piece, g);
    }
  }
  if (settings_.use_ema) average(store, piece);
}

}  // namespace lamina::nn
