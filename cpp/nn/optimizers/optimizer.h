// An optimizer over the flat buffers of a store: its settings, slots and counters.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "nn/optimizers/lbfgs.h"
#include "nn/optimizers/optimizer_settings.h"
#include "nn/parameters/store.h"

namespace lamina::nn {

/// What becomes of a slot where no more gradients come (nn/optimizers/denormal_flush.cpp).
enum class StateDecay : std::uint8_t {
  none,     ///< it stays as it is, or it decays no further than a constant
  average,  ///< decays to 0
  squares,  ///< decays, and is divided by
};

class Optimizer {
 public:
  /// Slots for the store's parameters at their first values. ValueError for a number outside its
  /// range.
  Optimizer(const OptimizerSettings& settings, const ParameterStore& store);
  ~Optimizer();

  /// Settles the learning rate of the coming step. May call a custom function, so no lock may be held;
  /// ValueError when that gives no finite number of at least 0.
  void prepare();
  /// One step from `gradients`, with the learning rate that prepare() settled. `trainable`
  /// are the ranges to update, in order; a parameter is in one of them as a whole or not at all.
  /// Null: all parameters. Not for L-BFGS.
  /// `done`: parameters that separate() has updated, and that stay as they are.
  void step(const ParameterStore& store, const GradientView& gradients,
            const std::vector<FlatRange>* trainable = nullptr, std::span<const std::size_t> done = {});
  /// Whether each element's update needs no other element's gradient.
  bool separable() const;
  /// One parameter's part of the coming step, for a backward pass that uses its gradients at once.
  struct Separate {
    UpdateArguments update;  ///< but for the gradients
    UpdateTreatment treatment;
  };
  /// Fills in the part of `parameter`. False unless the optimizer is separable() and the parameter is
  /// trained.
  bool separate(const ParameterStore& store, const std::vector<FlatRange>* trainable,
                const PlacedParameter& parameter, Separate& part);
  /// Whether that many coming steps are the same calls in which nothing but numbers_ahead() differs. More
  /// than one: also that nobody is asked for the rate.
  bool repeats(const Device& device, std::int64_t steps) const;
  /// What changes from step to step in them; empty where a rate is not a finite number of at least 0. For
  /// recorded steps.
  std::vector<StepNumbers> numbers_ahead(std::int64_t steps);
  /// By what the gradient of the loss is to be multiplied: step() divides by it.
  double loss_scale() const {
    return settings_.dynamic_scale != 0.0 ? dynamic_scale_ : settings_.loss_scale_factor;
  }
  /// After each step(), and after count_recorded(): lets go of what is left of old gradients if that many
  /// steps have been taken that it is time. Not while a step is recorded, which would do it in every run.
  void flush_denormal_state(const ParameterStore& store);
  /// Whether descend() replaces step().
  bool is_lbfgs() const { return lbfgs_ != nullptr; }
  /// An epoch of L-BFGS, as Lbfgs::descend().
  void descend(const ParameterStore& store, const Lbfgs::Evaluate& evaluate, const Lbfgs::Locked& locked,
               const std::vector<FlatRange>* trainable = nullptr);
  /// Whether L-BFGS found nothing left to do.
  bool converged() const { return lbfgs_ != nullptr && lbfgs_->converged(); }

  const OptimizerSettings& settings() const { return settings_; }
  /// The learning rate of the coming step.
  double learning_rate() const;
  /// StateError when a schedule decides.
  void set_learning_rate(double rate);
  /// The learning rate or schedule of other settings instead of this one's.
  void follow(const OptimizerSettings& other);
  /// Steps taken, with gradient accumulation those that only added up too.
  std::int64_t iterations() const { return iterations_; }
  void set_iterations(std::int64_t n);
  /// After a step that update() took elsewhere, with numbers_ahead().
  void count_recorded();
  /// What a step changes on the host.
  struct Counters {
    std::int64_t iterations;
    double nadam_product;
  };
  Counters counters() const { return {iterations_, nadam_product_}; }
  void set_counters(const Counters& counters) {
    iterations_ = counters.iterations;
    nadam_product_ = counters.nadam_product;
  }

  // The state beside iterations: slots, each for some or all parameters, and single numbers.
  const std::vector<std::string>& slot_names() const { return slot_names_; }
  void* slot(std::size_t i) const { return slots_[i].get(); }
  /// The shape of a slot for one parameter; none if the parameter does without.
  std::optional<Shape> slot_shape(std::size_t slot, const PlacedParameter& parameter,
                                  std::size_t index) const;
  const std::vector<std::string>& number_names() const { return number_names_; }
  double number(std::size_t i) const { return *numbers_[i]; }
  void set_number(std::size_t i, double value) { *numbers_[i] = value; }

  /// Exchanges the trained parameters with their averages. StateError without use_ema.
  void swap_average(const ParameterStore& store);
  /// Whether they are exchanged now.
  bool swapped() const { return swapped_; }
  /// The parameters become their averages, if there are any, and so do the averages.
  void adopt_average(const ParameterStore& store);

 private:
  /// Neighbouring parameters that are treated alike.
  struct Piece {
    std::int64_t first = 0, count = 0;
    std::size_t parameter = 0;  ///< the first one
    double decay = 0.0;
    bool adam = false;  ///< Muon: takes Adam's rule
  };

  void add_slot(const ParameterStore& store, std::string name, StateDecay fading, double value = 0.0);
  const std::vector<Piece>& pieces(const ParameterStore& store, const std::vector<FlatRange>* trainable);
  /// The pieces of the last step, or of all parameters before any.
  const std::vector<Piece>& last_pieces(const ParameterStore& store);
  bool muon_takes_adam(const PlacedParameter& parameter, std::size_t index) const;
  double decay_of(std::size_t index, bool adam) const;
  /// The gradients after loss scaling and accumulation; none when this step only adds up.
  std::optional<GradientView> gathered(const ParameterStore& store, const GradientView& gradients);
  void apply(const ParameterStore& store, const GradientView& gradients, std::span<const std::size_t> done);
  /// The updates of a whole_rule(), clipped by norms that the host never sees.
  void clip_on_device(const ParameterStore& store, const GradientView& gradients,
                      const UpdateTreatment& treatment);
  bool whole_rule() const { return is_elementwise(settings_.kind) && settings_.kind != OptimizerKind::lamb; }
  void update(const ParameterStore& store, const GradientView& gradients, const Piece& piece,
              UpdateTreatment treatment);
  bool clips_norms() const {
    return settings_.clipnorm.value_or(0.0) > 0.0 || settings_.global_clipnorm.value_or(0.0) > 0.0;
  }
  UpdateTreatment plain_treatment() const;
  /// Where a piece lies and the settings; gradients, rate, numbers and treatment are still missing.
  UpdateArguments arguments(const ParameterStore& store, const Piece& piece) const;
  /// The rate and numbers of a whole_rule(), and the treatment if there is any.
  void complete(UpdateArguments& u, const Piece& piece, UpdateTreatment& treatment) const;
  /// With the bias corrections of update t.
  double adam_rate(double rate, std::int64_t t) const;
  void average(const ParameterStore& store, const Piece& piece);
  bool averages_overwrite(std::int64_t updates) const;
  double average_momentum(std::int64_t updates) const;
  /// Of the step after `updates` others.
  StepNumbers numbers_of(std::int64_t updates, double rate, double nadam_product) const;
  std::size_t slot_index(std::string_view name) const;
  std::int64_t updates() const { return iterations_ / settings_.gradient_accumulation_steps; }
  void* scratch(const ParameterStore& store, std::size_t i);

  // Rules of several calls (nn/optimizers/matrix_rules.cpp), on gradients and parameters that are treated
  // already.
  void lamb(const ParameterStore& store, const Piece& piece);
  void adafactor(const ParameterStore& store, const Piece& piece, const void* gradients);
  void muon(const ParameterStore& store, const Piece& piece, const void* gradients);

  OptimizerSettings settings_;
  std::int64_t iterations_ = 0;
  double rate_ = 0.0;   ///< settled by prepare()
  bool plain_ = false;  ///< an element-wise rule and nothing else
  std::vector<std::string> slot_names_, number_names_;
  std::vector<Device::Memory> slots_;
  std::vector<StateDecay> decays_;  ///< of each slot
  std::vector<double*> numbers_;
  double nadam_product_ = 1.0;
  double dynamic_scale_ = 0.0, finite_steps_ = 0.0;
  std::vector<FlatRange> ranges_;  ///< that pieces_ were made for, unless for all parameters
  bool all_ = true;
  std::vector<Piece> pieces_;
  bool pieces_made_ = false;
  bool swapped_ = false;
  std::vector<Device::Memory> scratch_;
  Device::Memory clip_factors_{nullptr, {nullptr}};  ///< [parameters + 1, 2] doubles
  std::unique_ptr<Lbfgs> lbfgs_;                     ///< what descends in place of steps
};

}  // namespace lamina::nn
